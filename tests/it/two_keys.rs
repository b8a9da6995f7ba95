//! Two keys of one command that mean one connection: both are carried out. Apart because the oracle
//! is a table of words that knows neither permissions nor patches.

use std::collections::{BTreeMap, BTreeSet};

use proptest::option;
use proptest::prelude::*;
use roomledger::domain::command::{
    Join, PermissionUpdate, PublishTrack, Remove, UpdatePermissions, UpdateRoom,
};
use roomledger::domain::event::{DuplicatePolicy, TrackKind, TrackShape, UpdateMode};
use roomledger::domain::state::Connection;
use roomledger::domain::{
    AdminRight, Alias, Allowed, Command, ConnectionNumber, Context, Decision, Defaults, Event,
    Identity, Permission, PermissionPatch, ReceiveRule, Rejection, Request, Room, RoomName, Source,
    Target, Timestamp, decide,
};

/// What is said of a permission: a word for each field.
type Words = BTreeMap<&'static str, &'static str>;

const FIELDS: &[(&str, &[&str])] = &[
    ("presence", &["on", "off"]),
    ("enabled", &["on", "off"]),
    (
        "allowed",
        &["all", "none", "microphone", "microphone camera"],
    ),
    ("data", &["on", "off"]),
    ("base", &["all", "none", "camera"]),
    ("by person", &["", "bob"]),
    ("by connection", &["", "b1"]),
    ("admin", &["", "participants"]),
    ("own", &["on", "off"]),
    ("metrics", &["on", "off"]),
    ("agents", &["on", "off"]),
];

/// The keys, in groups of equal rank, the less particular first; with the connections they mean.
const KEYS: [(&str, usize, &[&str]); 8] = [
    ("*", 0, &["a1", "a2", "b1", "c1"]),
    ("identity:alice", 1, &["a1", "a2"]),
    ("identity:bob", 1, &["b1"]),
    ("identity:nobody", 1, &[]),
    ("connection:a1", 2, &["a1"]),
    ("connection:PA_ of a1", 2, &["a1"]),
    ("connection:UUID of a1", 2, &["a1"]),
    ("connection:b1", 2, &["b1"]),
];

fn words() -> impl Strategy<Value = Words> {
    let fields: Vec<_> = FIELDS
        .iter()
        .map(|(field, words)| {
            let word = option::weighted(0.4, proptest::sample::select(*words));
            (Just(*field), word)
        })
        .collect();
    fields.prop_map(|fields| {
        let given = fields.into_iter();
        given
            .filter_map(|(field, word)| Some((field, word?)))
            .collect()
    })
}

fn said() -> impl Strategy<Value = Vec<Option<Words>>> {
    let keys: Vec<_> = KEYS.iter().map(|_| option::of(words())).collect();
    keys
}

/// What the connection may do afterwards, or the two keys that contradict each other.
fn expected(
    said: &[Option<Words>],
    connection: &str,
    before: &Words,
    mode: UpdateMode,
) -> Result<Words, ()> {
    let own = |rank: usize| {
        let keys = KEYS.iter().zip(said);
        keys.filter(move |((_, of, means), _)| *of == rank && means.contains(&connection))
            .filter_map(|(_, words)| words.as_ref())
    };
    let is_named = own(1).next().is_some() || own(2).next().is_some();
    let is_meant = is_named || own(0).next().is_some();
    let mut after = match mode {
        UpdateMode::Replace if is_meant => nothing(),
        UpdateMode::Replace | UpdateMode::Patch => before.clone(),
    };
    for (field, _) in FIELDS {
        for rank in 0..3 {
            let given: BTreeSet<&str> = own(rank)
                .filter_map(|words| words.get(field).copied())
                .collect();
            if given.len() > 1 {
                return Err(());
            }
            if rank == 0 && is_named {
                continue;
            }
            after.extend(given.first().map(|word| (*field, *word)));
        }
    }
    Ok(after)
}

/// A replacement starts from these.
fn nothing() -> Words {
    [
        ("presence", "on"),
        ("enabled", "off"),
        ("allowed", "all"),
        ("data", "off"),
        ("base", "none"),
        ("by person", ""),
        ("by connection", ""),
        ("admin", ""),
        ("own", "off"),
        ("metrics", "off"),
        ("agents", "off"),
    ]
    .into()
}

fn standard() -> Words {
    let mut words = nothing();
    words.extend([("enabled", "on"), ("data", "on"), ("base", "all")]);
    words
}

/// A room with two connections of alice, who publishes on the first, and one of bob and of carol.
fn town() -> Room {
    let mut room = Room::new(RoomName::new("town").unwrap());
    let mut settings = UpdateRoom::default();
    settings.config.duplicate_identity = Some(DuplicatePolicy::Allow);
    for (entropy, (who, id)) in [
        ("alice", "a1"),
        ("alice", "a2"),
        ("bob", "b1"),
        ("carol", "c1"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut join = Join::new(Identity::new(who).unwrap());
        join.alias = Some(Alias::new(id).unwrap());
        room = done(&room, Command::Join(join), entropy).unwrap().room;
        room = done(&room, Command::UpdateRoom(settings.clone()), 0)
            .unwrap()
            .room;
    }
    for (source, kind) in [
        (Source::Microphone, TrackKind::Audio),
        (Source::Camera, TrackKind::Video),
        (Source::Unknown, TrackKind::Data),
    ] {
        let track = PublishTrack {
            connection: "a1".to_owned(),
            alias: None,
            kind,
            source,
            name: String::new(),
            muted: false,
            shape: TrackShape::default(),
        };
        room = done(&room, Command::PublishTrack(track), 0).unwrap().room;
    }
    room
}

fn done(room: &Room, command: Command, entropy: usize) -> Result<Decision, Rejection> {
    let defaults = Defaults::default();
    let now = Timestamp::from_seconds(1_700_000_000);
    let context = Context {
        now,
        wall: now,
        defaults: &defaults,
        entropy: 7_000 + entropy as u128,
    };
    decide(room, &Request::new(room.name.clone(), command), &context)
}

fn target(room: &Room, key: &str) -> Target {
    let a1 = room.connection_by_ref("a1").unwrap();
    match key {
        "*" => Target::Everyone,
        "connection:PA_ of a1" => Target::Connection(a1.sid()),
        "connection:UUID of a1" => Target::Connection(a1.id.uuid().to_string()),
        key => match key.split_once(':').unwrap() {
            ("identity", who) => Target::Identity(Identity::new(who).unwrap()),
            (_, id) => Target::Connection(id.to_owned()),
        },
    }
}

fn update(room: &Room, words: &Words) -> PermissionUpdate {
    let on = |field| words.get(field).map(|word| *word == "on");
    let bob = Identity::new("bob").unwrap();
    let b1 = room.connection_by_ref("b1").unwrap().sid();
    let deaf = || ReceiveRule::all(false);
    PermissionUpdate {
        patch: PermissionPatch {
            presence: on("presence"),
            send_enabled: on("enabled"),
            send_allowed: words.get("allowed").map(|word| match *word {
                "all" => Allowed::All,
                "none" => Allowed::Listed(Vec::new()),
                "microphone" => Allowed::Listed(vec![Source::Microphone]),
                _ => Allowed::Listed(vec![Source::Microphone, Source::Camera]),
            }),
            data: on("data"),
            receive_base: words.get("base").map(|word| match *word {
                "camera" => camera(),
                word => ReceiveRule::all(word == "all"),
            }),
            admin: words.get("admin").map(|word| match *word {
                "" => BTreeSet::new(),
                _ => [AdminRight::Participants].into(),
            }),
            update_own_metadata: on("own"),
            subscribe_metrics: on("metrics"),
            manage_agent_session: on("agents"),
            ..PermissionPatch::default()
        },
        receive_by_identity: words.get("by person").map(|word| {
            word.split_whitespace()
                .map(|_| (bob.clone(), deaf()))
                .collect()
        }),
        receive_by_connection: words.get("by connection").map(|word| {
            word.split_whitespace()
                .map(|_| (b1.clone(), deaf()))
                .collect()
        }),
    }
}

fn camera() -> ReceiveRule {
    ReceiveRule {
        camera: Some(true),
        ..ReceiveRule::all(false)
    }
}

/// A permission in the same words.
fn read(it: &Permission) -> Words {
    let on = |holds| if holds { "on" } else { "off" };
    let base = match &it.receive.base {
        base if *base == camera() => "camera",
        base if *base == ReceiveRule::all(true) => "all",
        base if *base == ReceiveRule::all(false) => "none",
        other => panic!("{other:?}"),
    };
    let allowed = match &it.send.allowed {
        Allowed::All => "all",
        Allowed::Listed(sources) => ["none", "microphone", "microphone camera"][sources.len()],
    };
    [
        ("presence", on(it.presence)),
        ("enabled", on(it.send.enabled)),
        ("allowed", allowed),
        ("data", on(it.data)),
        ("base", base),
        ("by person", ["", "bob"][it.receive.by_participant.len()]),
        ("by connection", ["", "b1"][it.receive.by_connection.len()]),
        ("admin", ["", "participants"][it.admin.len()]),
        ("own", on(it.update_own_metadata)),
        ("metrics", on(it.subscribe_metrics)),
        ("agents", on(it.manage_agent_session)),
    ]
    .into()
}

fn connection<'a>(room: &'a Room, id: &str) -> &'a Connection {
    room.connection_by_ref(id).unwrap()
}

/// The tracks that those words leave.
fn tracks(words: &Words) -> Vec<Source> {
    let listed = |name| {
        words["enabled"] == "on"
            && (words["allowed"] == "all" || words["allowed"].split(' ').any(|it| it == name))
    };
    let kept = [
        (listed("microphone"), Source::Microphone),
        (listed("camera"), Source::Camera),
        (words["data"] == "on", Source::Unknown),
    ];
    kept.into_iter()
        .filter(|(stays, _)| *stays)
        .map(|(_, source)| source)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn all_that_was_asked_for_one_connection_is_in_the_result(
        said in said(), replace in any::<bool>()
    ) {
        let room = town();
        let mode = if replace { UpdateMode::Replace } else { UpdateMode::Patch };
        let keys = KEYS.iter().zip(&said);
        let targets: BTreeMap<Target, PermissionUpdate> = keys
            .filter_map(|((key, ..), words)| {
                Some((target(&room, key), update(&room, words.as_ref()?)))
            })
            .collect();
        let asked = targets.len();
        let command = UpdatePermissions { mode, targets, refuse_unknown: false };
        let decided = done(&room, Command::UpdatePermissions(command), 0);
        let before = standard();
        let results: Vec<_> = ["a1", "a2", "b1", "c1"]
            .iter()
            .map(|id| (*id, expected(&said, id, &before, mode)))
            .collect();
        if results.iter().any(|(_, result)| result.is_err()) {
            prop_assert_eq!(decided.unwrap_err().code().as_str(), "invalid");
            return Ok(());
        }
        let decision = decided.unwrap();
        let mut changed = BTreeMap::new();
        for (id, after) in results {
            let after = after.unwrap();
            let now = connection(&decision.room, id);
            prop_assert_eq!(read(&now.permission), after.clone(), "{}", id);
            if after != before {
                changed.insert(now.number, after.clone());
            }
            if id == "a1" {
                let left: Vec<_> = now.tracks.iter().map(|track| track.source).collect();
                prop_assert_eq!(left, tracks(&after));
            }
        }
        // The event lists what was asked, and of each connection what came of all of it.
        let event = decision.events.iter().find_map(|event| match &event.event {
            Event::PermissionsChanged(it) => Some(it),
            _ => None,
        });
        let Some(event) = event else {
            prop_assert!(changed.is_empty() && said[3].is_none());
            return Ok(());
        };
        prop_assert_eq!(event.request.len() + event.unknown_targets.len(), asked);
        let told: Vec<(ConnectionNumber, Words)> = event
            .groups
            .iter()
            .flat_map(|group| group.connections.iter().map(|number| (number, read(&group.after))))
            .collect();
        prop_assert_eq!(told.len(), changed.len());
        prop_assert_eq!(told.into_iter().collect::<BTreeMap<_, _>>(), changed);
    }
}

/// A list of removals in which one person is named more than once, by any of their ids.
#[test]
fn nothing_that_was_asked_with_a_removal_is_lost_where_the_person_is_named_twice() {
    let room = town();
    let a1 = connection(&room, "a1");
    let alice = || Target::Identity(Identity::new("alice").unwrap());
    let connection = |id: &str| Target::Connection(id.to_owned());
    let before = Timestamp::from_seconds(1_699_999_000);
    let cases = [
        (vec![connection("a1"), connection(&a1.sid())], false, false),
        (vec![connection("a1"), alice()], false, false),
        (vec![alice(), connection("a2"), alice()], true, false),
        (
            vec![connection("a1"), connection(&a1.id.uuid().to_string())],
            true,
            true,
        ),
        (vec![alice(), alice()], true, true),
    ];
    for (targets, ban, revoke) in cases {
        // The last of them asks for more than those before.
        let last = targets.len() - 1;
        let removals = targets.iter().enumerate().map(|(index, target)| Remove {
            target: target.clone(),
            ban: ban && index == last,
            revoke_before: (revoke && index == last).then_some(before),
        });
        let command = Command::RemoveEach(removals.collect());
        let after = done(&room, command, 0).unwrap().room;
        let (_, person) = after
            .person_by_identity(&Identity::new("alice").unwrap())
            .unwrap();
        assert_eq!(person.ban.is_some(), ban, "{targets:?}");
        assert_eq!(
            person.revoked.map(|it| it.before),
            revoke.then_some(before),
            "{targets:?}"
        );
        assert!(!self::connection(&after, "a1").is_live(), "{targets:?}");
    }
}
