//! Vendors' updates of a room tell on record what each setting was before.

use serde_json::{Value, json};

use crate::crossing::bearer;
use crate::videosdk::support::{Server, token};

/// The settings that the last update of room `r` changed: before and after, by path.
fn changed(server: &Server) -> Value {
    let audit = bearer(&json!({"ledger": {"audit": true}}));
    let path = "/api/v1/events?room=r&kind=room_config_changed&order=desc&limit=1";
    let page = server.fine(&audit, "GET", path, "");
    let data = &page["events"][0]["data"];
    let side = |name: &str| match &data["room"] {
        Value::Null => data[name].clone(),
        room => room[name].clone(),
    };
    let (before, after) = (side("before"), side("after"));
    let names = after.as_object().unwrap().keys();
    let names = names.chain(before.as_object().unwrap().keys());
    let differs = names.filter(|name| before.get(*name) != after.get(*name));
    let pairs = differs.map(|name| {
        let pair = json!([before.get(name), after.get(name)]);
        (name.clone(), pair)
    });
    pairs.collect::<serde_json::Map<String, Value>>().into()
}

#[test]
fn an_update_of_dailys_tells_both_sides() {
    let server = Server::new();
    let update = |path: &str, properties: &Value| {
        let body = json!({"name": "r", "properties": properties});
        let body = if path.ends_with("/r") {
            json!({"properties": properties})
        } else {
            body
        };
        server.fine("Bearer secret", "POST", path, &body.to_string());
    };
    let rooms = "/daily/v1/rooms";
    update(
        rooms,
        &json!({"max_participants": 7, "exp": 4_000_000_000_u64}),
    );
    update(&format!("{rooms}/r"), &json!({"max_participants": 9}));
    let told = changed(&server);
    assert_eq!(told["max_participants"], json!([7, 9]), "{told}");
    assert_eq!(told.get("expires_at"), None, "it stays");
    update(&format!("{rooms}/r"), &json!({"exp": 4_100_000_000_u64}));
    let told = changed(&server);
    let both = json!(["2096-10-02T07:06:40.000000Z", "2099-12-03T16:53:20.000000Z"]);
    assert_eq!(told["expires_at"], both, "{told}");
    assert_eq!(told.get("max_participants"), None, "it stays");
}

#[test]
fn an_update_of_videosdks_tells_both_sides() {
    let server = Server::new();
    let by = token(&json!({"roles": ["crawler"]}));
    server.fine(&by, "POST", "/videosdk/v2/rooms", r#"{"customRoomId":"r"}"#);
    for (status, both) in [("disabled", [false, true]), ("enabled", [true, false])] {
        let body = json!({"status": status}).to_string();
        server.fine(&by, "POST", "/videosdk/v2/rooms/r", &body);
        assert_eq!(changed(&server)["disabled"], json!(both), "{status}");
    }
}
