//! Ranges of numbers in a log that a stranger wrote: a few bytes that stand for four billion steps.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use roomledger::domain::event::{GivenOut, Who};
use roomledger::domain::{ConnectionNumber, Event, Kind, NewEvent, Ranges, RoomName, TrackNumber};
use roomledger::store::journal::{Journal, Options};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{CommandRecord, Commit, EventStore as _, NewRecord, Position};
use roomledger::testing::arbitrary::{Fullness, command_header, event};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{COMMANDS, demo, run_line};

/// A set as a log has it: pairs of a first number and how many there are.
fn set<T: DeserializeOwned>(pairs: &[(u32, u32)]) -> T {
    serde_json::from_value(json!(pairs)).expect("a set")
}

fn closed(pairs: &[(u32, u32)]) -> NewEvent {
    let mut new = event(Kind::ConnectionsClosed, Fullness::Full, 1);
    if let Event::ConnectionsClosed(it) = &mut new.event {
        it.who.connections = set(pairs);
    }
    new
}

/// Every event that has ranges, with that set in each of them.
fn events(pairs: &[(u32, u32)]) -> Vec<NewEvent> {
    let who = |who: &mut Who| who.connections = set(pairs);
    let mut made = Vec::new();
    for kind in Kind::ALL {
        let mut new = event(*kind, Fullness::Full, 1);
        match &mut new.event {
            Event::RemovalRequested(it) => who(&mut it.who),
            Event::MoveRequested(it) => who(&mut it.who),
            Event::ConnectionsClosed(it) => who(&mut it.who),
            Event::ProfileChanged(it) => who(&mut it.who),
            Event::NoEffect(it) => it.who.iter_mut().for_each(who),
            Event::DataSent(it) => it.who.iter_mut().for_each(who),
            Event::SubscriptionsChanged(it) => {
                who(&mut it.who);
                it.tracks = set(pairs);
            }
            Event::TracksUnpublished(it) => it.tracks = set(pairs),
            Event::PermissionsChanged(it) => {
                it.who.iter_mut().for_each(who);
                for group in &mut it.groups {
                    group.connections = set(pairs);
                }
            }
            _ => continue,
        }
        made.push(new);
    }
    assert_eq!(made.len(), 9);
    made
}

/// How many connections a room has given numbers to, counted by their events.
fn connections(data: &Path, room: &RoomName) -> u32 {
    let (ledger, _) = Ledger::open(data, options()).expect("opens");
    let records = ledger.read_all(Position(0), 100_000).expect("reads");
    ledger.close().expect("closes");
    let opened = records.iter().filter(|record| {
        record.room.as_ref() == Some(room) && record.event.event.kind() == Kind::ConnectionOpened
    });
    u32::try_from(opened.count()).expect("few")
}

fn options() -> LedgerOptions {
    LedgerOptions::new(7, [3; 16], String::new())
}

fn commit_of(data: &Path, room: &RoomName, new: NewEvent) -> (Commit, u64) {
    let (ledger, _) = Ledger::open(data, options()).expect("opens");
    let record = NewRecord {
        room: Some(room.clone()),
        version: ledger.room_head(Some(room)).expect("known").next(),
        event: new,
    };
    let head = ledger.head().position.0;
    ledger.close().expect("closes");
    let command = CommandRecord {
        header: command_header(Fullness::Full, 1).into(),
        events: vec![record],
    };
    let commit = Commit {
        commands: vec![command],
    };
    (commit, head)
}

/// Appends bytes as a commit of one event, with all that the journal vouches for.
fn forge(data: &Path, head: u64, payload: &[u8]) {
    let options = Options::new(9, [3; 16], String::new());
    let (mut journal, _) = Journal::open(data, options).expect("opens");
    let added = journal.append(head + 1, 1, &[payload], &[]);
    added.expect("appends");
    journal.close().expect("closes");
}

fn assert_refused(data: &Path, lines: &[&str], position: u64, case: &str) {
    for line in lines {
        let (code, out, err) = run_line(line, data);
        // A copy takes bytes as they are; and `verify` goes on to what else is wrong.
        let expected = if line.starts_with("backup") { 0 } else { 5 };
        assert_eq!(code, Some(expected), "{case}, {line}: {out}{err}");
        if expected == 5 {
            let said = format!("{out}{err}");
            assert!(said.contains("does not decode"), "{case}, {line}: {said}");
            assert!(
                said.contains(&format!("#{position}")),
                "{case}, {line}: {said}"
            );
        }
    }
}

#[test]
fn a_range_beyond_what_the_room_gave_out_is_damage_for_every_command() {
    let room = RoomName::new("town-hall").expect("a name");
    let folder = tempfile::tempdir().expect("a directory");
    let sound = folder.path().join("sound");
    demo(&sound);
    let given = connections(&sound, &room);
    assert!(given > 2, "{given}");
    let hostile = [
        ("one too many", vec![(1, given + 1)]),
        ("all there are", vec![(1, u32::MAX - 1)]),
        ("the last of all", vec![(1, 1), (u32::MAX - 1, 1)]),
    ];
    for (case, pairs) in hostile {
        let data = folder.path().join(case.replace(' ', "-"));
        demo(&data);
        let (commit, head) = commit_of(&data, &room, closed(&pairs));
        let payload = roomledger::store::encode_commit(&commit).expect("encodes");
        forge(&data, head, &payload);
        assert_refused(&data, COMMANDS, head + 1, case);
    }
}

/// What no set is: the bytes of a pair are changed in place.
#[test]
fn a_range_that_runs_over_or_overlaps_does_not_decode() {
    let room = RoomName::new("town-hall").expect("a name");
    let folder = tempfile::tempdir().expect("a directory");
    // 251 and more are written with a mark and four bytes, so that every pair here has one length.
    let good: [(u32, u32); 2] = [(70_000, 70_000), (170_000, 70_000)];
    let bad = [
        ("over the end", [(70_000, u32::MAX), (170_000, 70_000)]),
        ("overlapping", [(70_000, 100_001), (170_000, 70_000)]),
        ("touching", [(70_000, 100_000), (170_000, 70_000)]),
        ("out of order", [(170_000, 70_000), (70_000, 70_000)]),
    ];
    let bytes = |pairs: [(u32, u32); 2]| {
        let numbers = pairs
            .into_iter()
            .flat_map(|(first, length)| [first, length]);
        let marked = numbers.map(|number| [&[252], &number.to_le_bytes()[..]].concat());
        marked.collect::<Vec<_>>().concat()
    };
    for (case, pairs) in bad {
        let data = folder.path().join(case.replace(' ', "-"));
        demo(&data);
        let (commit, head) = commit_of(&data, &room, closed(&good));
        let payload = roomledger::store::encode_commit(&commit).expect("encodes");
        let (from, to) = (bytes(good), bytes(pairs));
        let at = payload.windows(from.len()).position(|it| it == from);
        let at = at.expect("the pairs are there");
        let forged = [&payload[..at], &to, &payload[at + from.len()..]].concat();
        forge(&data, head, &forged);
        let few = ["rooms --data DATA", "log --data DATA", "verify --data DATA"];
        assert_refused(&data, &few, head + 1, case);
    }
}

/// Pairs near each other, near the end of all numbers, and of nothing.
fn arb_pairs() -> impl Strategy<Value = Vec<(u32, u32)>> {
    let number = prop_oneof![0_u32..12, Just(u32::MAX - 1), Just(u32::MAX), any::<u32>()];
    vec((number.clone(), number), 0..5)
}

/// What the pairs say by themselves: their numbers, as long as that is no walk of billions.
fn numbers(pairs: &[(u32, u32)]) -> impl Iterator<Item = u64> + '_ {
    pairs.iter().flat_map(|&(first, length)| {
        let first = u64::from(first);
        first..first + u64::from(length.min(20))
    })
}

proptest! {
    /// Read is the one form of a set, and nothing else.
    #[test]
    fn only_ranges_in_order_and_apart_are_read(pairs in arb_pairs()) {
        let read: Result<Ranges<ConnectionNumber>, _> = serde_json::from_value(json!(pairs));
        let is_small = pairs.iter().all(|(first, length)| *first < 12 && *length < 12);
        if is_small {
            // A model of sets: the form that collecting the numbers one by one comes to.
            let all: BTreeSet<u64> = numbers(&pairs).collect();
            let one_by_one = all.iter().map(|&it| ConnectionNumber(u32::try_from(it).unwrap()));
            let collected: Ranges<ConnectionNumber> = one_by_one.collect();
            let is_set = !all.contains(&0) && collected.pairs() == pairs;
            prop_assert_eq!(read.is_ok(), is_set, "{:?}", pairs);
        }
        if let Ok(read) = read {
            prop_assert_eq!(read.pairs(), &pairs[..]);
            let last = numbers(&pairs).count().checked_sub(1).map(|_| {
                let (first, length) = pairs[pairs.len() - 1];
                u64::from(first) + u64::from(length) - 1
            });
            prop_assert_eq!(read.last().map(|it| u64::from(it.0)), last);
            let few: Vec<u32> = read.up_to(ConnectionNumber(9)).map(|it| it.0).collect();
            let model: BTreeSet<u64> = numbers(&pairs).filter(|it| *it <= 9).collect();
            prop_assert!(few.iter().map(|it| u64::from(*it)).eq(model), "{:?}", pairs);
        }
    }

    /// No event passes that names a number beyond, and none is refused that does not.
    #[test]
    fn numbers_are_held_against_those_given_out(
        first in prop_oneof![1_u32..12, any::<u32>()],
        length in prop_oneof![1_u32..12, any::<u32>()],
        given in 0_u32..12,
    ) {
        prop_assume!(first > 0 && length > 0 && first.checked_add(length).is_some());
        let last = u64::from(first) + u64::from(length) - 1;
        let given_out = GivenOut { connections: given, tracks: given };
        for new in events(&[(first, length)]) {
            let kind = new.event.kind();
            let groups = if let Event::PermissionsChanged(it) = &new.event {
                u64::try_from(it.groups.len()).unwrap()
            } else {
                1
            };
            let named = u64::from(length) * groups;
            let is_good = last.max(named) <= u64::from(given);
            prop_assert_eq!(new.event.check_numbers(given_out).is_ok(), is_good, "{:?}", kind);
        }
    }
}

/// As many pairs as there can be are decided; one more was never decided.
#[test]
fn subscriptions_are_bounded_by_what_one_command_can_change() {
    let given = GivenOut {
        connections: 1_000_000,
        tracks: 1_000_000,
    };
    for (connections, tracks, is_good) in [(1_000, 100, true), (1_001, 100, false)] {
        let mut new = event(Kind::SubscriptionsChanged, Fullness::Full, 1);
        if let Event::SubscriptionsChanged(it) = &mut new.event {
            it.who.connections = set(&[(1, connections)]);
            it.tracks = set::<Ranges<TrackNumber>>(&[(1, tracks)]);
        }
        assert_eq!(new.event.check_numbers(given).is_ok(), is_good);
    }
}
