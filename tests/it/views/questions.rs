//! Who could, who was there, who was removed; and permissions as they are written.

use std::collections::BTreeMap;
use std::sync::Arc;

use roomledger::domain::event::{
    CloseCause, Closing, ConnectionsClosed, PermissionGroup, PermissionsChanged, RemovalRequested,
    UpdateMode, Who,
};
use roomledger::domain::{Identity, Permission, PermissionPatch, Ranges, ReceiveRule, Source};
use roomledger::replay::view::PermissionPatchView;
use roomledger::replay::{Ability, Moment, Present, as_of, removals};
use roomledger::store::Position;
use serde_json::{Value, json};

use super::stage::{ALICE, BOB, Stage, alice, moderator, muted, room};

#[test]
fn who_could_and_who_was_there_and_who_was_removed() {
    let mut stage = Stage::new();
    let change = PermissionsChanged {
        who: vec![alice()],
        mode: UpdateMode::Patch,
        request: vec![PermissionPatch::default()],
        groups: vec![PermissionGroup {
            before: Arc::new(Permission::standard()),
            after: Arc::new(muted()),
            connections: Ranges::one(ALICE),
        }],
        unknown_targets: Vec::new(),
    };
    stage.record(change);
    let request = RemovalRequested {
        who: Who::connection(BOB),
        ban: false,
        revoke_before: None,
    };
    stage.record(request);
    let closing = Closing {
        cause: CloseCause::Removed,
        reported_reason: None,
        due_at: None,
    };
    let closed = ConnectionsClosed {
        who: Who::connection(BOB),
        closing,
    };
    stage.record_by(moderator(), closed.into(), Some(9));
    let check = |position: u64, ability: Ability, expected: &[(&str, u64)]| {
        let moment = Moment::Position(Position(position));
        let folded = as_of(&stage.store, &room(), moment).unwrap();
        let able = Present::of(&folded.room, &folded.names, Some(ability), None, 9);
        let able = able.complete(&stage.store).unwrap().present;
        let found: Vec<(&str, u64)> = able
            .iter()
            .map(|one| (one.identity.as_str(), one.because.unwrap()))
            .collect();
        assert_eq!(found, expected, "{ability:?} at {position}");
    };
    let microphone = Ability::Publish(Some(Source::Microphone));
    check(7, microphone, &[("alice", 4), ("bob", 6)]);
    check(8, microphone, &[("bob", 6)]);
    check(10, Ability::Publish(None), &[]);
    // The change took the right to publish: data could be sent from the beginning.
    check(10, Ability::SendData, &[("alice", 4)]);
    let folded = as_of(&stage.store, &room(), Moment::Head).unwrap();
    let there = Present::of(&folded.room, &folded.names, None, None, 9);
    let there = there.complete(&stage.store).unwrap().present;
    let there: Vec<String> = there.into_iter().map(|one| one.identity).collect();
    assert_eq!(there, ["alice"]);
    let removed = removals(&stage.store, &room(), Moment::Head, None, 9).unwrap();
    let removed = removed.removals;
    assert_eq!(
        (removed[0].identity.as_str(), removed[0].because),
        ("bob", Some(9))
    );
    assert_eq!(removed.len(), 1);
}

#[test]
fn a_permission_is_read_strictly() {
    let check = |json: Value, problem: &str| {
        let error = serde_json::from_value::<PermissionPatchView>(json).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    };
    check(json!({ "sned": {} }), "unknown field `sned`");
    check(
        json!({ "send": { "allowed": "some" } }),
        "expected \"all\" or an array of sources",
    );
    check(
        json!({ "send": { "allowed": ["mic"] } }),
        "unknown variant `mic`",
    );
    check(json!({ "receive": { "any": true } }), "unknown field `any`");
    check(json!({ "data": 1 }), "invalid type");
    let written = json!({
        "send": { "allowed": ["camera", "camera"] },
        "receive": { "by_participant": { "bob": { "camera": false } } },
    });
    let read: PermissionPatchView = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), written);
    let update = read.to_update().unwrap();
    let bob = Identity::new("bob").unwrap();
    let camera = ReceiveRule {
        camera: Some(false),
        ..ReceiveRule::default()
    };
    assert_eq!(
        update.receive_by_identity,
        Some(BTreeMap::from([(bob, camera)]))
    );
}
