//! How much one small command may come to: what is named again is meant once, and what it makes of
//! what is there already has a bound.

use roomledger::domain::command::{
    Join, PermissionUpdate, PublishTrack, SendData, UpdatePermissions,
};
use roomledger::domain::event::{TrackKind, TrackShape, UpdateMode};
use roomledger::domain::state::connection_sid;
use roomledger::domain::{
    Alias, Command, Context, Defaults, Digest, Event, Identity, Permission, PermissionPatch,
    ReceiveRule, Rejection, Request, Room, RoomName, Source, Target, Timestamp, decide,
    decide_move,
};

#[test]
fn targets_of_data_are_a_set() {
    let room = with_people(50, |_| {});
    let everyone = vec![Target::Everyone; 100_000];
    let three = [
        target("p0"),
        Target::Everyone,
        target("p0"),
        target("nobody"),
    ];
    let rows = [
        (everyone, 1),
        (three.iter().cycle().take(3_000).cloned().collect(), 3),
    ];
    for (targets, named) in rows {
        let decided = decided(
            &room,
            Command::SendData(SendData {
                topic: None,
                lossy: false,
                bytes: 0,
                digest: Digest::of(b""),
                targets,
            }),
        );
        let Ok(events) = decided else {
            panic!("{decided:?}");
        };
        let [Event::DataSent(sent)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(sent.who.len(), named);
    }
}

#[test]
fn tracks_of_a_subscription_are_a_set() {
    let mut room = with_people(2, |_| {});
    let publisher = room.open_session().unwrap().live().next().unwrap();
    let publisher = connection_sid(publisher.id);
    let publish = Command::PublishTrack(PublishTrack {
        connection: publisher,
        alias: Some(Alias::new("cam").unwrap()),
        kind: TrackKind::Video,
        source: Source::Camera,
        name: String::new(),
        muted: false,
        shape: TrackShape::default(),
    });
    room = after(&room, publish);
    let subscribe = |track: &str| Command::UpdateSubscriptions {
        target: Target::Everyone,
        tracks: vec![track.to_owned(); 100_000],
        subscribe: true,
    };
    let events = decided(&room, subscribe("cam")).unwrap();
    let [Event::SubscriptionsChanged(changed)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        (changed.who.connections.len(), changed.tracks.len()),
        (2, 1)
    );
    let events = decided(&room, subscribe("nowhere")).unwrap();
    let [Event::SubscriptionsChanged(changed)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(changed.unknown_tracks.len(), 1);
}

/// An event shows each different permission whole, before and after: 16 of 256 KiB come to 8 MiB.
#[test]
fn a_change_shows_no_more_permissions_than_is_allowed() {
    let own = |join: &mut Join| {
        let who = join.identity.as_ref().map_or("", Identity::as_str);
        // A rule is counted as 384 bytes, a name in it as 8 more, the other rights as 512.
        let names = (0..64).map(|at| (format!("{who:0>8}{at:0>4058}"), true));
        let last = (format!("{who:0>504}"), true);
        join.permission = Some(PermissionUpdate {
            patch: PermissionPatch {
                receive_base: Some(ReceiveRule {
                    custom_video_by_name: Some(names.chain([last]).collect()),
                    ..ReceiveRule::default()
                }),
                ..PermissionPatch::replacing(Permission::standard())
            },
            ..PermissionUpdate::default()
        });
    };
    let mute = || {
        let update = PermissionUpdate {
            patch: PermissionPatch {
                data: Some(false),
                ..PermissionPatch::default()
            },
            ..PermissionUpdate::default()
        };
        Command::UpdatePermissions(UpdatePermissions {
            mode: UpdateMode::Patch,
            targets: [(Target::Everyone, update)].into(),
            refuse_unknown: false,
        })
    };
    assert!(decided(&with_people(16, own), mute()).is_ok());
    let refused = decided(&with_people(17, own), mute()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "all permissions before and after the change has 8912896 bytes, at most 8388608 are allowed"
    );
}

/// Who moves is recorded anew with all that they have: 16 of 512 KiB come to 8 MiB.
#[test]
fn a_move_takes_no_more_along_than_is_allowed() {
    let large = |join: &mut Join| {
        // The permission of everybody is counted as 896 bytes.
        join.profile.metadata = Some("m".repeat(512 * 1024 - 896));
    };
    let moved = |people: usize| {
        let room = with_people(people, large);
        let city = Room::new(RoomName::new("city").unwrap());
        let everybody = Command::Move {
            target: Target::Everyone,
            to_room: city.name.clone(),
        };
        let request = Request::new(room.name.clone(), everybody);
        decide_move(&room, &city, &request, &context(&Defaults::default(), 1)).map(drop)
    };
    assert_eq!(moved(16), Ok(()));
    assert_eq!(
        moved(17).unwrap_err().to_string(),
        "all that moves along has 8912896 bytes, at most 8388608 are allowed"
    );
}

fn with_people(people: usize, change: impl Fn(&mut Join)) -> Room {
    let mut room = Room::new(RoomName::new("town").unwrap());
    for at in 0..people {
        let mut join = Join::new(identity(&format!("p{at}")));
        change(&mut join);
        room = after(&room, Command::Join(join));
    }
    room
}

fn after(room: &Room, command: Command) -> Room {
    let request = Request::new(room.name.clone(), command);
    let entropy = u128::from(room.version.0) << 64;
    decide(room, &request, &context(&Defaults::default(), entropy))
        .unwrap()
        .room
}

fn decided(room: &Room, command: Command) -> Result<Vec<Event>, Rejection> {
    let request = Request::new(room.name.clone(), command);
    let decided = decide(room, &request, &context(&Defaults::default(), 1))?;
    Ok(decided.events.into_iter().map(|it| it.event).collect())
}

fn context(defaults: &Defaults, entropy: u128) -> Context<'_> {
    let now = Timestamp::from_seconds(1_700_000_000);
    Context {
        now,
        wall: now,
        defaults,
        entropy,
    }
}

fn identity(text: &str) -> Identity {
    Identity::new(text).unwrap()
}

fn target(who: &str) -> Target {
    Target::Identity(identity(who))
}
