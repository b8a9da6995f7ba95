//! The bound of every word and list of a command, at its edge. Apart because one table holds them
//! all, and each row tells the command that brings the word.

mod requests;

use std::collections::BTreeMap;

use roomledger::domain::command::{
    ConfigPatch, CreateRoom, Join, NoteTarget, PermissionUpdate, ProfileUpdate, Remove,
    SessionDataMerge, UpdateParticipant, UpdatePermissions, UpdateRoom,
};
use roomledger::domain::event::{Credential, TrackShape, UpdateMode};
use roomledger::domain::{
    Allowed, Command, Context, Defaults, Digest, Identity, Permission, PermissionPatch, Personal,
    ReceiveRule, Request, Room, RoomName, Source, Target, Timestamp, decide,
};

use requests::{
    activity, data, join, leave, mute, note, profile, publish, subscriptions, sync, unpublish,
    update_track,
};

/// A word that is given, the most of it that is taken, and the request that brings so much of it.
type Row = (&'static str, usize, fn(usize) -> Request);

const TOO_LARGE: &[Row] = &[
    ("as_connection", 256, |n| {
        let mut request = request(Command::Tick);
        request.as_connection = Some(text(n));
        request
    }),
    ("room alias", 256, |n| {
        let aliases = vec![text(n)];
        request(Command::CreateRoom(CreateRoom {
            aliases,
            ..CreateRoom::default()
        }))
    }),
    ("room metadata", 524_288, |n| {
        let metadata = Some(text(n));
        request(Command::UpdateRoom(UpdateRoom {
            metadata,
            ..UpdateRoom::default()
        }))
    }),
    ("target of remove", 256, |n| {
        request(Command::Remove(Remove::new(target(n))))
    }),
    ("target of remove each", 256, |n| {
        request(Command::RemoveEach(vec![Remove::new(target(n))]))
    }),
    ("target of update participant", 256, |n| {
        request(Command::UpdateParticipant(UpdateParticipant {
            target: target(n),
            profile: ProfileUpdate::default(),
            permission: None,
        }))
    }),
    ("target of permissions", 256, |n| {
        permissions([(target(n), PermissionUpdate::default())].into())
    }),
    ("target of a mute", 256, |n| mute(target(n), "t")),
    ("track of a mute", 256, |n| mute(Target::Everyone, &text(n))),
    ("target of a move", 256, |n| {
        let to_room = RoomName::new("b").unwrap();
        request(Command::Move {
            target: target(n),
            to_room,
        })
    }),
    ("target of subscriptions", 256, |n| {
        subscriptions(target(n), "t")
    }),
    ("track of subscriptions", 256, |n| {
        subscriptions(Target::Everyone, &text(n))
    }),
    ("target of data", 256, |n| data(vec![target(n)], None, 1)),
    ("topic", 4_096, |n| data(Vec::new(), Some(text(n)), 1)),
    ("data", 7_340_032, |n| data(Vec::new(), None, n)),
    ("deleted key", 102_400, |n| {
        request(Command::SetSessionData {
            data: "{}".to_owned(),
            merge: SessionDataMerge::Shallow,
            delete_keys: vec![text(n)],
        })
    }),
    ("target of a note", 256, |n| {
        note(NoteTarget::Target(target(n)), 1)
    }),
    ("note", 4_096, |n| note(NoteTarget::Room, n)),
    ("name", 256, |n| {
        let name = Some(text(n));
        profile(ProfileUpdate {
            name,
            ..ProfileUpdate::default()
        })
    }),
    ("metadata", 524_288, |n| {
        let metadata = Some(text(n));
        profile(ProfileUpdate {
            metadata,
            ..ProfileUpdate::default()
        })
    }),
    ("attributes", 65_536, |n| {
        let attributes = [("k".to_owned(), Some(text(n - 1)))].into();
        profile(ProfileUpdate {
            attributes,
            ..ProfileUpdate::default()
        })
    }),
    ("own profile of", 256, |n| {
        request(Command::UpdateOwnProfile {
            connection: text(n),
            profile: ProfileUpdate::default(),
        })
    }),
    ("reporter of a join", 256, |n| {
        join(|join| join.reporter = Some(text(n)))
    }),
    ("token id of a join", 256, |n| {
        join(|join| {
            join.credential = Credential {
                token_id: Some(Personal::new(text(n))),
                ..Credential::default()
            };
        })
    }),
    ("room metadata of a join", 524_288, |n| {
        join(|join| join.room_metadata = Some(text(n)))
    }),
    ("activated", 256, |n| request(Command::Activate(text(n)))),
    ("interrupted", 256, |n| request(Command::Interrupt(text(n)))),
    ("resumed", 256, |n| request(Command::Resume(text(n)))),
    ("who left", 256, |n| leave(text(n), 1)),
    ("reason", 4_096, |n| leave("c".to_owned(), n)),
    ("publisher", 256, |n| publish(|it| it.connection = text(n))),
    ("track name", 4_096, |n| publish(|it| it.name = text(n))),
    ("MIME type", 255, |n| {
        publish(|it| it.shape.mime_type = text(n))
    }),
    ("owner of a track", 256, |n| {
        update_track(&text(n), "t", None, None)
    }),
    ("track that changed", 256, |n| {
        update_track("c", &text(n), None, None)
    }),
    ("new track name", 4_096, |n| {
        update_track("c", "t", Some(text(n)), None)
    }),
    ("new MIME type", 255, |n| {
        let shape = TrackShape {
            mime_type: text(n),
            ..TrackShape::default()
        };
        update_track("c", "t", None, Some(shape))
    }),
    ("owner of a track that is gone", 256, |n| {
        unpublish(&text(n), "t")
    }),
    ("track that is gone", 256, |n| unpublish("c", &text(n))),
    ("kind of activity", 4_096, |n| activity(n, 1, None)),
    ("detail of activity", 4_096, |n| activity(1, n, None)),
    ("who was active", 256, |n| activity(1, 1, Some(text(n)))),
    ("reporter of a sync", 256, |n| sync(&text(n), vec![text(1)])),
    ("listed by a sync", 256, |n| sync("sfu", vec![text(n)])),
    ("rule about a connection", 256, |n| {
        let rules = [(text(n), ReceiveRule::default())].into();
        permission(PermissionUpdate {
            receive_by_connection: Some(rules),
            ..PermissionUpdate::default()
        })
    }),
    ("track name of a rule", 4_096, |n| base(named(n, 1))),
    ("track name of a default rule", 4_096, |n| {
        default_base(named(n, 1))
    }),
    // A rule is counted as 384 bytes, a name in it as 8 more than it has.
    ("permission", 524_288, |n| base(weighing(n - 384))),
    // The rights that are no rules are counted as 512 bytes.
    ("default permission", 524_288, |n| {
        default_base(weighing(n - 384 - 512))
    }),
];

const TOO_MANY: &[Row] = &[
    ("targets of permissions", 100_000, |n| {
        permissions(
            (0..n)
                .map(|at| {
                    (
                        Target::Connection(at.to_string()),
                        PermissionUpdate::default(),
                    )
                })
                .collect(),
        )
    }),
    ("removals", 100_000, |n| {
        request(Command::RemoveEach(vec![Remove::new(target(1)); n]))
    }),
    ("targets of data", 100_000, |n| {
        data(vec![target(1); n], None, 1)
    }),
    ("items of activity", 1_000, |n| {
        let Command::ReportActivity { items } = activity(1, 1, None).command else {
            panic!("it is a report of activity");
        };
        request(Command::ReportActivity {
            items: vec![items[0].clone(); n],
        })
    }),
    ("listed by a sync", 100_000, |n| {
        sync("sfu", vec![text(1); n])
    }),
    ("tracks of subscriptions", 100_000, |n| {
        request(Command::UpdateSubscriptions {
            target: target(1),
            tracks: vec![text(1); n],
            subscribe: true,
        })
    }),
    ("sources", 7, |n| {
        let patch = PermissionPatch {
            send_allowed: Some(Allowed::Listed(vec![Source::Camera; n])),
            ..PermissionPatch::default()
        };
        permission(PermissionUpdate {
            patch,
            ..PermissionUpdate::default()
        })
    }),
    ("sources of a room", 7, |n| {
        let mut permission = Permission::standard();
        permission.send.allowed = Allowed::Listed(vec![Source::Camera; n]);
        default_permission(permission)
    }),
    ("rules about people", 500, |n| {
        let person = |at: usize| Identity::new(&format!("p{at}")).unwrap();
        let rules = (0..n).map(|at| (person(at), ReceiveRule::default()));
        permission(PermissionUpdate {
            receive_by_identity: Some(rules.collect()),
            ..PermissionUpdate::default()
        })
    }),
    ("rules about connections", 500, |n| {
        let rules = (0..n).map(|at| (at.to_string(), ReceiveRule::default()));
        permission(PermissionUpdate {
            receive_by_connection: Some(rules.collect()),
            ..PermissionUpdate::default()
        })
    }),
    ("track names of a rule", 256, |n| base(named(1, n))),
    ("rules of all targets", 10_000, |n| {
        let rules = |from: usize, to: usize| {
            let rules = (from..to).map(|at| (at.to_string(), ReceiveRule::default()));
            PermissionUpdate {
                receive_by_connection: Some(rules.collect()),
                ..PermissionUpdate::default()
            }
        };
        let target = |at: usize| Target::Connection(format!("c{at}"));
        let targets = (0..n.div_ceil(500)).map(|at| {
            let rules = rules(at * 500, n.min(at * 500 + 500));
            (target(at), rules)
        });
        permissions(targets.collect())
    }),
];

#[test]
fn every_word_and_list_of_a_command_is_taken_up_to_its_bound_and_no_further() {
    for (rows, code) in [(TOO_LARGE, "too-large"), (TOO_MANY, "too-many")] {
        for (what, most, request) in rows {
            let no = refused(&request(most + 1));
            let no = no.unwrap_or_else(|| panic!("{what}: {} are taken", most + 1));
            assert_eq!(no.0, code, "{what}: {}", no.1);
            let figures = (format!("{}", most + 1), format!("{most}"));
            assert!(
                no.1.contains(&figures.0) && no.1.contains(&figures.1),
                "{what}: {}",
                no.1
            );
            let at_most = refused(&request(*most)).unwrap_or_default();
            assert!(!at_most.0.starts_with("too-"), "{what}: {}", at_most.1);
        }
    }
}

/// A refusal repeats no more of a caller's word than an id may have.
#[test]
fn a_refusal_keeps_as_much_of_a_target_as_an_id_may_have() {
    use roomledger::domain::event::Selector;
    use roomledger::domain::{Event, refusal};
    let request = request(Command::Remove(Remove::new(Target::Connection(
        "\u{e9}".repeat(5_000),
    ))));
    let room = Room::new(request.room.clone());
    let defaults = Defaults::default();
    let context = context(&defaults);
    let no = decide(&room, &request, &context).unwrap_err();
    let record = refusal(&room, &request, &no, &context, (Digest::of(b""), 0));
    let Event::CommandRefused(it) = &record.events[0].event else {
        panic!("{record:?}");
    };
    let Some(Selector::Unknown(text)) = &it.who else {
        panic!("{it:?}");
    };
    assert_eq!(text.as_str(), format!("{}...", "\u{e9}".repeat(126)));
    assert!(no.to_string().len() < 128);
}

fn refused(request: &Request) -> Option<(String, String)> {
    let mut room = Room::new(RoomName::new("town").unwrap());
    let defaults = Defaults::default();
    let context = context(&defaults);
    let alice = Command::Join(Join::new(Identity::new("alice").unwrap()));
    let joined = Request::new(room.name.clone(), alice);
    room = decide(&room, &joined, &context).unwrap().room;
    let no = decide(&room, request, &context).err()?;
    Some((no.code().as_str().to_owned(), no.to_string()))
}

fn context(defaults: &Defaults) -> Context<'_> {
    let now = Timestamp::from_seconds(1_700_000_000);
    Context {
        now,
        wall: now,
        defaults,
        entropy: 1,
    }
}

fn request(command: Command) -> Request {
    Request::new(RoomName::new("town").unwrap(), command)
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn target(bytes: usize) -> Target {
    Target::Connection(text(bytes))
}

fn permissions(targets: BTreeMap<Target, PermissionUpdate>) -> Request {
    request(Command::UpdatePermissions(UpdatePermissions {
        mode: UpdateMode::Patch,
        targets,
        refuse_unknown: false,
    }))
}

fn permission(update: PermissionUpdate) -> Request {
    permissions([(Target::Everyone, update)].into())
}

fn base(rule: ReceiveRule) -> Request {
    permission(PermissionUpdate {
        patch: PermissionPatch {
            receive_base: Some(rule),
            ..PermissionPatch::default()
        },
        ..PermissionUpdate::default()
    })
}

/// A rule that names so many custom tracks with names of so many bytes.
fn named(bytes: usize, names: usize) -> ReceiveRule {
    let pad = |at: usize| format!("{at:0>bytes$}");
    ReceiveRule {
        custom_video_by_name: Some((0..names).map(|at| (pad(at), true)).collect()),
        ..ReceiveRule::default()
    }
}

/// A rule with names of so many bytes in all, each counted with eight more.
fn weighing(bytes: usize) -> ReceiveRule {
    let mut left = bytes;
    let mut names = BTreeMap::new();
    while left > 0 {
        let name = (left - 8).min(4_096);
        names.insert(format!("{:0>name$}", names.len()), true);
        left -= name + 8;
    }
    ReceiveRule {
        custom_video_by_name: Some(names),
        ..ReceiveRule::default()
    }
}

fn default_base(rule: ReceiveRule) -> Request {
    let mut permission = Permission::standard();
    permission.receive.base = rule;
    default_permission(permission)
}

fn default_permission(permission: Permission) -> Request {
    let config = ConfigPatch {
        default_permission: Some(Some(permission)),
        ..ConfigPatch::default()
    };
    request(Command::UpdateRoom(UpdateRoom {
        config,
        ..UpdateRoom::default()
    }))
}
