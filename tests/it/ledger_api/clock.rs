//! A clock that is held: how operators see it, and how they release it.

use axum::http::Method;
use roomledger::engine::Clock as _;
use serde_json::{Value, json};

use super::metrics::scrape;
use super::support::{Answer, Server};
use crate::crossing::bearer;

fn ready(server: &Server) -> Value {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    let request = Request::get("/readyz").body(Body::empty()).unwrap();
    server.runtime.block_on(async {
        let response = server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "commands are taken all the same");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    })
}

#[test]
fn an_operator_sees_a_held_clock_and_releases_it() {
    let server = Server::new();
    server.join("town", "alice");
    let trusted = &ready(&server)["clock"];
    assert_eq!(
        (&trusted["held"], &trusted["releases_itself"]),
        (&json!(false), &Value::Null)
    );
    let wall = server.engine.clock().wall();
    for (by, releases_itself) in [(7_200, true), (2 * 86_400, false)] {
        server.engine.clock().set_wall(wall.plus_seconds(by));
        server.join("town", "bob");
        let held = &ready(&server)["clock"];
        assert_eq!(held["held"], true);
        assert_eq!(held["releases_itself"], releases_itself, "{by}");
        assert_eq!(held["now"], json!(wall));
        assert_eq!(held["wall"], json!(wall.plus_seconds(by)));
    }
    let held = "roomledger_clock_held";
    assert!((scrape(&server).1[held] - 1.0).abs() < f64::EPSILON);

    refused(&server, &json!({"audit": true, "report": true}));
    refused(&server, &json!({"admin": true, "room": "town"}));
    let operator = bearer(&json!({"sub": "ops", "ledger": {"admin": true}}));
    let headers = [
        ("authorization", operator.as_str()),
        ("x-audit-reason", "checked the date"),
    ];
    let released = release(&server, &headers);
    let at = released.header("x-ledger-position").unwrap().to_owned();
    let released = released.expect(200);
    assert_eq!(
        (&released["released"], &released["clock"]["held"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(released["position"].to_string(), at);
    let event = server.read(&format!("/events/{at}"));
    assert_eq!(event["kind"], "clock_released");
    assert_eq!(
        event["actor"],
        json!({"kind": "api_key", "id": "ops", "key": "devkey"})
    );
    assert_eq!(
        event["via"],
        json!({"dialect": "ledger", "call": "release_clock"})
    );
    assert_eq!(event["data"], json!({"by_operator": true}));
    let sentence = "ops (key devkey) released the clock: timers run via ledger release_clock, \
                    reason \"checked the date\"";
    assert_eq!(event["sentence"], sentence);
    assert_eq!(event["recorded_at"], json!(wall.plus_seconds(2 * 86_400)));

    let again = release(&server, &headers).expect(200);
    assert_eq!(again["released"], false);
    assert_eq!(again["position"], server.engine.head().0);
    assert!(scrape(&server).1[held].abs() < f64::EPSILON);
}

fn release(server: &Server, headers: &[(&str, &str)]) -> Answer {
    server.send(Method::POST, "/clock/release", headers, Vec::new())
}

fn refused(server: &Server, ledger: &Value) {
    let by = bearer(&json!({ "ledger": ledger }));
    let headers = [("authorization", by.as_str())];
    let refused = release(server, &headers);
    assert_eq!(refused.expect(403)["type"], "no-right");
    assert_eq!(ready(server)["clock"]["held"], true, "{ledger}");
}
