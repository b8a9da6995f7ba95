//! What readers see of each kind of event: `data` and sentence as tables, through one check.

use std::collections::BTreeMap;
use std::sync::Arc;

use roomledger::domain::event::{
    AttributesChange, Before, ByWhom, CloseCause, CloseConfirmed, Closing, CommandRefused,
    ConnectionKind, ConnectionOpened, ConnectionsClosed, Credential, DataSent, MoveRequested,
    NoEffect, NoteAbout, NoteAdded, OpenedBy, ParticipantBanned, ParticipantRegistered,
    PermissionGroup, PermissionsChanged, ProfileChanged, RemovalRequested, RoomCreated,
    RoomDeleted, RoomMetadataChanged, Selector, SessionOpened, SubscriptionsChanged, TextChange,
    TokensRevoked, TrackKind, TrackMuteChanged, TrackPublished, TrackShape, TracksUnpublished,
    UpdateMode, Who,
};
use roomledger::domain::{
    Actor, ActorKind, Allowed, ConnectionNumber, Defaults, Digest, Event, Id, Identity, NewEvent,
    ParticipantNumber, Permission, PermissionPatch, Personal, Provenance, Ranges, ReceiveRule,
    Reference, RoomName, SessionNumber, Source, Timestamp, TrackNumber, Version, Via,
};
use roomledger::replay::view::{EventView, PermissionPatchView, RoomView};
use roomledger::replay::{Ability, Moment, NamesBook, able, as_of, present, removed};
use roomledger::store::{CommandRecord, Commit, EventStore as _, MemoryStore, NewRecord, Position};
use serde_json::{Value, json};

use crate::replay::header;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

/// A log whose first events set a stage, each further one at the next version.
struct Stage {
    store: MemoryStore,
    version: Version,
}

const ALICE: ConnectionNumber = ConnectionNumber(1);
const BOB: ConnectionNumber = ConnectionNumber(2);

impl Stage {
    /// A session with alice (who publishes a microphone) and bob, recorded at the versions 1 to 7.
    fn new() -> Self {
        let mut stage = Self {
            store: MemoryStore::new(),
            version: Version(0),
        };
        let config = Arc::new(Defaults::default().config);
        stage.record(RoomCreated {
            room_id: Id(1),
            generation: 1,
            aliases: Vec::new(),
            config: Arc::clone(&config),
            metadata: Personal::from(""),
            explicit: true,
        });
        stage.record(SessionOpened {
            session_id: Id(2),
            number: SessionNumber(1),
            by: OpenedBy::Create,
            config,
            metadata: None,
        });
        for (number, identity) in [(1, "alice"), (2, "bob")] {
            stage.record(ParticipantRegistered {
                participant: ParticipantNumber(number),
                identity: Personal::new(Identity::new(identity).unwrap()),
            });
            stage.record(opened(number));
        }
        stage.record(TrackPublished {
            track_id: Id(30),
            number: TrackNumber(1),
            connection: ALICE,
            alias: None,
            kind: TrackKind::Audio,
            source: Source::Microphone,
            name: Personal::from("mic"),
            muted: false,
            shape: TrackShape::default(),
        });
        stage
    }

    fn record(&mut self, event: impl Into<Event>) -> EventView {
        self.record_by(moderator(), event.into(), None)
    }

    fn record_by(&mut self, provenance: Provenance, event: Event, cause: Option<u64>) -> EventView {
        self.version = self.version.next();
        let seconds = i64::try_from(self.version.0).unwrap();
        let record = NewRecord {
            room: Some(room()),
            version: self.version,
            event: NewEvent {
                event,
                cause: cause.map(|version| Reference::here(Version(version))),
                occurred_at: None,
            },
        };
        let command = CommandRecord {
            header: header(provenance, at(seconds)),
            events: vec![record],
        };
        let commands = vec![command];
        let appended = self.store.append(&Commit { commands }).unwrap();
        let mut book = NamesBook::default();
        book.prepare(&self.store, &appended.records[0]).unwrap();
        EventView::of(&appended.records[0], &book)
    }
}
fn room() -> RoomName {
    RoomName::new("town").unwrap()
}
fn opened(number: u32) -> ConnectionOpened {
    ConnectionOpened {
        connection_id: Id(10 + u128::from(number)),
        number: ConnectionNumber(number),
        participant: ParticipantNumber(number),
        alias: None,
        kind: ConnectionKind::Standard,
        profile: Box::default(),
        permission: Arc::new(Permission::standard()),
        credential: Arc::new(Credential {
            kind: "none".into(),
            ..Credential::default()
        }),
        reporter: None,
        eject_at: None,
        activate_by: None,
        replaces: None,
        moved_from: None,
    }
}
fn moderator() -> Provenance {
    Provenance {
        actor: Actor {
            kind: ActorKind::ApiKey,
            id: "devkey".into(),
            connection: None,
            on_behalf_of: None,
        },
        via: Via {
            dialect: "ledger".into(),
            call: "commands".into(),
        },
        ..Provenance::of_engine(ActorKind::ApiKey, "devkey")
    }
}

fn alice() -> Who {
    Who::connection(ALICE)
}

/// One event on the stage: its sentence, and `data` at least as expected.
fn check(event: impl Into<Event>, sentence: &str, data: &Value) {
    let view = Stage::new().record(event);
    assert_eq!(view.sentence, sentence);
    let shown = Value::Object(view.data);
    assert!(
        holds(&shown, data),
        "{sentence}:\n{shown:#}\nlacks part of\n{data:#}"
    );
}

/// Whether every member of the expected object is there, however deep.
fn holds(shown: &Value, expected: &Value) -> bool {
    match (shown, expected) {
        (Value::Object(shown), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| shown.get(name).is_some_and(|shown| holds(shown, value))),
        (Value::Array(shown), Value::Array(expected)) => {
            shown.len() == expected.len()
                && shown
                    .iter()
                    .zip(expected)
                    .all(|(shown, expected)| holds(shown, expected))
        }
        _ => shown == expected,
    }
}

fn of_alice() -> Value {
    json!({ "identity": "alice", "connection": "PA_22222222222D", "sid": "PA_22222222222D" })
}

fn muted() -> Permission {
    Permission {
        send: roomledger::domain::Send {
            enabled: false,
            allowed: Allowed::Listed(vec![Source::Microphone]),
        },
        ..Permission::standard()
    }
}

const SET: Before = Before {
    version: Version(4),
    digest: Digest([0; 32]),
};

#[test]
fn what_was_done_to_people() {
    check(
        ParticipantBanned {
            participant: ParticipantNumber(1),
            until: None,
        },
        "devkey banned alice via ledger commands",
        &json!({ "identity": "alice", "until": null }),
    );
    check(
        TokensRevoked {
            participant: None,
            before: at(60),
        },
        "devkey revoked the tokens of everybody issued before 2023-11-14T22:14:20.000000Z \
         via ledger commands",
        &json!({ "everyone": true, "revoke_before": "2023-11-14T22:14:20.000000Z" }),
    );
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
                before: vec![(ALICE, SET)],
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
         send off, sources all to [microphone]",
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
    check(
        RoomMetadataChanged {
            metadata: "new".into(),
            before: SET,
            room: true,
            session: false,
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
            who: Some(Selector::Unknown("zed".into())),
            codes: vec!["no-such-participant".into()],
            detail: "no zed".into(),
            because: vec![Reference::here(Version(3))],
            request_digest: Digest([2; 32]),
            request_bytes: 7,
        },
        "devkey was refused remove on zed via ledger commands: no zed (see #3)",
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
        "mod-1 (devkey) removed alice (PA_22222222222D) via ledger commands, reason \"spam\""
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
        "kind": "participant", "id": "bob", "connection": "PA_22222222222E", "key_id": "devkey",
    });
    assert_eq!(serde_json::to_value(&view.actor).unwrap(), actor);
    assert_eq!(view.sentence, "bob deleted the room via ledger commands");
}

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
        let view = RoomView::of(&folded.room, &folded.names);
        let able = able(&view, ability);
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
    check(10, Ability::SendData, &[("alice", 8)]);
    let folded = as_of(&stage.store, &room(), Moment::Head).unwrap();
    let view = RoomView::of(&folded.room, &folded.names);
    let there: Vec<String> = present(&view).into_iter().map(|one| one.identity).collect();
    assert_eq!(there, ["alice"]);
    let removed = removed(&view);
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
