//! Moves between rooms: what goes along, what comes back, and what cannot be moved. Apart from the
//! tables of `decide`, which know two rooms and no rules about single people.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use roomledger::domain::command::{
    CreateRoom, Join, PermissionUpdate, PublishTrack, UpdatePermissions, UpdateRoom,
};
use roomledger::domain::event::{ConnectionKind, TrackKind, TrackShape, UpdateMode};
use roomledger::domain::state::Connection;
use roomledger::domain::{
    Alias, Command, Context, Defaults, Identity, PermissionPatch, ReceiveRule, Rejection, Request,
    Room, RoomName, Source, Target, Timestamp, decide, decide_move,
};
use roomledger::testing::invariants::broken;

/// Rooms by name, and a clock.
#[derive(Clone)]
struct Rooms {
    by_name: BTreeMap<&'static str, Room>,
    now: Timestamp,
    entropy: u128,
}

impl Rooms {
    fn new() -> Self {
        let room = |name| (name, Room::new(RoomName::new(name).unwrap()));
        Self {
            by_name: ["a", "b", "c"].map(room).into(),
            now: Timestamp::from_seconds(1_700_000_000),
            entropy: 1,
        }
    }

    fn try_to(&mut self, room: &'static str, command: Command) -> Result<(), Rejection> {
        self.entropy += 1;
        let defaults = Defaults::default();
        let context = Context {
            now: self.now,
            wall: self.now,
            defaults: &defaults,
            entropy: self.entropy << 64,
        };
        let request = Request::new(RoomName::new(room).unwrap(), command);
        let from = &self.by_name[room];
        if let Command::Move { to_room, .. } = &request.command {
            let to = ["a", "b", "c"]
                .into_iter()
                .find(|name| *name == to_room.as_str());
            let to = to.unwrap();
            let moved = decide_move(from, &self.by_name[to], &request, &context)?;
            self.by_name
                .extend([(room, moved.from.room), (to, moved.to.room)]);
        } else {
            let decision = decide(from, &request, &context)?;
            self.by_name.insert(room, decision.room);
        }
        for room in self.by_name.values() {
            assert_eq!(broken(room), Vec::<String>::new());
        }
        Ok(())
    }

    #[track_caller]
    fn to(&mut self, room: &'static str, command: Command) {
        self.try_to(room, command).unwrap();
    }

    #[track_caller]
    fn refused(&mut self, room: &'static str, command: Command, code: &str) -> Rejection {
        let before = self.by_name.clone();
        let no = self.try_to(room, command).unwrap_err();
        assert_eq!(no.code().as_str(), code, "{no}");
        assert_eq!(self.by_name, before);
        no
    }

    #[track_caller]
    fn newest(&self, room: &str, who: &str) -> &Connection {
        let room = &self.by_name[room];
        let (_, person) = room.person_by_identity(&identity(who)).unwrap();
        room.connection(person.newest.unwrap()).unwrap()
    }

    fn wait(&mut self, seconds: u32) {
        self.now = self.now.plus_seconds(seconds);
        for room in ["a", "b", "c"] {
            self.to(room, Command::Tick);
        }
    }
}

fn identity(who: &str) -> Identity {
    Identity::new(who).unwrap()
}

/// Alice as `c1`, say, reported by `sfu`.
fn join(who: &str, id: &str) -> Command {
    let mut join = Join::new(identity(who));
    join.alias = Some(Alias::new(id).unwrap());
    join.reporter = Some("sfu".to_owned());
    Command::Join(join)
}

fn moved(target: Target, to_room: &str) -> Command {
    let to_room = RoomName::new(to_room).unwrap();
    Command::Move { target, to_room }
}

fn person(who: &str) -> Target {
    Target::Identity(identity(who))
}

fn leave(id: &str) -> Command {
    Command::Leave {
        connection: id.to_owned(),
        reason: None,
    }
}

fn publish(connection: &str, track: &str) -> Command {
    Command::PublishTrack(PublishTrack {
        connection: connection.to_owned(),
        alias: Some(Alias::new(track).unwrap()),
        kind: TrackKind::Audio,
        source: Source::Microphone,
        name: String::new(),
        muted: false,
        shape: TrackShape::default(),
    })
}

/// The ids of the media server reach the person that it reported, after any moves.
#[test]
fn ids_go_along_and_come_back_with_the_person() {
    for path in [&["b", "a"][..], &["b", "c", "a"], &["b", "a", "b", "a"]] {
        for is_kept_open in [true, false] {
            let mut rooms = Rooms::new();
            rooms.to("a", join("alice", "c1"));
            if is_kept_open {
                rooms.to("a", join("keeper", "k1"));
            }
            rooms.to("a", publish("c1", "t1"));
            let mut at = "a";
            for (step, next) in path.iter().copied().enumerate() {
                rooms.to(at, moved(person("alice"), next));
                // Meanwhile nobody takes the id that was left, alice by a join of her own neither.
                rooms.refused(at, join("mallory", "c1"), "id-reused");
                rooms.refused(at, join("alice", "c1"), "id-reused");
                rooms.wait(60);
                at = next;
                let other = format!("m{step}");
                rooms.to(at, join("mallory", &other));
                if step > 0 && at == "a" {
                    rooms.refused(at, publish(&other, "t1"), "id-reused");
                }
                assert_eq!(rooms.newest(at, "alice").name_id(), "c1");
                rooms.to(at, publish("c1", "t1"));
                let (owner, track) = rooms.by_name[at].track_by_ref("t1").unwrap();
                assert_eq!(owner.number, rooms.newest(at, "alice").number);
                assert_eq!(track.number, owner.tracks[0].number);
                rooms.refused(at, publish("c1", "t1"), "id-reused");
            }
            let sync = Command::CloseLost {
                reporter: "sfu".to_owned(),
                as_of: rooms.by_name["a"].version,
                listed: vec!["c1".to_owned()],
            };
            rooms.to("a", sync);
            assert!(rooms.newest("a", "alice").is_live(), "{path:?}");
            rooms.to("a", leave("c1"));
            assert!(!rooms.newest("a", "alice").is_live(), "{path:?}");
            rooms.refused("a", join("alice", "c1"), "id-reused");
        }
    }
}

/// An id that is another's in the destination would send alice's reports to them.
#[test]
fn nobody_is_moved_to_where_their_id_is_anothers() {
    for is_inside in [true, false] {
        let mut rooms = Rooms::new();
        rooms.to("a", join("alice", "c1"));
        rooms.to("b", join("bob", "c1"));
        rooms.to("b", join("keeper", "k1"));
        if !is_inside {
            rooms.to("b", leave("c1"));
        }
        let no = rooms.refused("a", moved(person("alice"), "b"), "id-reused");
        assert!(no.to_string().contains("\"c1\"") && no.to_string().contains("\"b\""));
        // Nor is an id given back to somebody else than went with it.
        rooms.to("b", moved(person("keeper"), "c"));
        rooms.to("a", join("dave", "k1"));
        rooms.refused("a", moved(person("dave"), "b"), "id-reused");
    }
}

#[test]
fn what_serves_a_room_stays_in_it() {
    let kinds = [
        (ConnectionKind::Standard, true),
        (ConnectionKind::Ingress, true),
        (ConnectionKind::Sip, true),
        (ConnectionKind::Connector, true),
        (ConnectionKind::Bridge, true),
        (ConnectionKind::Egress, false),
        (ConnectionKind::Agent, false),
    ];
    for (kind, moves) in kinds {
        for (recorder, agent) in [(false, false), (true, false), (false, true)] {
            let mut rooms = Rooms::new();
            let mut join = Join::new(identity("alice"));
            join.kind = kind;
            rooms.to("a", Command::Join(join));
            rooms.to("a", self::join("bob", "b1"));
            let patch = PermissionPatch {
                recorder: Some(recorder),
                agent: Some(agent),
                ..PermissionPatch::default()
            };
            let update = PermissionUpdate {
                patch,
                ..PermissionUpdate::default()
            };
            rooms.to("a", update_of("alice", update));
            for target in [person("alice"), Target::Everyone] {
                if moves && !recorder && !agent {
                    rooms.clone().to("a", moved(target, "b"));
                } else {
                    let no = rooms.refused("a", moved(target, "b"), "not-movable");
                    assert!(no.to_string().contains("\"alice\" in room \"a\""), "{no}");
                    assert_eq!(no.because(None).len(), 1);
                }
            }
            // Nothing stands in the way of the others.
            rooms.to("a", moved(person("bob"), "b"));
        }
    }
}

/// Who may not come in keeps the others out of the destination as well: both rooms stay.
#[test]
fn all_who_are_meant_are_moved_or_none() {
    let mut rooms = Rooms::new();
    rooms.to("a", join("alice", "c1"));
    rooms.to("a", join("bob", "b1"));
    rooms.to("b", join("carol", "r1"));
    let mut full = UpdateRoom::default();
    full.config.max_participants = Some(2);
    rooms.to("b", Command::UpdateRoom(full.clone()));
    rooms.refused("a", moved(Target::Everyone, "b"), "room-full");
    full.config.max_participants = Some(3);
    rooms.to("b", Command::UpdateRoom(full));
    let bob = || identity("bob");
    let until = None;
    rooms.to(
        "b",
        Command::Ban {
            identity: bob(),
            until,
        },
    );
    rooms.refused("a", moved(Target::Everyone, "b"), "banned");
    rooms.to("b", Command::Unban { identity: bob() });
    rooms.refused("a", moved(Target::Everyone, "a"), "same-room");
    rooms.refused("a", moved(person("a"), "a"), "same-room");
    rooms.to("a", moved(Target::Everyone, "b"));
    for who in ["alice", "bob"] {
        assert!(!rooms.newest("a", who).is_live() && rooms.newest("b", who).is_live());
    }
}

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// What one says of another: nothing, or whether anything of them may be received.
type Rules = [[Option<bool>; 4]; 4];

fn rules() -> impl Strategy<Value = Rules> {
    any::<Rules>()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Rules about people go along by name, rules about connections that are moved too by their new
    /// numbers; what is forbidden of a connection that stays behind is forbidden of its person.
    #[test]
    fn a_move_takes_nobodys_restriction_away(
        by_person in rules(), by_connection in rules(), all in any::<bool>(), known in any::<bool>()
    ) {
        let mut rooms = Rooms::new();
        if known {
            // Other numbers than in the first room.
            for who in ["dave", "bob"] {
                let until = Some(rooms.now.plus_seconds(1));
                rooms.to("b", Command::CreateRoom(CreateRoom::default()));
                rooms.to("b", Command::Ban { identity: identity(who), until });
            }
            rooms.wait(2);
        }
        for who in PEOPLE {
            rooms.to("a", join(who, &format!("{who}-1")));
        }
        for (at, who) in PEOPLE.iter().enumerate() {
            let said = |rules: &Rules| {
                let rules = PEOPLE.iter().zip(rules[at]);
                let rules = rules.filter_map(|(of, said)| Some((*of, ReceiveRule::all(said?))));
                rules.collect::<Vec<_>>()
            };
            let ids = said(&by_connection).into_iter();
            let people = said(&by_person).into_iter();
            let update = PermissionUpdate {
                receive_by_identity: Some(people.map(|(of, rule)| (identity(of), rule)).collect()),
                receive_by_connection: Some(
                    ids.map(|(of, rule)| (format!("{of}-1"), rule)).collect(),
                ),
                ..PermissionUpdate::default()
            };
            rooms.to("a", update_of(who, update));
        }
        let target = if all { Target::Everyone } else { person("alice") };
        rooms.to("a", moved(target, "b"));
        let gone: BTreeSet<&str> = if all { PEOPLE.into() } else { ["alice"].into() };
        for (at, who) in PEOPLE.iter().enumerate().filter(|(_, who)| gone.contains(*who)) {
            let receive = &rooms.newest("b", who).permission.receive;
            for (other, of) in PEOPLE.iter().enumerate() {
                let number = rooms.by_name["b"].person_by_identity(&identity(of)).map(|it| it.0);
                let rule = number.and_then(|number| receive.by_participant.get(&number));
                let stays = by_connection[at][other] == Some(false) && !gone.contains(of);
                let said = if stays { Some(false) } else { by_person[at][other] };
                prop_assert_eq!(rule.cloned(), said.map(ReceiveRule::all));
                let id = format!("{of}-1");
                let connection = rooms.by_name["b"].connection_by_ref(&id);
                let rule = connection.and_then(|it| receive.by_connection.get(&it.number));
                let expected = by_connection[at][other].filter(|_| gone.contains(of));
                prop_assert_eq!(rule.cloned(), expected.map(ReceiveRule::all));
            }
            let ends = by_connection[at].iter().zip(PEOPLE);
            let ends = ends.filter(|(said, of)| said.is_some() && gone.contains(of)).count();
            prop_assert_eq!(receive.by_connection.len(), ends);
        }
    }
}

fn update_of(who: &str, update: PermissionUpdate) -> Command {
    Command::UpdatePermissions(UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: [(person(who), update)].into(),
        refuse_unknown: true,
    })
}

/// A rule about a connection that is moved away and comes back is about the one that continues it;
/// a rule of the moved one about a connection that stayed is still kept.
#[test]
fn rules_about_connections_outlast_a_move_there_and_back() {
    let deaf_to = |id: &str| PermissionUpdate {
        receive_by_connection: Some([(id.to_owned(), ReceiveRule::all(false))].into()),
        ..PermissionUpdate::default()
    };
    for path in [&["b", "a"][..], &["b", "c", "a"]] {
        let mut rooms = Rooms::new();
        rooms.to("a", join("alice", "c1"));
        rooms.to("a", join("bob", "b1"));
        rooms.to("a", update_of("alice", deaf_to("b1")));
        rooms.to("a", update_of("bob", deaf_to("c1")));
        let mut at = "a";
        for next in path.iter().copied() {
            rooms.to(at, moved(person("alice"), next));
            at = next;
        }
        let room = &rooms.by_name["a"];
        let (alice, bob) = (rooms.newest("a", "alice"), rooms.newest("a", "bob"));
        let about_alice = bob.permission.receive.by_connection.get(&alice.number);
        assert_eq!(about_alice, Some(&ReceiveRule::all(false)), "{path:?}");
        assert_eq!(bob.permission.receive.by_connection.len(), 1);
        let number = room.person_by_identity(&identity("bob")).unwrap().0;
        let about_bob = alice.permission.receive.by_participant.get(&number);
        assert_eq!(about_bob, Some(&ReceiveRule::all(false)), "{path:?}");
    }
}

/// A rule that follows somebody else to a new number gives and takes no right to publish.
#[test]
fn nobody_becomes_a_publisher_by_the_move_of_another() {
    let mut rooms = Rooms::new();
    rooms.to("a", join("alice", "c1"));
    rooms.to("a", join("bob", "b1"));
    let deaf = PermissionUpdate {
        receive_by_connection: Some([("c1".to_owned(), ReceiveRule::all(false))].into()),
        ..PermissionUpdate::default()
    };
    let mut bob = Join::new(identity("carol"));
    bob.permission = Some(deaf);
    rooms.to("a", Command::Join(bob));
    let is_publisher = |rooms: &Rooms| rooms.newest("a", "carol").is_publisher;
    assert!(!is_publisher(&rooms));
    rooms.to("a", moved(person("alice"), "b"));
    rooms.to("b", moved(person("alice"), "a"));
    let alice = rooms.newest("a", "alice").number;
    let rules = &rooms.newest("a", "carol").permission.receive.by_connection;
    assert!(rules.contains_key(&alice), "the rule went on");
    assert!(!is_publisher(&rooms), "it published nothing");
    assert_eq!(rooms.by_name["a"].open_session().unwrap().publishers, 0);
}
