//! Attempts where there is no room of that name, or no longer: found by the name, and by nobody
//! else's.

use axum::http::Method;
use roomledger::dialect::auth::claims::{Grants, LedgerGrant};
use serde_json::{Value, json};

use super::support::Server;

fn refused(server: &Server, room: &str) -> Vec<Value> {
    let read = server.read(&format!("/events?room={room}&refused=true"));
    read["events"].as_array().unwrap().clone()
}

#[test]
fn attempts_on_a_room_that_is_not_there_are_found_by_its_name() {
    let server = Server::new();
    let ban = json!({ "command": "ban", "identity": "x" });
    let attempt = |room: &str| {
        server
            .post(&format!("/rooms/{room}/commands"), &ban)
            .expect(404)["position"]
            .clone()
    };
    let never = attempt("never");
    server.command("gone", &json!({ "command": "create_room" }));
    server.command("gone", &json!({ "command": "delete_room" }));
    let gone = attempt("gone");
    server.command("gone", &json!({ "command": "create_room" }));
    let remove = json!({ "command": "remove", "target": "identity:x" });
    let inside = server.post("/rooms/gone/commands", &remove).expect(404)["position"].clone();
    for (room, expected) in [
        ("never", vec![&never]),
        ("gone", vec![&gone, &inside]),
        ("n", vec![]),
    ] {
        let found = refused(&server, room);
        let found: Vec<&Value> = found.iter().map(|event| &event["position"]).collect();
        assert_eq!(found, expected, "{room}");
    }
    let event = server.read(&format!("/events/{never}"));
    assert_eq!(
        (&event["room"], &event["data"]["room"]),
        (&Value::Null, &json!("never"))
    );
    let quiet = server.read("/events?room=never&refused=false");
    assert_eq!(quiet["events"], json!([]));
}

/// Page by page, forwards and backwards, as all at once: the two streams are one list.
#[test]
fn pages_of_a_room_and_of_its_named_refusals_are_one_list() {
    let server = Server::new();
    let ban = json!({ "command": "ban", "identity": "x" });
    for _ in 0..4 {
        server.post("/rooms/r/commands", &ban).expect(404);
        server.post("/rooms/other/commands", &ban).expect(404);
        server.command("r", &json!({ "command": "create_room" }));
        server.command("r", &json!({ "command": "delete_room" }));
    }
    let positions = |page: &Value| -> Vec<u64> {
        let events = page["events"].as_array().unwrap();
        events
            .iter()
            .map(|event| event["position"].as_u64().unwrap())
            .collect()
    };
    let whole = positions(&server.read("/events?room=r&limit=1000"));
    assert_eq!(whole.len(), 12);
    assert!(whole.is_sorted());
    for limit in 1..=13 {
        for (order, edge) in [("asc", "after"), ("desc", "before")] {
            let mut found = Vec::new();
            let mut next = None;
            loop {
                let edge = next.map_or(String::new(), |next: u64| format!("&{edge}={next}"));
                let query = format!("/events?room=r&limit={limit}&order={order}{edge}");
                let page = server.read(&query);
                found.extend(positions(&page));
                next = page["next"].as_u64();
                if next.is_none() {
                    break;
                }
            }
            if order == "desc" {
                found.reverse();
            }
            assert_eq!(found, whole, "{order} by {limit}");
        }
    }
}

#[test]
fn a_token_for_the_room_finds_them_and_no_others() {
    let server = Server::new();
    let ban = json!({ "command": "ban", "identity": "x" });
    let position = server.post("/rooms/r/commands", &ban).expect(404)["position"].clone();
    let audit = |room: &str| Grants {
        ledger: LedgerGrant {
            audit: true,
            room: Some(room.to_owned()),
            ..LedgerGrant::default()
        },
        ..Grants::default()
    };
    for (room, found, one) in [("r", 200, 200), ("s", 403, 404)] {
        let bearer = format!("Bearer {}", server.token(&audit(room)));
        let headers = [("authorization", bearer.as_str())];
        let get = |path: &str| server.send(Method::GET, path, &headers, Vec::new());
        get("/events?room=r&refused=true").expect(found);
        get(&format!("/events/{position}")).expect(one);
    }
}

/// A flood is counted. The counts of a room are found by its name, also by a reader of that room
/// alone.
#[test]
fn a_sum_of_refusals_is_found_by_the_rooms_that_it_names() {
    let server = Server::new();
    let ban = json!({ "command": "ban", "identity": "x" });
    for _ in 0..62 {
        server.post("/rooms/never/commands", &ban).expect(404);
        server.post("/rooms/secret/commands", &ban).expect(404);
    }
    let of_never = server.token(&Grants {
        ledger: LedgerGrant {
            audit: true,
            room: Some("never".to_owned()),
            ..LedgerGrant::default()
        },
        ..Grants::default()
    });
    let bearer = format!("Bearer {of_never}");
    for query in ["kind=refusals_suppressed", "refused=true&order=desc"] {
        let path = format!("/events?room=never&{query}");
        let headers = [("authorization", bearer.as_str())];
        let read = server.send(Method::GET, &path, &headers, Vec::new());
        let read = read.expect(200);
        let is_sum = |event: &&Value| event["kind"] == "refusals_suppressed";
        let events = read["events"].as_array().unwrap();
        let sums: Vec<&Value> = events.iter().filter(is_sum).collect();
        assert!(!sums.is_empty(), "{query}");
        for sum in sums {
            let [count] = sum["data"]["counts"].as_array().unwrap().as_slice() else {
                panic!("{sum:#}");
            };
            assert_eq!(count["room"], "never");
            assert_eq!(count["count"], sum["data"]["count"]);
        }
        assert!(!read.to_string().contains("secret"));
    }
    let everywhere = server.events("kind=refusals_suppressed");
    let last = &everywhere.last().unwrap()["data"];
    assert_eq!(last["counts"].as_array().unwrap().len(), 2);
}

/// A move names two rooms: who looks under the one that it should have led to finds it as well.
#[test]
fn a_move_from_a_room_that_is_not_there_is_found_by_both_names() {
    let server = Server::new();
    server.join("there", "bob");
    let moved = json!({ "command": "move", "target": "identity:alice", "to_room": "there" });
    let refused = server.post("/rooms/nowhere/commands", &moved).expect(404);
    for room in ["nowhere", "there"] {
        let found = self::refused(&server, room);
        assert_eq!(found.len(), 1, "{room}");
        assert_eq!(found[0]["position"], refused["position"]);
        assert_eq!(found[0]["data"]["to_room"], "there");
    }
}

/// A call about all rooms is refused on record as well, under `*`.
#[test]
fn a_refused_call_about_all_rooms_is_on_record() {
    let server = Server::new();
    let grants = Grants {
        identity: "guest".to_owned(),
        ledger: LedgerGrant {
            report: true,
            admin: true,
            room: Some("town".to_owned()),
            ..LedgerGrant::default()
        },
        ..Grants::default()
    };
    let bearer = format!("Bearer {}", server.token(&grants));
    let headers = [("authorization", bearer.as_str())];
    let listing = json!({ "as_of": 0, "connections": [] });
    for (path, body, call) in [
        ("/clock/release", json!({}), "release_clock"),
        ("/reporters/sfu/sync", listing, "close_lost"),
    ] {
        let answer = server.post_with(path, &headers, &body).expect(403);
        let event = server.read(&format!("/events/{}", answer["position"]));
        assert_eq!(event["kind"], "command_refused", "{path}");
        assert_eq!(event["data"]["command"], call);
        assert_eq!(event["data"]["code"], "no-right");
        assert_eq!(event["actor"]["id"], "guest");
        assert_eq!(
            refused(&server, "*").len(),
            1 + usize::from(call == "close_lost")
        );
    }
}
