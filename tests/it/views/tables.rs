//! `data` and sentence of each kind of event, as tables through one check.

use std::collections::BTreeMap;
use std::sync::Arc;

use roomledger::domain::event::{
    AttributesBefore, AttributesChange, ByWhom, CloseCause, CloseConfirmed, Closing,
    CommandRefused, ConnectionsClosed, DataSent, FormerRevocation, MoveRequested, NoEffect,
    NoteAbout, NoteAdded, ParticipantBanned, PermissionGroup, PermissionsChanged, ProfileChanged,
    RemovalRequested, RevocationLifted, RoomDeleted, RoomMetadataChanged, Selector,
    SubscriptionsChanged, TextChange, TokensRevoked, TrackMuteChanged, TracksUnpublished,
    UpdateMode, Who,
};
use roomledger::domain::{
    Actor, ActorKind, Digest, ParticipantNumber, Permission, PermissionPatch, Personal, Provenance,
    Ranges, Reference, Rejection, RoomName, TrackNumber, Version,
};
use serde_json::json;

use super::stage::{ALICE, BOB, SET, Stage, alice, at, check, moderator, muted, of_alice};

#[test]
fn what_was_done_to_people() {
    check(
        ParticipantBanned {
            participant: ParticipantNumber(1),
            until: None,
            former: None,
        },
        "devkey banned alice via ledger commands",
        &json!({ "identity": "alice", "until": null }),
    );
    check(
        TokensRevoked {
            participant: None,
            before: at(60),
            former: None,
        },
        "devkey revoked the tokens of everybody issued before 2023-11-14T22:14:20.000000Z \
         via ledger commands",
        &json!({ "everyone": true, "revoke_before": "2023-11-14T22:14:20.000000Z" }),
    );
    check(
        RevocationLifted {
            participant: Some(ParticipantNumber(1)),
            former: FormerRevocation {
                before: at(60),
                set: Version(5),
            },
        },
        "devkey lifted the revocation of the tokens of alice via ledger commands",
        &json!({
            "everyone": false,
            "identity": "alice",
            "former": { "revoke_before": "2023-11-14T22:14:20.000000Z", "position": 5 },
        }),
    );
}

#[test]
fn how_people_were_closed() {
    check(
        RemovalRequested {
            who: alice(),
            ban: true,
            revoke_before: None,
        },
        "devkey removed and banned alice (PA_22222222222D) via ledger commands",
        &json!({ "ban": true, "count": 1, "targets": [of_alice()], "identity": "alice" }),
    );
    check(
        ConnectionsClosed {
            who: alice(),
            closing: Closing {
                cause: CloseCause::Left,
                reported_reason: Some("SIGNAL_CLOSE".into()),
                due_at: None,
            },
        },
        "alice (PA_22222222222D) left (SIGNAL_CLOSE)",
        &json!({ "cause": "left", "connections": [of_alice()], "count": 1 }),
    );
    check(
        MoveRequested {
            who: alice(),
            to_room: RoomName::new("hall").unwrap(),
        },
        "devkey moved alice (PA_22222222222D) to room hall via ledger commands",
        &json!({ "to_room": "hall", "targets": [of_alice()] }),
    );
    check(
        CloseConfirmed {
            connection: ALICE,
            reported_reason: None,
        },
        "alice (PA_22222222222D) is really gone",
        &of_alice(),
    );
}

#[test]
fn what_was_changed_with_before_and_after() {
    let before = json!([{ "identity": "alice", "position": 4, "digest": "0".repeat(64) }]);
    check(
        ProfileChanged {
            who: alice(),
            name: Some(TextChange {
                value: "Al".into(),
                before: vec![(ALICE, SET)],
            }),
            metadata: None,
            attributes: Some(AttributesChange {
                set: Personal::new(BTreeMap::from([("a".into(), "b".into())])),
                removed: Personal::new(["c".to_owned()].into()),
                before: vec![(
                    ALICE,
                    AttributesBefore {
                        all: SET,
                        set: Personal::new(BTreeMap::new()),
                    },
                )],
            }),
            by: ByWhom::Admin,
        },
        "devkey changed name to \"Al\" and attributes a, c of alice (PA_22222222222D) \
         via ledger commands",
        &json!({
            "by": "admin",
            "name": { "after": "Al", "before": before },
            "attributes": { "set": { "a": "b" }, "removed": ["c"], "before": before },
        }),
    );
    check(
        PermissionsChanged {
            who: vec![alice()],
            mode: UpdateMode::Patch,
            request: vec![PermissionPatch {
                send_enabled: Some(false),
                ..PermissionPatch::default()
            }],
            groups: vec![PermissionGroup {
                before: Arc::new(Permission::standard()),
                after: Arc::new(muted()),
                connections: Ranges::one(ALICE),
            }],
            unknown_targets: vec!["identity:zed".into()],
        },
        "devkey changed what alice (PA_22222222222D) may do via ledger commands: \
         send off, sources all to [microphone]; not there: identity:zed",
        &json!({
            "mode": "patch",
            "identity": "alice",
            "unknown_targets": ["identity:zed"],
            "requests": [{ "permission": { "send": { "enabled": false } } }],
            "groups": [{
                "before": { "send": { "enabled": true, "allowed": "all" }, "data": true },
                "after": { "send": { "enabled": false, "allowed": ["microphone"] } },
                "targets": [of_alice()],
            }],
        }),
    );
}

#[test]
fn what_was_changed_of_the_room() {
    check(
        RoomMetadataChanged {
            metadata: "new".into(),
            room: Some(SET),
            session: None,
        },
        "devkey changed the metadata of the room via ledger commands",
        &json!({
            "metadata": { "after": "new", "before": { "position": 4 } },
            "applies_to": ["room"],
        }),
    );
}

#[test]
fn what_happened_to_tracks() {
    let track = json!({ "sid": "TR_AM22222222222Y", "source": "microphone", "type": "audio" });
    check(
        TrackMuteChanged {
            connection: ALICE,
            track: TrackNumber(1),
            muted: true,
            by: ByWhom::Admin,
        },
        "devkey muted microphone TR_AM22222222222Y of alice (PA_22222222222D) via ledger commands",
        &json!({ "before": false, "after": true, "by": "admin", "track": track }),
    );
    check(
        TracksUnpublished {
            connection: ALICE,
            tracks: Ranges::one(TrackNumber(1)),
            closing: Some(CloseCause::Left),
        },
        "microphone TR_AM22222222222Y of alice (PA_22222222222D) ended with the connection",
        &json!({ "tracks": [track], "cause": "left", "identity": "alice" }),
    );
    check(
        SubscriptionsChanged {
            who: Who::connection(BOB),
            tracks: Ranges::one(TrackNumber(1)),
            unknown_tracks: vec!["TR_x".into()],
            subscribe: false,
            before: Vec::new(),
        },
        "devkey unsubscribed bob (PA_22222222222E) from microphone TR_AM22222222222Y \
         via ledger commands",
        &json!({ "tracks": [track], "unknown_tracks": ["TR_x"], "subscribe": false }),
    );
}

#[test]
fn what_only_went_on_record() {
    check(
        DataSent {
            topic: Some("chat".into()),
            lossy: false,
            bytes: 3,
            digest: Digest([1; 32]),
            who: vec![Who {
                asked: Selector::Everyone,
                connections: [ALICE, BOB].into_iter().collect(),
            }],
        },
        "devkey sent 3 bytes on \"chat\" to everybody (2 connections) via ledger commands",
        &json!({ "topic": "chat", "recipients": [{ "asked": "*", "count": 2 }] }),
    );
    check(
        CommandRefused {
            command: "remove".into(),
            room: None,
            to_room: None,
            who: Some(Selector::Unknown("zed".into())),
            codes: vec!["no-such-participant".into()],
            reason: Personal::new(Rejection::NoSuchParticipant {
                room: "town".into(),
                participant: "zed".into(),
                because: None,
            }),
            because: vec![Reference::here(Version(3))],
            request_digest: Digest([2; 32]),
            request_bytes: 7,
        },
        "devkey was refused remove on zed via ledger commands: participant \"zed\" is not in room \
         \"town\" (see #3)",
        &json!({ "code": "no-such-participant", "because": [3], "asked": "zed" }),
    );
    check(
        NoteAdded {
            about: NoteAbout::Event(Version(5)),
            text: "rude".into(),
        },
        "devkey noted about #5 via ledger commands: \"rude\"",
        &json!({ "about": "event", "position": 5, "text": "rude" }),
    );
    check(
        NoEffect {
            command: "unban".into(),
            who: Some(alice()),
            why: "not banned".into(),
        },
        "devkey gave unban on alice (PA_22222222222D) without effect via ledger commands: \
         not banned",
        &json!({ "command": "unban", "why": "not banned", "targets": [of_alice()] }),
    );
}

#[test]
fn the_envelope_tells_who_through_what_why_and_because_of_what() {
    let mut stage = Stage::new();
    let provenance = Provenance {
        actor: Actor {
            on_behalf_of: Some("mod-1".into()),
            ..moderator().actor
        },
        request_id: Some("r-1".into()),
        reason: Some("spam".into()),
        correlation: Some("case 7".into()),
        ..moderator()
    };
    let removal = RemovalRequested {
        who: alice(),
        ban: false,
        revoke_before: None,
    };
    let view = stage.record_by(provenance, removal.into(), Some(4));
    assert_eq!(
        view.sentence,
        "devkey, on behalf of mod-1 (as it says), removed alice (PA_22222222222D) via ledger \
         commands, reason \"spam\""
    );
    let mut shown = serde_json::to_value(&view).unwrap();
    let members = shown.as_object_mut().unwrap();
    members.remove("data");
    members.remove("sentence");
    let expected = json!({
        "position": 8, "room": "town", "session": "RM_222222222224", "version": 8,
        "kind": "removal_requested", "recorded_at": "2023-11-14T22:13:28.000000Z",
        "actor": { "kind": "api_key", "id": "devkey", "on_behalf_of": "mod-1" },
        "via": { "dialect": "ledger", "call": "commands" },
        "request_id": "r-1", "reason": "spam", "causation": 4, "correlation": "case 7",
        "wall_at": "2023-11-14T22:13:28.000000Z", "ruleset": 1,
    });
    assert_eq!(shown, expected);
    let own = Provenance {
        actor: Actor {
            kind: ActorKind::Participant,
            connection: Some(BOB),
            ..moderator().actor
        },
        ..moderator()
    };
    let view = stage.record_by(own, RoomDeleted {}.into(), None);
    let actor = json!({
        "kind": "participant", "id": "bob", "connection": "PA_22222222222E", "key": "devkey",
    });
    assert_eq!(serde_json::to_value(&view.actor).unwrap(), actor);
    assert_eq!(view.sentence, "bob deleted the room via ledger commands");
}
