//! One command at a time: receipts, repeats, refusals, reads of the past.

use roomledger::domain::command::CreateRoom;
use roomledger::domain::{Actor, Command, Event, Kind, RoomName, Target, Version};
use roomledger::engine::{Clock, EngineConfig, EngineError, Status};
use roomledger::replay::Moment;
use roomledger::store::{MemoryStore, Position, Record};

use super::support::{call, create, identity, join, open, open_on, remove, room, run, with_id};

pub(crate) fn kinds<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Kind> {
    let records = records.into_iter();
    records.map(|record| record.event.event.kind()).collect()
}

#[test]
fn a_join_is_durable_before_it_is_seen_and_seen_once_it_is_answered() {
    let engine = open();
    let receipt = engine.execute_blocking(join("r", "alice")).unwrap();
    assert_eq!(receipt.status, Status::Accepted);
    assert_eq!(receipt.position, engine.head());
    assert_eq!(receipt.position, engine.store().head().position);
    let live = engine.live(&room("r")).unwrap();
    assert_eq!(live.live_of(&identity("alice")).len(), 1);
    assert_eq!(receipt.room.as_deref(), Some(&*live));
    let all = engine.store().read_all(Position(0), 100).unwrap();
    assert_eq!(kinds(&all).first(), Some(&Kind::EngineStarted));
    let own: Vec<_> = receipt.records.iter().map(|r| (**r).clone()).collect();
    assert!(
        all.ends_with(&own),
        "a receipt holds the records of the log"
    );
}

#[test]
fn a_repeat_gets_the_outcome_of_then() {
    let engine = open();
    engine.execute_blocking(join("r", "alice")).unwrap();
    let call = with_id(remove("r", "alice"), "req-1");
    let first = engine.execute_blocking(call.clone()).unwrap();
    engine.execute_blocking(join("r", "alice")).unwrap();
    let head = engine.head();
    let again = engine.execute_blocking(call.clone()).unwrap();
    assert_eq!(engine.head(), head, "a repeat records nothing");
    assert!(again.replayed && !first.replayed);
    assert_eq!(again.status, first.status);
    assert_eq!(again.position, first.position);
    assert_eq!(again.records, first.records);
    assert_eq!(again.room, first.room);
    let other = with_id(remove("r", "bob"), "req-1");
    let error = engine.execute_blocking(other).unwrap_err();
    assert!(
        matches!(error, EngineError::RequestIdReused { .. }),
        "{error}"
    );
}

#[test]
fn the_same_request_id_of_another_room_call_key_or_subject_is_another_request() {
    let engine = open();
    engine
        .execute_blocking(with_id(join("r", "alice"), "1"))
        .unwrap();
    let mut other_key = with_id(join("r", "alice"), "1");
    other_key.provenance.actor = Actor::of_key("other", None);
    let mut other_subject = with_id(join("r", "alice"), "1");
    other_subject.provenance.actor = Actor::of_key("devkey", Some("mod"));
    for call in [
        with_id(join("s", "alice"), "1"),
        with_id(remove("r", "alice"), "1"),
        other_key,
        other_subject,
    ] {
        assert!(!engine.execute_blocking(call).unwrap().replayed);
    }
}

#[test]
fn a_refusal_is_recorded_and_answered() {
    let engine = open();
    let receipt = engine.execute_blocking(remove("nowhere", "alice")).unwrap();
    let Status::Refused(refused) = &receipt.status else {
        panic!("{:?}", receipt.status);
    };
    assert_eq!(refused.code.as_str(), "no-such-room");
    assert_eq!(
        kinds(receipt.records.iter().map(|r| &**r)),
        [Kind::CommandRefused]
    );
    assert_eq!(
        receipt.records[0].room, None,
        "a refusal never creates a room"
    );
    assert!(receipt.room.is_none() && engine.live(&room("nowhere")).is_none());
}

#[test]
fn a_refused_join_names_the_position_of_the_ban_and_so_does_its_repeat() {
    let engine = open();
    engine.execute_blocking(create("r")).unwrap();
    let identity = identity("mallory");
    let ban = call(
        "r",
        Command::Ban {
            identity,
            until: None,
        },
    );
    let banned = engine.execute_blocking(ban).unwrap();
    let join = with_id(join("r", "mallory"), "1");
    let first = engine.execute_blocking(join.clone()).unwrap();
    let again = engine.execute_blocking(join).unwrap();
    for receipt in [&first, &again] {
        let Status::Refused(refused) = &receipt.status else {
            panic!("{:?}", receipt.status);
        };
        assert_eq!(refused.code.as_str(), "banned");
        assert_eq!(refused.because, [banned.position]);
        assert!(refused.detail.contains("mallory"), "{}", refused.detail);
    }
}

#[test]
fn refusals_beyond_the_rate_are_recorded_in_sum() {
    let config = EngineConfig {
        refusals_per_minute_max: 2,
        ..EngineConfig::default()
    };
    let engine = open_on(std::sync::Arc::new(MemoryStore::new()), config);
    let recorded = |who: &str| {
        let receipt = engine.execute_blocking(remove("x", who)).unwrap();
        receipt.records.len()
    };
    assert_eq!(["y", "y", "z", "w", "w"].map(recorded), [1, 0, 1, 0, 0]);
    engine.advance(std::time::Duration::from_secs(60)).unwrap();
    let mut all = engine.store().read_all(Position(0), 100).unwrap();
    let Some(Event::RefusalsSuppressed(sum)) = all.pop().map(|record| record.event.event) else {
        panic!("the sum is the last");
    };
    assert_eq!((sum.count(), sum.ended), (3, true));
    assert_eq!(recorded("w"), 1, "a new minute");
}

#[test]
fn a_move_is_one_command_in_two_rooms() {
    let engine = open();
    engine.execute_blocking(join("from", "alice")).unwrap();
    engine.execute_blocking(create("to")).unwrap();
    let target = Target::Identity(identity("alice"));
    let to_room = room("to");
    let call = with_id(call("from", Command::Move { target, to_room }), "1");
    let first = engine.execute_blocking(call.clone()).unwrap();
    assert_eq!(first.status, Status::Accepted);
    let rooms: Vec<_> = first.records.iter().map(|r| r.room.clone()).collect();
    assert!(rooms.contains(&Some(room("from"))) && rooms.contains(&Some(room("to"))));
    assert!(
        engine
            .live(&room("from"))
            .unwrap()
            .live_of(&identity("alice"))
            .is_empty()
    );
    assert_eq!(
        engine
            .live(&room("to"))
            .unwrap()
            .live_of(&identity("alice"))
            .len(),
        1
    );
    engine.execute_blocking(remove("to", "alice")).unwrap();
    let again = engine.execute_blocking(call).unwrap();
    assert_eq!(
        (again.room, again.destination),
        (first.room, first.destination)
    );
}

#[test]
fn rooms_without_a_session_leave_memory_and_come_back() {
    let config = EngineConfig {
        idle_rooms_max: 1,
        ..EngineConfig::default()
    };
    let engine = open_on(std::sync::Arc::new(MemoryStore::new()), config);
    let names = ["a", "b", "c"];
    for name in names {
        let create = call(name, Command::CreateRoom(CreateRoom::default()));
        engine.execute_blocking(create).unwrap();
    }
    let kept: Vec<bool> = names
        .iter()
        .map(|name| engine.live(&room(name)).is_some())
        .collect();
    assert_eq!(kept, [false, false, true]);
    let again = engine.execute_blocking(join("a", "alice")).unwrap();
    assert!(
        again.version > Version(1),
        "the join goes on from what the log says"
    );
    assert!(engine.live(&room("a")).is_some());
}

#[test]
fn the_past_is_folded_up_to_version_position_and_time() {
    let engine = open();
    let joined = engine.execute_blocking(join("r", "alice")).unwrap();
    let at = engine.clock().wall();
    engine.advance(std::time::Duration::from_secs(5)).unwrap();
    engine.execute_blocking(remove("r", "alice")).unwrap();
    let r = room("r");
    for moment in [
        Moment::Version(joined.version),
        Moment::Position(joined.position),
        Moment::Time(at),
    ] {
        let then = run(engine.as_of(&r, moment)).unwrap();
        assert_eq!(then, joined.room, "{moment:?}");
    }
    assert_eq!(
        run(engine.as_of(&r, Moment::Head)).unwrap(),
        engine.live(&r)
    );
    assert_eq!(
        run(engine.as_of(&r, Moment::Position(Position(1)))).unwrap(),
        None
    );
    assert_eq!(
        run(engine.version_at(&r, Moment::Position(joined.position))).unwrap(),
        joined.version
    );
    assert_eq!(
        run(engine.version_at(&r, Moment::Position(Position(1)))).unwrap(),
        Version(0)
    );
    let names: Vec<RoomName> = run(engine.rooms(None, 10)).unwrap();
    assert_eq!(names, [r]);
}
