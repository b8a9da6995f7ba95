//! Every command under every admin right: `participants` is remove, mute and permissions of
//! others, and nothing else is covered by any right.

use std::collections::BTreeSet;

use roomledger::domain::command::{
    CreateRoom, Join, MuteTrack, NoteTarget, PermissionUpdate, Remove, SendData, SessionDataMerge,
    UpdateParticipant, UpdatePermissions, UpdateRoom,
};
use roomledger::domain::event::{TrackKind, TrackShape, UpdateMode};
use roomledger::domain::{
    AdminRight, Alias, Code, Command, Context, Defaults, Digest, Identity, Permission,
    PermissionPatch, Rejection, Request, Room, RoomName, Source, Target, Timestamp, command,
    decide, decide_move,
};

fn identity(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

fn bob() -> Target {
    Target::Identity(identity("bob"))
}

fn update() -> PermissionUpdate {
    PermissionUpdate {
        patch: PermissionPatch {
            data: Some(false),
            ..PermissionPatch::default()
        },
        ..PermissionUpdate::default()
    }
}

fn participant(name: Option<&str>) -> Command {
    Command::UpdateParticipant(UpdateParticipant {
        target: bob(),
        profile: command::ProfileUpdate {
            name: name.map(str::to_owned),
            ..command::ProfileUpdate::default()
        },
        permission: Some(update()),
    })
}

fn permissions(target: Target) -> Command {
    Command::UpdatePermissions(UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: [(target, update())].into(),
        refuse_unknown: false,
    })
}

/// What the right covers, and the same with more than it covers.
fn about_people() -> Vec<(bool, Command)> {
    let banned = Remove {
        ban: true,
        ..Remove::new(bob())
    };
    let revoked = Remove {
        revoke_before: Some(Timestamp::EPOCH),
        ..Remove::new(bob())
    };
    let mute = MuteTrack {
        target: bob(),
        track: "t1".into(),
        muted: true,
    };
    vec![
        (true, permissions(bob())),
        (true, permissions(Target::Everyone)),
        (false, permissions(Target::Identity(identity("alice")))),
        (true, participant(None)),
        (false, participant(Some("Bob"))),
        (true, Command::Remove(Remove::new(bob()))),
        (false, Command::Remove(banned.clone())),
        (false, Command::Remove(revoked)),
        (true, Command::RemoveEach(vec![Remove::new(bob())])),
        (false, Command::RemoveEach(vec![Remove::new(bob()), banned])),
        (true, Command::MuteTrack(mute)),
    ]
}

/// What no right covers.
fn of_the_room() -> Vec<Command> {
    let message = SendData {
        topic: None,
        lossy: false,
        bytes: 0,
        digest: Digest::of(b""),
        targets: Vec::new(),
    };
    vec![
        Command::CreateRoom(CreateRoom::default()),
        Command::UpdateRoom(UpdateRoom::default()),
        Command::DeleteRoom,
        Command::EndSession,
        Command::Ban {
            identity: identity("bob"),
            until: None,
        },
        Command::Unban {
            identity: identity("bob"),
        },
        Command::RevokeTokens {
            identity: None,
            before: Timestamp::EPOCH,
        },
        Command::LiftRevocation { identity: None },
        Command::Move {
            target: bob(),
            to_room: RoomName::new("city").unwrap(),
        },
        Command::UpdateSubscriptions {
            target: bob(),
            tracks: Vec::new(),
            subscribe: true,
        },
        Command::SendData(message),
        Command::SetSessionData {
            data: "{}".into(),
            merge: SessionDataMerge::Replace,
            delete_keys: Vec::new(),
        },
        Command::AddNote {
            about: NoteTarget::Room,
            text: "n".into(),
        },
    ]
}

/// Every admin command, and whether `participants` covers it.
fn commands() -> Vec<(bool, Command)> {
    let others = of_the_room().into_iter().map(|command| (false, command));
    about_people().into_iter().chain(others).collect()
}

struct Town(Room);

impl Town {
    /// Alice, who holds these rights, and bob with a camera.
    fn new(rights: &[AdminRight]) -> Self {
        let mut town = Self(Room::new(RoomName::new("town").unwrap()));
        let permission = PermissionUpdate {
            patch: PermissionPatch::replacing(Permission {
                admin: rights.iter().copied().collect(),
                ..Permission::standard()
            }),
            ..PermissionUpdate::default()
        };
        for name in ["alice", "bob"] {
            let join = Join {
                alias: Alias::new(name).ok(),
                permission: (name == "alice").then(|| permission.clone()),
                ..Join::new(identity(name))
            };
            town.0 = town.ask(None, Command::Join(join)).unwrap();
        }
        let track = command::PublishTrack {
            connection: "bob".into(),
            alias: Alias::new("t1").ok(),
            kind: TrackKind::Video,
            source: Source::Camera,
            name: String::new(),
            muted: false,
            shape: TrackShape::default(),
        };
        town.0 = town.ask(None, Command::PublishTrack(track)).unwrap();
        town
    }

    fn ask(&self, acting: Option<&str>, command: Command) -> Result<Room, Rejection> {
        let defaults = Defaults::default();
        let now = Timestamp::from_seconds(1_700_000_000);
        let context = Context {
            now,
            wall: now,
            defaults: &defaults,
            entropy: u128::from(self.0.version.0) << 64,
        };
        let mut request = Request::new(self.0.name.clone(), command);
        request.as_connection = acting.map(str::to_owned);
        if let Command::Move { to_room, .. } = &request.command {
            let to = Room::new(to_room.clone());
            return decide_move(&self.0, &to, &request, &context)
                .map(|decision| decision.from.room);
        }
        decide(&self.0, &request, &context).map(|decision| decision.room)
    }
}

#[test]
fn a_command_as_a_connection_needs_the_right_for_that_very_command() {
    let all = [
        AdminRight::Participants,
        AdminRight::Streaming,
        AdminRight::Transcription,
    ];
    for subset in 0..8_u8 {
        let rights: Vec<AdminRight> = (0..3)
            .filter(|bit| subset & (1 << bit) != 0)
            .map(|bit| all[bit])
            .collect();
        let town = Town::new(&rights);
        for (covered, command) in commands() {
            let expected = covered && rights.contains(&AdminRight::Participants);
            let done = town.ask(Some("alice"), command.clone());
            if expected {
                assert!(done.is_ok(), "{rights:?} {command:?}: {done:?}");
                continue;
            }
            let no = done.expect_err(command.name());
            assert_eq!(no.code(), Code::NoRight, "{rights:?} {command:?}");
            assert!(no.to_string().contains("\"town\""), "{no}");
            assert_eq!(no.because(Some(&town.0.name)).len(), 1, "{no}");
        }
    }
}

/// `*` is no way around that the right covers permissions of others only.
#[test]
fn everybody_as_a_connection_is_everybody_else() {
    let town = Town::new(&[AdminRight::Participants, AdminRight::Streaming]);
    let raised = PermissionUpdate {
        patch: PermissionPatch {
            admin: Some([AdminRight::Streaming].into()),
            ..PermissionPatch::default()
        },
        ..PermissionUpdate::default()
    };
    let one = Command::UpdateParticipant(UpdateParticipant {
        target: Target::Everyone,
        profile: command::ProfileUpdate::default(),
        permission: Some(raised.clone()),
    });
    let many = |mode| {
        Command::UpdatePermissions(UpdatePermissions {
            mode,
            targets: [(Target::Everyone, raised.clone())].into(),
            refuse_unknown: false,
        })
    };
    for command in [one, many(UpdateMode::Patch), many(UpdateMode::Replace)] {
        let rights = |acting, who| {
            let room = town.ask(acting, command.clone()).unwrap();
            let connection = room.connection_by_ref(who).unwrap();
            connection
                .permission
                .admin
                .iter()
                .copied()
                .collect::<Vec<_>>()
        };
        let own = [AdminRight::Participants, AdminRight::Streaming];
        let given = [AdminRight::Streaming];
        assert_eq!(rights(Some("alice"), "alice"), own, "{command:?}");
        assert_eq!(rights(Some("alice"), "bob"), given, "{command:?}");
        assert_eq!(rights(None, "alice"), given, "{command:?}");
    }
}

/// Who may change others' permissions makes nobody more than they are themselves.
#[test]
fn nobody_gives_an_admin_right_that_they_lack() {
    let all = [
        AdminRight::Participants,
        AdminRight::Streaming,
        AdminRight::Transcription,
    ];
    for own in 0..8_u8 {
        let chosen = |bits: u8| (0..3).filter(move |bit| bits & (1 << bit) != 0);
        let rights = |bits: u8| chosen(bits).map(|bit| all[bit]);
        let town = Town::new(&rights(own).collect::<Vec<_>>());
        for given in 0..8_u8 {
            let update = PermissionUpdate {
                patch: PermissionPatch {
                    admin: Some(rights(given).collect()),
                    ..PermissionPatch::default()
                },
                ..PermissionUpdate::default()
            };
            let one = Command::UpdateParticipant(UpdateParticipant {
                target: bob(),
                profile: command::ProfileUpdate::default(),
                permission: Some(update.clone()),
            });
            let many = |mode| {
                Command::UpdatePermissions(UpdatePermissions {
                    mode,
                    targets: [(Target::Everyone, update.clone())].into(),
                    refuse_unknown: false,
                })
            };
            for command in [one, many(UpdateMode::Patch), many(UpdateMode::Replace)] {
                let may = own & 1 == 1 && given & !own == 0;
                let done = town.ask(Some("alice"), command.clone());
                assert_eq!(
                    done.is_ok(),
                    may,
                    "{own:03b} {given:03b} {command:?}: {done:?}"
                );
                assert!(town.ask(None, command).is_ok(), "the room itself may");
            }
        }
    }
}

/// The list of commands in the documentation is the list that the table above goes through.
#[test]
fn the_table_of_rights_knows_every_documented_command() {
    let text = include_str!("../../../docs/domain.md");
    let line = text
        .lines()
        .find(|line| line.starts_with("Admin: "))
        .unwrap();
    let list = line.split(". ").next().unwrap();
    let words = list.split('`').skip(1).step_by(2);
    let documented: BTreeSet<&str> = words.map(|word| word.split(' ').next().unwrap()).collect();
    let tried: BTreeSet<&str> = commands()
        .iter()
        .map(|(_, command)| command.name())
        .collect();
    assert_eq!(tried, documented);
}
