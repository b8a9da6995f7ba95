//! What the calls leave in the log, and where they differ from LiveKit on purpose.

use roomledger::domain::event::Event;
use roomledger::domain::{ActorKind, Kind};
use serde_json::json;

use super::support::{NOW_S, Server, accepted, admin, create, mint};

fn join_token(who: &str, room: &str) -> String {
    mint(
        json!({"iss": "devkey", "sub": who, "nbf": NOW_S - 10, "exp": NOW_S + 600,
        "video": {"roomJoin": true, "room": room}}),
    )
}

#[tokio::test]
async fn a_removal_is_recorded_with_who_why_and_request() {
    let server = Server::start();
    assert_eq!(
        server
            .call("CreateRoom", create(), json!({"name": "r"}))
            .await
            .status,
        200
    );
    server.join(&join_token("alice", "r")).await;
    let before = server.version("r");
    let headers = [
        ("X-Livekit-Request-Id", "q-1"),
        ("X-Audit-Actor", "zoe"),
        ("X-Audit-Reason", "spam"),
        ("X-Correlation-Id", "case 7"),
        ("User-Agent", "test/1"),
    ];
    let body = json!({"room": "r", "identity": "alice"});
    let got = server
        .call_with("RemoveParticipant", admin("r"), body.clone(), &headers)
        .await;
    assert_eq!((got.status, got.json()), (200, json!({})));
    let events = server.events("r", before).await;
    let kinds: Vec<Kind> = events
        .iter()
        .map(|record| record.event.event.kind())
        .collect();
    assert_eq!(kinds, [Kind::RemovalRequested, Kind::ConnectionsClosed]);
    let last = events.last().unwrap();
    assert_eq!(
        got.header("x-ledger-position"),
        Some(&*last.position.to_string())
    );
    assert_eq!(got.header("x-ledger-replayed"), None);
    let provenance = &last.command.provenance;
    assert_eq!(provenance.actor.kind, ActorKind::ApiKey);
    assert_eq!(provenance.actor.id, "devkey");
    assert_eq!(
        provenance.actor.on_behalf_of.as_ref().unwrap().as_str(),
        "zoe"
    );
    assert_eq!(provenance.via.dialect, "livekit");
    assert_eq!(provenance.via.call, "RemoveParticipant");
    assert_eq!(provenance.request_id.as_deref(), Some("q-1"));
    assert_eq!(provenance.reason.as_ref().unwrap().as_str(), "spam");
    assert_eq!(provenance.correlation.as_deref(), Some("case 7"));
    assert_eq!(provenance.user_agent.as_ref().unwrap().as_str(), "test/1");
    let list = server
        .call("ListParticipants", admin("r"), json!({"room": "r"}))
        .await;
    assert_eq!(list.json(), json!({"participants": []}));
    let again = server
        .call_with("RemoveParticipant", admin("r"), body, &headers)
        .await;
    assert_eq!((again.status, again.json()), (200, json!({})));
    assert_eq!(again.header("x-ledger-replayed"), Some("true"));
    assert_eq!(
        again.header("x-ledger-position"),
        got.header("x-ledger-position")
    );
    assert_eq!(
        server.events("r", before).await.len(),
        2,
        "a repeat appends nothing"
    );
}
