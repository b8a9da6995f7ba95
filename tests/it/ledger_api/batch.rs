//! Many calls in one request: as many as may be, as long as their answers may be, and as long as
//! somebody waits.

use axum::body::Body;
use axum::http::Request;
use roomledger::dialect::auth::claims::{Grants, LedgerGrant};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::support::Server;

#[test]
fn a_batch_has_as_many_calls_as_may_be_and_no_more() {
    let server = Server::new();
    let batch = |calls: usize| {
        let item = json!({ "method": "GET", "path": "/rooms" });
        server.post("/batch", &json!({ "items": vec![item; calls] }))
    };
    let answers = batch(128).expect(200);
    assert_eq!(statuses(&answers), [200; 128]);
    let problem = batch(129).expect(400);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("`items` has 129 entries, at most 128"),
        "{detail}"
    );
}

/// Two kilobytes must not be answered a gigabyte.
#[test]
fn the_answers_of_a_batch_come_to_32_mib_at_most() {
    let server = Server::new();
    for who in 0..4 {
        let metadata = "m".repeat(512 * 1024);
        let body = json!({ "identity": format!("p{who}"), "metadata": metadata });
        server.post("/rooms/meta/joins", &body).expect(201);
    }
    let one = server.read("/rooms/meta").to_string().len();
    let fit = 32 * 1024 * 1024 / one;
    let mut items = vec![json!({ "method": "GET", "path": "/rooms/meta" }); 59];
    items.push(json!({ "method": "POST", "path": "/rooms/late/commands",
        "body": { "command": "create_room" } }));
    let head = server.engine.head();
    let answers = server
        .post("/batch", &json!({ "items": items }))
        .expect(200);
    assert!(answers.to_string().len() <= 32 * 1024 * 1024);
    let statuses = statuses(&answers);
    assert_eq!(statuses[..fit], vec![200; fit]);
    assert_eq!(statuses[fit..], vec![413; 60 - fit]);
    let told = |at: usize| answers["items"][at]["body"]["detail"].as_str().unwrap();
    assert!(
        told(fit).contains("was carried out and answered 200"),
        "{}",
        told(fit)
    );
    assert!(
        told(fit + 1).contains("was not carried out"),
        "{}",
        told(fit + 1)
    );
    assert!(told(59).contains("was not carried out"), "{}", told(59));
    assert_eq!(server.engine.head(), head, "no call beyond the bound");
    assert_eq!(answers["position"], head.0);
}

#[test]
fn a_batch_without_a_reader_is_not_carried_on() {
    let server = Server::new();
    let metadata = "m".repeat(64 * 1024);
    let body = json!({ "identity": "alice", "metadata": metadata });
    server.post("/rooms/meta/joins", &body).expect(201);
    let mut items = vec![json!({ "method": "GET", "path": "/rooms/meta" })];
    for at in 0..100 {
        let body = json!({ "command": "update_room", "metadata": format!("later {at}") });
        items.push(json!({ "method": "POST", "path": "/rooms/meta/commands", "body": body }));
    }
    let all = Grants {
        ledger: LedgerGrant {
            admin: true,
            audit: true,
            ..LedgerGrant::default()
        },
        ..Grants::default()
    };
    let request = Request::post("/api/v1/batch")
        .header("authorization", format!("Bearer {}", server.token(&all)))
        .body(Body::from(json!({ "items": items }).to_string()));
    let begun = server.router.clone().oneshot(request.unwrap());
    let begun = server.runtime.block_on(begun).unwrap();
    assert_eq!(begun.status(), 200);
    let head = server.engine.head().0;
    drop(begun);
    // Time enough for all of them, were they carried out.
    for _ in 0..300 {
        server.read("/rooms/meta/participants/alice");
    }
    assert!(server.engine.head().0 < head + 50, "{head}");
}

fn statuses(answers: &Value) -> Vec<u64> {
    let items = answers["items"].as_array().unwrap().iter();
    items.map(|item| item["status"].as_u64().unwrap()).collect()
}
