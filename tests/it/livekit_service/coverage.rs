//! Each call is answered in the way that the table of calls says.

use roomledger::dialect::coverage::Answered;
use roomledger::dialect::livekit::twirp::calls::Call;
use serde_json::json;

use super::support::room_with_alice;

#[tokio::test]
async fn every_call_is_answered_as_the_table_says() {
    for call in Call::ALL {
        let server = room_with_alice().await;
        let grants = json!({"roomCreate": true, "roomList": true, "roomAdmin": true, "room": "r",
            "destinationRoom": "s"});
        let body = json!({"name": "r", "room": "r", "identity": "alice",
            "destination_room": "s", "destination_identity": "alice", "method": "greet",
            "track_sid": server.track("r", "alice", "mic"), "muted": true});
        let got = server.call(call.name(), grants, body).await;
        let is_recorded = got.header("x-ledger-position").is_some();
        let want = match call.answered() {
            Answered::Recorded => (200, true),
            Answered::Read => (200, false),
            Answered::NeedsMedia => (501, false),
        };
        let name = call.name();
        assert_eq!((got.status, is_recorded), want, "{name}: {}", got.json());
    }
}
