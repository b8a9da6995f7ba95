//! The recordings of a real server, replayed from the top against ours: joins, publications and
//! leaves are reported to the engine, calls are sent as they stand, and the answers are compared
//! after mapping ids and leaving out what no two runs share.

use std::collections::BTreeMap;

use roomledger::dialect::livekit::twirp::calls::Call;
use roomledger::domain::command::ProfileUpdate;
use roomledger::domain::{Command, Identity, RoomName, Source, Target};
use roomledger::engine::{Clock as _, EngineConfig};
use serde_json::{Value, json};

use super::comparison::{Ids, answered, expanded, in_order, plain, recorded, sized, text};
use super::support::{Got, Server, accepted, admin, mint};
use super::webhooks::Hooks;
use crate::livekit_wire::{CALLS, UNMUTE, request_of};

/// Where we choose to answer otherwise than livekit-server 1.13.4, by line: status, the code of a
/// twirp error or else the first words, and why.
const CHOSEN: &[(u64, u16, &str, &str)] = &[
    (14, 400, "invalid_argument", "a room needs a name"),
    (15, 400, "invalid_argument", "a room needs a name"),
    (
        21,
        400,
        "invalid_argument",
        "no control characters in names",
    ),
    (24, 400, "invalid_argument", "the text names the field"),
    (
        25,
        400,
        "invalid_argument",
        "nothing is recorded here: said at once",
    ),
    (42, 400, "invalid_argument", "a room needs a name"),
    (
        51,
        400,
        "invalid_argument",
        "no control characters in names",
    ),
    (
        70,
        401,
        "invalid token, error: token has invalid claims: it has no exp",
        "endless token",
    ),
    (
        128,
        400,
        "malformed",
        "a field of the wrong wire type is refused, not dropped",
    ),
    (
        132,
        413,
        "request body is larger than 10485760 bytes",
        "the limit of newer builds",
    ),
    (
        351,
        400,
        "invalid_argument",
        "dropping an unknown source would widen the right",
    ),
    (385, 404, "not_found", "an unknown track is named"),
    (391, 404, "not_found", "an unknown track is named"),
    (394, 404, "not_found", "somebody else's track is not theirs"),
    (
        397,
        404,
        "not_found",
        "an unknown identity is answered at once",
    ),
    (400, 404, "not_found", "an unknown room is answered at once"),
    (403, 404, "not_found", "an unknown track is named"),
    (
        414,
        404,
        "not_found",
        "an unknown identity is answered at once",
    ),
    (415, 404, "not_found", "an unknown room is answered at once"),
    (427, 404, "not_found", "an unknown room is answered at once"),
    (430, 400, "invalid_argument", "the text names the field"),
    (434, 501, "unimplemented", "only a media server can"),
    (
        436,
        404,
        "not_found",
        "an unknown identity is answered at once",
    ),
    (438, 200, "{}", "moving works here"),
    (
        440,
        404,
        "not_found",
        "an unknown identity is answered at once",
    ),
    (442, 501, "unimplemented", "only a media server can"),
    (
        443,
        404,
        "not_found",
        "an unknown identity is answered at once",
    ),
];

/// LiveKit's counts are stale for seconds; ours are exact: line, participants, publishers.
const COUNTS: &[(u64, u32, u32)] = &[(166, 2, 0), (196, 4, 2), (197, 4, 2), (334, 4, 2)];

#[tokio::test]
async fn the_recorded_day_goes_as_it_went() {
    let replayed = Box::pin(replay(CALLS, Server::start())).await;
    assert_eq!(replayed, 278, "calls in the recording");
}

#[tokio::test]
async fn with_remote_unmute_enabled_too() {
    let mut config = EngineConfig::default();
    config.defaults.config.enable_remote_unmute = true;
    let replayed = Box::pin(replay(UNMUTE, Server::with(config))).await;
    assert_eq!(replayed, 4, "calls in the recording");
}

async fn replay(recording: &str, server: Server) -> usize {
    let steps: Vec<Value> = recording
        .lines()
        .map(|line| expanded(serde_json::from_str(line).unwrap()))
        .collect();
    let mut day = Day {
        server,
        rooms: BTreeMap::new(),
        grants: BTreeMap::new(),
        ids: Ids::default(),
        hooks: Hooks::default(),
    };
    let mut replayed = 0;
    for (at, step) in steps.iter().enumerate() {
        match step["step"].as_str().unwrap() {
            "call" => {
                day.call(step, steps.get(at + 1)).await;
                replayed += 1;
            }
            "join" => day.join(step).await,
            "publish" => day.publish(step).await,
            "leave" => day.leave(step).await,
            "webhooks" => day.hooks.compare(&day.server.engine, step, &mut day.ids),
            "client_saw" => day.update_itself(step).await,
            "decoded" | "self_update" => {}
            other => panic!("an unknown step {other}"),
        }
    }
    replayed
}

/// A replay in progress.
struct Day {
    server: Server,
    /// Where each client is.
    rooms: BTreeMap<String, String>,
    /// What each client's first token says.
    grants: BTreeMap<String, Value>,
    ids: Ids,
    hooks: Hooks,
}

impl Day {
    async fn call(&mut self, step: &Value, next: Option<&Value>) {
        self.wait(step).await;
        let sent = sized(&self.ids.in_ours(step));
        let got = self.server.send(request_of(&sent)).await;
        self.compare(step, next, &got);
        self.undo(step).await;
    }

    /// The recording waited for timers; and revocation compares moments.
    async fn wait(&self, step: &Value) {
        let seconds = match step["label"].as_str().unwrap() {
            "after the departure timeout" | "after the empty timeout" => 4,
            "remove with revoke_token_ts" => 300,
            _ => return,
        };
        self.server
            .clock
            .advance(std::time::Duration::from_secs(seconds));
        self.server.engine.fire_timers().await.unwrap();
    }

    /// What went otherwise is put back, so that the rest goes as recorded.
    async fn undo(&mut self, step: &Value) {
        if step["label"] != "MoveParticipant with destinationRoom" {
            return;
        }
        let bob = Identity::new("bob").unwrap();
        let back = Command::Move {
            target: Target::Identity(bob),
            to_room: RoomName::new("town").unwrap(),
        };
        let recorded = self.ids.recorded(&self.server.newest("city", "bob"));
        assert_eq!(recorded, None, "a move opens a new connection");
        assert!(accepted(&self.server.report("city", back).await));
        self.ids
            .rebind("PA_5mW6NYT77eZo", self.server.newest("town", "bob"));
        let all = json!({"can_publish": true, "can_publish_data": true, "can_subscribe": true});
        for permission in [json!({}), all] {
            let body = json!({"room": "town", "identity": "bob", "permission": permission});
            let got = self
                .server
                .call("UpdateParticipant", admin("town"), body)
                .await;
            assert_eq!(got.status, 200);
        }
    }

    async fn join(&mut self, step: &Value) {
        let (who, room) = (text(&step["who"]), text(&step["room"]));
        let revoked = step["label"] == "mallory rejoins after revoke_token_ts";
        let now_s = self.server.clock.wall().seconds();
        let mut claims = step["claims"].clone();
        claims["iss"] = json!("devkey");
        claims["sub"] = json!(who);
        claims["nbf"] = json!(if revoked { now_s - 290 } else { now_s });
        claims["exp"] = json!(now_s + 600);
        // Who rejoins does it with the token of the first time, whose grants stand only there.
        let is_again = step["label"]
            .as_str()
            .unwrap_or_default()
            .contains("rejoins");
        if !is_again {
            self.grants.insert(who.clone(), step["grants"].clone());
        }
        claims["video"] = self.grants[&who].clone();
        let mut receipt = self.server.join(&mint(&claims)).await;
        if revoked {
            assert!(!accepted(&receipt), "a revoked token cannot rejoin");
            claims["nbf"] = json!(now_s);
            receipt = self.server.join(&mint(&claims)).await;
        }
        assert_eq!(accepted(&receipt), step["failed"].is_null(), "{step}");
        if let Some(sid) = step["sid"].as_str() {
            self.ids.rebind(sid, self.server.newest(&room, &who));
            self.rooms.insert(who, room);
        }
    }

    async fn publish(&mut self, step: &Value) {
        let who = text(&step["who"]);
        let room = &self.rooms[&who];
        let source = match step["source"].as_str().unwrap() {
            "SOURCE_MICROPHONE" => Source::Microphone,
            "SOURCE_CAMERA" => Source::Camera,
            "SOURCE_SCREENSHARE" => Source::ScreenShare,
            other => panic!("an unknown source {other}"),
        };
        let name = text(&step["name"]);
        let receipt = self.server.publish(room, &who, source, &name).await;
        assert_eq!(accepted(&receipt), step["failed"].is_null(), "{step}");
        if let Some(sid) = step["sid"].as_str() {
            let room = self
                .server
                .engine
                .live(&RoomName::new(room).unwrap())
                .unwrap();
            let newest = self.server.newest(room.name.as_str(), &who);
            let connection = room.connection_by_ref(&newest).unwrap();
            self.ids
                .rebind(sid, connection.tracks.last().unwrap().sid());
        }
    }

    async fn leave(&mut self, step: &Value) {
        let who = text(&step["who"]);
        let Some(room) = self.rooms.remove(&who) else {
            return;
        };
        let leave = Command::Leave {
            connection: self.server.newest(&room, &who),
            reason: Some("CLIENT_INITIATED".to_owned()),
        };
        assert!(accepted(&self.server.report(&room, leave).await));
    }

    /// What clients saw is not ours to show; but what one did to itself stands only there.
    async fn update_itself(&self, step: &Value) {
        let who = text(&step["who"]);
        if step["label"] != format!("{who} updates herself (allowed)") {
            return;
        }
        let mut profile = ProfileUpdate::default();
        for event in step["events"].as_array().unwrap() {
            let new = event["new"].as_str().map(str::to_owned);
            match event["event"].as_str().unwrap() {
                "participant_metadata_changed" => profile.metadata = new,
                "participant_name_changed" => profile.name = new,
                "participant_attributes_changed" => {
                    let changed = event["changed"].as_object().unwrap();
                    let changed = changed.iter();
                    profile.attributes = changed.map(|(k, v)| (k.clone(), Some(text(v)))).collect();
                }
                other => assert_eq!(other, "token_refreshed"),
            }
        }
        let room = &self.rooms[&who];
        let connection = self.server.newest(room, &who);
        let update = Command::UpdateOwnProfile {
            connection,
            profile,
        };
        assert!(accepted(&self.server.report(room, update).await));
    }

    fn compare(&mut self, step: &Value, next: Option<&Value>, got: &Got) {
        let n = step["n"].as_u64().unwrap();
        let words = String::from_utf8_lossy(&got.body).into_owned();
        let at = format!("line {n}, {}: {words}", step["label"]);
        let is_day = step["scenario"] != "remote-unmute-enabled";
        if let Some(chosen) = CHOSEN.iter().find(|chosen| is_day && chosen.0 == n) {
            let (_, status, start, why) = chosen;
            assert_eq!(got.status, *status, "{at}: {why}");
            let is_code = got.json()["code"] == *start;
            assert!(is_code || words.starts_with(start), "{at}: {why}");
            return;
        }
        assert_eq!(u64::from(got.status), step["status"], "{at}");
        let content_type = got.header("content-type").unwrap_or_default();
        assert_eq!(
            content_type,
            step["content_type"].as_str().unwrap_or_default(),
            "{at}"
        );
        let call = step["path"].as_str().unwrap().rsplit('/').next().unwrap();
        let call = Call::named(call.split('?').next().unwrap());
        match (call.filter(|_| got.status == 200), content_type) {
            (Some(call), _) => {
                let (want, got) = (recorded(call, step, next), answered(call, step, got));
                self.compare_message(n, &want, &got, &at);
            }
            (None, "application/json") => {
                let want = step["response_text"].as_str().unwrap();
                let bare = want.replace("twirp error unknown: ", "");
                assert_eq!(
                    got.json(),
                    serde_json::from_str::<Value>(&bare).unwrap(),
                    "{at}"
                );
            }
            (None, _) => {
                let want = step["response_text"].as_str().unwrap();
                assert!(want.contains("<jwt>") || words == want, "{at}");
            }
        }
    }

    fn compare_message(&mut self, n: u64, want: &Value, got: &Value, at: &str) {
        let (mut want, mut got) = (want.clone(), got.clone());
        for (line, participants, publishers) in COUNTS {
            if *line == n {
                let room = if got["rooms"].is_array() {
                    &got["rooms"][0]
                } else {
                    &got
                };
                assert_eq!(room["num_participants"], *participants, "{at}");
                assert_eq!(room["num_publishers"], *publishers, "{at}");
            }
        }
        if n == 158 {
            // The room that line 25 made in spite of its error.
            want["rooms"]
                .as_array_mut()
                .unwrap()
                .retain(|room| room["name"] != "eg");
        }
        in_order(&mut want, &BTreeMap::new());
        in_order(&mut got, &self.ids.to_recorded);
        self.ids.bind(&want, &got);
        let got = plain(&self.ids.in_recorded(&got));
        assert_eq!(got, plain(&want), "{at}");
    }
}
