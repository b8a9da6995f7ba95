//! The numbered contract of [`EventStore`], checked on any store by random histories beside a
//! model that is a plain list. Apart from the stores because a host's own store is held to it too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::domain::{Kind, RoomName, Version};
use crate::store::{
    CommandRecord, Commit, EventStore, Link, NewRecord, Position, Record, StoreError, StoredCommit,
};
use crate::testing::arbitrary::{Fullness, command_header, event};

/// What a step does to the store.
#[derive(Clone, Debug)]
enum Step {
    /// Appends a commit of these commands, each with the (stream, seed) of its events.
    Append(Vec<Vec<(u8, u64)>>),
    /// Appends a commit whose last record is off by this much.
    Conflict(u8, u64),
    /// Reads everything in pages of this size and compares.
    Read(usize),
    /// Opens the store again, closed before or not.
    Reopen(bool),
}

/// Checks a store against the contract, with `cases` random histories.
///
/// `begin` is called for each history, and gives what opens its store: called again after the
/// store was closed or dropped it must give the same log, unless `persists` is `false`.
///
/// # Panics
/// With the smallest history found that breaks a line of the contract.
pub fn check<S, O>(cases: u32, persists: bool, begin: impl Fn() -> O)
where
    S: EventStore,
    O: Fn() -> S,
{
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&vec(steps(), 1..25), |steps| {
        let open = begin();
        let mut subject = Subject {
            store: open(),
            model: Model::default(),
        };
        for step in steps {
            match step {
                Step::Append(shape) => subject.append(&shape)?,
                Step::Conflict(stream, seed) => subject.conflict(stream, seed)?,
                Step::Read(page) => subject.read(page)?,
                Step::Reopen(_) if !persists => {}
                Step::Reopen(closed) => {
                    if closed {
                        held(subject.store.close(), "8: close")?;
                    }
                    let model = subject.model;
                    drop(subject.store);
                    subject = Subject {
                        store: open(),
                        model,
                    };
                    subject.read(7)?;
                }
            }
        }
        subject.read(5)?;
        subject.close()
    });
    if let Err(failure) = outcome {
        panic!("the store breaks its contract: {failure}");
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let events = vec((0_u8..6, any::<u64>()), 0..4);
    proptest::prop_oneof![
        6 => vec(events, 0..4).prop_map(Step::Append),
        1 => (0_u8..6, 1_u64..5).prop_map(|(stream, off)| Step::Conflict(stream, off)),
        2 => (1_usize..20).prop_map(Step::Read),
        1 => any::<bool>().prop_map(Step::Reopen),
    ]
}

/// A store and what it should hold.
struct Subject<S> {
    store: S,
    model: Model,
}

#[derive(Default)]
struct Model {
    commits: Vec<StoredCommit>,
    records: Vec<Record>,
    heads: BTreeMap<Option<RoomName>, Version>,
}

impl Model {
    fn head(&self) -> Link {
        self.commits
            .last()
            .map_or(Link::START, |commit| commit.link)
    }

    fn version(&self, room: Option<&RoomName>) -> Version {
        self.heads.get(&room.cloned()).copied().unwrap_or_default()
    }

    /// The commit of a shape, continuing every stream.
    fn commit(&self, shape: &[Vec<(u8, u64)>]) -> Commit {
        let mut heads = self.heads.clone();
        let commands = shape.iter().zip(0_u64..).map(|(events, number)| {
            let header = command_header(Fullness::Any, number);
            let events = events.iter().map(|(stream, seed)| {
                let room = stream_of(*stream);
                let head = heads.entry(room.clone()).or_default();
                *head = head.next();
                NewRecord {
                    room,
                    version: *head,
                    event: event(kind_of(*seed), Fullness::Any, *seed),
                }
            });
            CommandRecord {
                header: Arc::new(header),
                events: events.collect(),
            }
        });
        Commit {
            commands: commands.collect(),
        }
    }
}

impl<S: EventStore> Subject<S> {
    fn append(&mut self, shape: &[Vec<(u8, u64)>]) -> Result<(), TestCaseError> {
        let commit = self.model.commit(shape);
        let before = self.model.head();
        let appended = held(self.store.append(&commit), "append")?;
        let first = before.position.next();
        same(&appended.first, &first, "1: the first position")?;
        if commit.count() == 0 {
            same(&appended.link, &before, "1: a commit without a record")?;
            return same(&self.store.head(), &before, "1: the head after it");
        }
        let stored = StoredCommit {
            first,
            link: appended.link,
            commit,
        };
        let records: Vec<Record> = stored.records().collect();
        let last = records.last().map(|record| record.position);
        same(&Some(appended.link.position), &last, "1: the last position")?;
        for record in &records {
            let version = record.version;
            self.model.heads.insert(record.room.clone(), version);
        }
        self.model.records.extend(records);
        self.model.commits.push(stored);
        same(&self.store.head(), &self.model.head(), "3: the head")
    }

    fn conflict(&mut self, stream: u8, off: u64) -> Result<(), TestCaseError> {
        let mut commit = self.model.commit(&[vec![(0, 1), (stream, 2)]]);
        let last = commit
            .commands
            .iter_mut()
            .flat_map(|c| &mut c.events)
            .last();
        let Some(record) = last else { return Ok(()) };
        record.version = Version(record.version.0 + off);
        let (room, expected) = (record.room.clone(), record.version);
        let before = self.store.head();
        match self.store.append(&commit) {
            Err(StoreError::Conflict {
                expected: told,
                room: name,
                ..
            }) => {
                same(&told, &expected, "4: the version expected")?;
                let named = room.as_ref().map_or("", RoomName::as_str);
                same(&name.as_str(), &named, "4: the stream in conflict")?;
            }
            other => return Err(broken("4: a conflict", &format!("{other:?}"))),
        }
        same(&self.store.head(), &before, "4: the head after a conflict")?;
        self.read(50)
    }

    fn read(&self, page: usize) -> Result<(), TestCaseError> {
        let mut found: Vec<Record> = Vec::new();
        loop {
            let after = found.last().map_or(Position(0), |record| record.position);
            let more = held(self.store.read_all(after, page), "6: read_all")?;
            if more.is_empty() {
                break;
            }
            at_most(more.len(), page)?;
            found.extend(more);
        }
        same(&found, &self.model.records, "6: read_all")?;
        let mut rooms: BTreeSet<Option<RoomName>> = (0..6).map(stream_of).collect();
        rooms.insert(RoomName::new("a room where nothing happened").ok());
        for room in &rooms {
            self.read_room(room.as_ref(), page)?;
        }
        let rooms = self.model.heads.keys().flatten();
        let names: Vec<RoomName> = rooms.cloned().collect();
        let (first, rest) = names.split_at(names.len().min(2));
        let found = held(self.store.rooms(None, 2), "rooms")?;
        same(&found.as_slice(), &first, "rooms, the first two")?;
        if let Some(after) = first.get(1) {
            let found = held(self.store.rooms(Some(after), 9), "rooms")?;
            same(&found.as_slice(), &rest, "rooms, the others")?;
        }
        self.read_commits()
    }

    fn read_room(&self, room: Option<&RoomName>, page: usize) -> Result<(), TestCaseError> {
        let records = self.model.records.iter();
        let expected: Vec<&Record> = records
            .filter(|record| record.room.as_ref() == room)
            .collect();
        let mut found: Vec<Record> = Vec::new();
        loop {
            let after = found.last().map_or(Version(0), |record| record.version);
            let more = held(self.store.read_room(room, after, page), "6: read_room")?;
            if more.is_empty() {
                break;
            }
            at_most(more.len(), page)?;
            found.extend(more);
        }
        same(&found.iter().collect(), &expected, "6: read_room")?;
        let middle = Version(u64::try_from(expected.len() / 2).unwrap_or(0));
        let later = held(self.store.read_room(room, middle, page), "6: read_room")?;
        let skipped = expected.iter().skip(expected.len() / 2).take(later.len());
        same(
            &later.iter().collect::<Vec<_>>(),
            &skipped.copied().collect(),
            "6: read_room from the middle",
        )?;
        let head = held(self.store.room_head(room), "room_head")?;
        same(&head, &self.model.version(room), "1: room_head")
    }

    fn read_commits(&self) -> Result<(), TestCaseError> {
        let read = |after| -> Result<Vec<StoredCommit>, TestCaseError> {
            let commits = held(self.store.read_commits(after), "6: read_commits")?;
            commits
                .map(|commit| held(commit, "6: read_commits"))
                .collect()
        };
        same(&read(Position(0))?, &self.model.commits, "6: read_commits")?;
        let half = self.model.commits.len() / 2;
        if let Some(commit) = self.model.commits.get(half) {
            let rest: Vec<StoredCommit> =
                self.model.commits.iter().skip(half + 1).cloned().collect();
            same(
                &read(commit.link.position)?,
                &rest,
                "6: read_commits, later ones",
            )?;
            for position in [commit.first, commit.link.position] {
                let found = held(self.store.commit_of(position), "commit_of")?;
                same(&found, &commit.link, "2: commit_of")?;
            }
        }
        for nowhere in [Position(0), self.model.head().position.next()] {
            match self.store.commit_of(nowhere) {
                Err(StoreError::Missing { position }) => {
                    same(&position, &nowhere, "the position that is missing")?;
                }
                other => return Err(broken("commit_of nowhere", &format!("{other:?}"))),
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), TestCaseError> {
        held(self.store.close(), "8: close")?;
        held(self.store.close(), "8: close, the second time")?;
        match self.store.append(&self.model.commit(&[vec![(1, 1)]])) {
            Err(StoreError::Closed) => Ok(()),
            other => Err(broken("8: an append after close", &format!("{other:?}"))),
        }
    }
}

fn stream_of(number: u8) -> Option<RoomName> {
    // Names that are each other's prefixes, and one that is as long as a name may be.
    let name = match number {
        0 => return None,
        1 => "a".to_owned(),
        2 => "ab".to_owned(),
        3 => "a/../b".to_owned(),
        4 => "x".repeat(256),
        _ => "\u{1f600} room".to_owned(),
    };
    RoomName::new(&name).ok()
}

fn kind_of(seed: u64) -> Kind {
    let count = Kind::ALL.len();
    let index = usize::try_from(seed).unwrap_or(usize::MAX) % count;
    Kind::ALL.get(index).copied().unwrap_or(Kind::NoteAdded)
}

fn held<T>(outcome: Result<T, StoreError>, what: &str) -> Result<T, TestCaseError> {
    outcome.map_err(|error| broken(what, &error.to_string()))
}

fn at_most(count: usize, limit: usize) -> Result<(), TestCaseError> {
    if count <= limit {
        return Ok(());
    }
    Err(broken("a limit", &format!("{count} answered for {limit}")))
}

fn same<T: PartialEq + std::fmt::Debug>(
    found: &T,
    expected: &T,
    what: &str,
) -> Result<(), TestCaseError> {
    if found == expected {
        return Ok(());
    }
    let text = format!("found {found:?}, expected {expected:?}");
    Err(broken(what, &text))
}

fn broken(what: &str, how: &str) -> TestCaseError {
    TestCaseError::fail(format!("{what}: {how}"))
}
