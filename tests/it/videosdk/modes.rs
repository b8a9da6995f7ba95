//! `changeModeHistory`: what a model keeps by the way is what is read out of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use roomledger::dialect::javascript::iso;
use roomledger::domain::command::{PermissionUpdate, Remove, UpdatePermissions};
use roomledger::domain::event::UpdateMode;
use roomledger::domain::{Command, Identity, PermissionPatch, Target};
use roomledger::engine::Clock as _;
use serde_json::Value;

use super::support::Server;

/// Modes, each with the moment it began.
type Told = Vec<(String, String)>;

/// Lets somebody send, or no longer.
fn let_send(server: &Server, who: &str, enabled: bool) {
    let update = PermissionUpdate {
        patch: PermissionPatch {
            send_enabled: Some(enabled),
            ..PermissionPatch::default()
        },
        ..PermissionUpdate::default()
    };
    let target = Target::Identity(Identity::new(who).unwrap());
    let command = UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: BTreeMap::from([(target, update)]),
        refuse_unknown: false,
    };
    server.execute("town", Command::UpdatePermissions(command));
}

/// Whoever is there, with their modes and since when, and the mode they are in.
fn shown(server: &Server) -> BTreeMap<String, Told> {
    let rooms = server.engine.live_rooms();
    let id = rooms[0].open_session().unwrap().id.object_id();
    let path = format!("/videosdk/v2/sessions/{id}/participants/active");
    let (status, answer) = server.call("GET", &path, "");
    assert_eq!(status, 200, "{answer}");
    let people = answer["data"][0]["participants"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let modes = |it: &Value| {
        let history = it["changeModeHistory"].as_array().unwrap();
        let told: Vec<_> = history
            .iter()
            .map(|it| (text(&it["mode"]), text(&it["timelog"])))
            .collect();
        assert_eq!(told.last().unwrap().0, text(&it["mode"]), "{it}");
        let ids: BTreeSet<String> = history.iter().map(|it| text(&it["_id"])).collect();
        assert!(
            ids.len() == told.len() && ids.iter().all(|id| id.len() == 24),
            "{it}"
        );
        told
    };
    people
        .iter()
        .map(|it| (text(&it["participantId"]), modes(it)))
        .collect()
}

/// A second later, as it is written.
fn second(server: &Server) -> String {
    server.engine.advance(Duration::from_secs(1)).unwrap();
    iso(server.engine.clock().wall())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_modes_told_are_those_that_were(
        steps in vec((select(vec!["ada", "bo", "eve"]), 0..6_u8), 1..32),
    ) {
        let server = Server::new();
        // Somebody stays, so that it is one session throughout.
        server.join("town", "host");
        let mut model: BTreeMap<&str, (bool, Told)> = BTreeMap::new();
        for (who, step) in steps {
            let at = second(&server);
            let (is_there, modes) = model.entry(who).or_default();
            let sends = match step {
                0 | 1 => {
                    server.join("town", who);
                    *is_there = true;
                    Some(true)
                }
                2 if *is_there => {
                    server.remove("town", who);
                    *is_there = false;
                    None
                }
                3.. if *is_there => {
                    let_send(&server, who, step == 3);
                    Some(step == 3)
                }
                _ => None,
            };
            let mode = sends.map(|sends| if sends { "CONFERENCE" } else { "VIEWER" });
            if let Some(mode) = mode.filter(|mode| modes.last().is_none_or(|it| it.0 != *mode)) {
                modes.push((mode.to_owned(), at));
            }
        }
        let mut told = shown(&server);
        told.remove("host");
        let there = model.into_iter().filter(|(_, (is_there, _))| *is_there);
        let there: BTreeMap<String, _> =
            there.map(|(who, (_, modes))| (who.to_owned(), modes)).collect();
        prop_assert_eq!(told, there);
    }
}

/// Whoever asks every second costs a bounded read: what lies further back is left out, and nothing
/// else is put in its place.
#[test]
fn modes_are_told_as_far_back_as_is_read() {
    let nobody = Target::Identity(Identity::new("nobody").unwrap());
    let told = |between: usize| {
        let server = Server::new();
        server.join("town", "ada");
        second(&server);
        let_send(&server, "ada", false);
        let from = server.engine.head().0;
        for count in [between / 2, between - between / 2] {
            let removals = vec![Remove::new(nobody.clone()); count];
            server.execute("town", Command::RemoveEach(removals));
        }
        assert_eq!(server.engine.head().0 - from, between as u64);
        second(&server);
        let_send(&server, "ada", true);
        let modes = shown(&server).remove("ada").unwrap();
        modes.into_iter().map(|(mode, _)| mode).collect::<Vec<_>>()
    };
    // Opened, activated and changed make three before them, and the newest change one behind.
    assert_eq!(told(9_997), ["CONFERENCE", "VIEWER", "CONFERENCE"]);
    assert_eq!(told(9_998), ["VIEWER", "CONFERENCE"]);
    assert_eq!(told(9_999), ["CONFERENCE"]);
}
