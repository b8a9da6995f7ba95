//! `repair`: one copy from the other, HEAD from both, and what neither has recorded as lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use roomledger::domain::command::{CreateRoom, NoteTarget};
use roomledger::domain::{
    ActorKind, Command, Event, Provenance, Request, RoomName, Timestamp, Version,
};
use roomledger::engine::{Call, Engine, EngineConfig, EngineError, ManualClock, SeededIds, repair};
use roomledger::replay::Verifier;
use roomledger::store::journal::{JournalReader, RealDisk};
use roomledger::store::ledger::{Ledger, LedgerReader, Met, RepairOptions, RepairReport, verify};
use roomledger::store::{Caches as _, EventStore as _, LogCopy, Position, Record, StoreError};

use super::damage::{commits, damage_commit, overwrite, segments};
use super::{SEGMENT_BYTES, checked, closed, copy_files, fill, open_small, options, read};

pub(super) fn repaired(dir: &Path, accept_loss: bool) -> RepairReport {
    let continue_from = None;
    let how = RepairOptions {
        accept_loss,
        continue_from,
    };
    repair(dir, options(), how, Timestamp::EPOCH).expect("repairs")
}

/// Everything that can be read, damage passed over.
fn readable(store: &LedgerReader) -> Vec<Record> {
    let mut found: Vec<Record> = Vec::new();
    let mut after = Position(0);
    let head = store.head().position;
    while after < head {
        match store.read_all(after, 40) {
            Ok(page) if page.is_empty() => break,
            Ok(page) => {
                after = page[page.len() - 1].position;
                found.extend(page);
            }
            Err(_) => after = after.next(),
        }
    }
    found
}

/// Damages what both copies have at the commit that holds `position`.
pub(super) fn damage_both(dir: &Path, position: u64) {
    let reader = JournalReader::open(Arc::new(RealDisk), dir).expect("opens");
    let frame = reader
        .frame_containing(position)
        .expect("reads")
        .expect("there");
    // Its checksum makes it unlike any other.
    let needle = &frame.bytes()[frame.bytes().len() - 24..];
    let mut places = 0;
    for path in segments(dir).iter().chain([&dir.join("db").join("db")]) {
        let bytes = fs::read(path).expect("read");
        let found: Vec<usize> = bytes
            .windows(needle.len())
            .enumerate()
            .filter(|(_, window)| *window == needle)
            .map(|(at, _)| at)
            .collect();
        for at in found {
            overwrite(path, at as u64, b"\0damage\0");
            places += 1;
        }
    }
    assert!(places >= 2, "it stands in both copies");
}

fn whole_but_for(dir: &Path, lost: &[(u64, u64)]) {
    let mut verifier = Verifier::default();
    let mut accepted = Vec::new();
    let report = verify(dir, true, &mut |met| match met {
        Met::Loss { from, to } => verifier.absorb_loss(from, to),
        Met::Commit(commit) => commit.records().for_each(|record| {
            if let Event::LossAccepted(it) = &record.event.event {
                accepted.push((it.from, it.to));
            }
        }),
    })
    .expect("verifies");
    assert_eq!(report.problems, vec![]);
    assert_eq!(accepted, lost, "each loss is on record, once");
    let met: Vec<(u64, u64)> = report
        .lost
        .iter()
        .map(|(from, to)| (from.0, to.0))
        .collect();
    assert_eq!(met, lost);
}

#[test]
fn a_whole_ledger_is_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 60);
    let report = repaired(dir.path(), true);
    assert_eq!(report, RepairReport::default());
    let (ledger, _) = open_small(dir.path());
    assert_eq!(read(&ledger).expect("reads"), written);
}

#[test]
fn the_journal_is_healed_from_sled_and_the_repair_is_on_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    let files = segments(dir.path());
    damage_commit(dir.path(), 1);
    fs::remove_file(&files[2]).expect("removed");
    let report = repaired(dir.path(), false);
    assert!(
        report.is_whole() && !report.repaired.is_empty(),
        "{report:?}"
    );
    assert!(
        report
            .repaired
            .iter()
            .all(|it| it.copy == LogCopy::Journal && it.restored)
    );
    let aside = fs::read_dir(dir.path().join("aside"));
    assert!(aside.expect("a folder").count() > 0);
    whole_but_for(dir.path(), &[]);
    let (ledger, _) = open_small(dir.path());
    let all = ledger.read_all(Position(0), 10_000).expect("reads");
    assert_eq!(all[..written.len()], written[..]);
    let recorded = all[written.len()..].iter();
    assert!(
        recorded
            .clone()
            .all(|it| matches!(it.event.event, Event::HistoryRepaired(_)))
    );
    assert_eq!(recorded.count(), report.repaired.len());
}

#[test]
fn rule_06_repair_writes_a_lost_or_bad_head_anew() {
    for harm in [
        "missing",
        "bad",
        "bad and the journal cut short",
        "journal gone",
        "journal and HEAD gone",
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let written = closed(dir.path(), 100);
        if harm == "bad and the journal cut short" {
            cut_short(dir.path());
        }
        let head = dir.path().join("HEAD");
        if harm == "missing" || harm == "journal and HEAD gone" {
            fs::remove_file(&head).expect("removed");
        } else {
            overwrite(&head, 20, b"damage");
        }
        if harm.starts_with("journal") {
            for path in segments(dir.path()) {
                fs::remove_file(path).expect("removed");
            }
        }
        assert!(
            Ledger::open(dir.path(), options()).is_err(),
            "{harm}: an open refuses"
        );
        let report = repaired(dir.path(), false);
        assert!(
            report.notes.iter().any(|note| note.contains("HEAD")),
            "{harm}: {report:?}"
        );
        assert!(report.is_whole(), "{harm}: {report:?}");
        let (ledger, _) = open_small(dir.path());
        let all = ledger.read_all(Position(0), 10_000).expect("reads");
        assert_eq!(all[..written.len()], written[..], "{harm}");
        ledger.close().expect("closes");
        whole_but_for(dir.path(), &[]);
    }
}

#[test]
fn both_copies_damaged_at_one_place_are_refused_with_the_positions_and_the_rooms() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    let middle = written[written.len() / 3].clone();
    damage_both(dir.path(), middle.position.0);
    let before = fs::read(&segments(dir.path())[0]).expect("read");
    let report = repaired(dir.path(), false);
    let [lost] = report.lost.as_slice() else {
        panic!("one hole: {report:?}");
    };
    assert!(
        !lost.is_accepted && lost.from <= middle.position,
        "{report:?}"
    );
    assert!(
        lost.to.is_some_and(|to| to >= middle.position),
        "{report:?}"
    );
    let touched: BTreeSet<_> = lost.rooms.iter().map(|it| it.room.clone()).collect();
    let gone = lost.from..=lost.to.expect("known");
    let expected: BTreeSet<_> = written
        .iter()
        .filter(|record| gone.contains(&record.position))
        .map(|record| record.room.clone())
        .collect();
    assert_eq!(touched, expected);
    assert_eq!(fs::read(&segments(dir.path())[0]).expect("read"), before);
    // The rest is readable in place.
    let reader = LedgerReader::open(dir.path()).expect("opens");
    let rest: Vec<Record> = written
        .iter()
        .filter(|record| !gone.contains(&record.position))
        .cloned()
        .collect();
    assert_eq!(readable(&reader), rest);
    for number in 0..5 {
        let room = RoomName::new(&format!("room {number}")).ok();
        let page = reader.read_room(room.as_ref(), Version(0), 10_000);
        if expected.contains(&room) {
            let kept = page.expect("what is before the hole");
            assert!(kept.iter().all(|record| record.position < lost.from));
            let last = kept[kept.len() - 1].version;
            match reader.read_room(room.as_ref(), last, 10) {
                Err(StoreError::Corrupt { position, .. }) => assert_eq!(position, lost.from),
                other => panic!("its history past the hole is refused, not {other:?}"),
            }
        } else {
            let whole = page.expect("a room that lost nothing is readable");
            assert_eq!(
                whole.len(),
                written.iter().filter(|record| record.room == room).count()
            );
        }
    }
}

/// One way to lose something from both copies.
type Harm = fn(&Path, &[Record]);

const HARMS: &[(&str, Harm)] = &[
    ("one commit", |dir, written| {
        damage_both(dir, written[written.len() / 3].position.0);
    }),
    ("two places", |dir, written| {
        damage_both(dir, written[written.len() / 4].position.0);
        damage_both(dir, written[written.len() / 2].position.0);
    }),
    ("the first commit", |dir, _| {
        overwrite(&segments(dir)[0], 100, b"damage");
        without_db(dir);
    }),
    ("a whole segment", |dir, _| {
        fs::remove_file(&segments(dir)[1]).expect("removed");
        without_db(dir);
    }),
    ("two segments and the ends beside them", |dir, _| {
        let files = segments(dir);
        overwrite(&files[0], SEGMENT_BYTES / 2, &[7; 8_192]);
        overwrite(&files[1], 0, &[7; 16_384]);
        fs::remove_file(&files[2]).expect("removed");
        overwrite(&files[3], 64, &[7; 3_000]);
        without_db(dir);
    }),
    ("the end that HEAD knows", |dir, _| {
        cut_short(dir);
        without_db(dir);
    }),
    ("everything", |dir, _| {
        for path in segments(dir) {
            overwrite(&path, 64, &[9; 16_300]);
        }
        without_db(dir);
    }),
];

/// Takes the end of the journal away, from within the tenth commit before the last.
fn cut_short(dir: &Path) {
    let commits = commits(dir);
    let (segment, middle) = commits[commits.len() - 10];
    let files = segments(dir);
    for path in &files[segment + 1..] {
        fs::remove_file(path).expect("removed");
    }
    let rest = usize::try_from(SEGMENT_BYTES - middle).expect("small");
    overwrite(&files[segment], middle, &vec![0; rest]);
}

fn without_db(dir: &Path) {
    fs::remove_dir_all(dir.join("db")).expect("removed");
}

#[test]
fn an_accepted_loss_is_recorded_and_the_rest_goes_on() {
    let template = tempfile::tempdir().expect("a directory");
    let written = closed(template.path(), 200);
    for (name, harm) in HARMS {
        let dir = tempfile::tempdir().expect("a directory");
        copy_files(template.path(), dir.path());
        harm(dir.path(), &written);
        let refused = repaired(dir.path(), false);
        assert!(!refused.is_whole(), "{name}: {refused:?}");
        let report = repaired(dir.path(), true);
        assert!(
            report.is_whole() && !report.lost.is_empty(),
            "{name}: {report:?}"
        );
        let lost: Vec<(u64, u64)> = report
            .lost
            .iter()
            .map(|it| (it.from.0, it.to.expect("known").0))
            .collect();
        let is_lost = |record: &Record| {
            lost.iter()
                .any(|(from, to)| (*from..=*to).contains(&record.position.0))
        };
        let rest: Vec<Record> = written.iter().filter(|it| !is_lost(it)).cloned().collect();
        whole_but_for(dir.path(), &lost);
        let (ledger, opened) = open_small(dir.path());
        assert!(
            opened.was_clean && opened.repairs.is_empty(),
            "{name}: {opened:?}"
        );
        let all = read_pages(&ledger);
        assert_eq!(all[..rest.len()], rest[..], "{name}");
        // Positions are not given out again, and every room that lacks events says so.
        let next = ledger.head().position;
        assert!(next > written[written.len() - 1].position, "{name}");
        let noted: BTreeSet<_> = all[rest.len()..]
            .iter()
            .filter_map(|it| it.room.clone())
            .collect();
        let touched: BTreeSet<_> = report.lost[..]
            .iter()
            .flat_map(|it| it.rooms.iter().filter_map(|it| it.room.clone()))
            .collect();
        assert_eq!(noted, touched, "{name}");
        for number in 0..5 {
            let room = RoomName::new(&format!("room {number}")).expect("a name");
            by_room(&ledger, &room, &all, name);
        }
        let more = fill(&ledger, 5);
        ledger.close().expect("closes");
        let reader = LedgerReader::open(dir.path()).expect("opens");
        let mut expected = all;
        expected.extend(more);
        assert_eq!(read_pages(&reader), expected, "{name}");
        // Rebuilt from the journal, it is the same; a second repair has nothing to do.
        without_db(dir.path());
        open_small(dir.path()).0.close().expect("closes");
        whole_but_for(dir.path(), &lost);
        let again = repaired(dir.path(), true);
        assert_eq!((again.repaired, again.notes), (vec![], vec![]), "{name}");
        whole_but_for(dir.path(), &lost);
    }
}

fn read_pages(store: &dyn roomledger::store::EventStore) -> Vec<Record> {
    let mut found: Vec<Record> = Vec::new();
    loop {
        let after = found.last().map_or(Position(0), |record| record.position);
        let page = store.read_all(after, 7).expect("reads");
        if page.is_empty() {
            return found;
        }
        found.extend(page);
    }
}

fn by_room(ledger: &Ledger, room: &RoomName, all: &[Record], name: &str) {
    let mut found: Vec<Record> = Vec::new();
    loop {
        let after = found.last().map_or(Version(0), |record| record.version);
        let page = ledger.read_room(Some(room), after, 3).expect("reads");
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let expected = all
        .iter()
        .filter(|record| record.room.as_ref() == Some(room));
    assert_eq!(
        found,
        expected.cloned().collect::<Vec<_>>(),
        "{name}: {room}"
    );
}

#[test]
fn a_running_ledger_refuses_what_both_copies_lost_and_serves_the_rest() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    let (ledger, _) = open_small(dir.path());
    let middle = written[written.len() / 3].clone();
    damage_both(dir.path(), middle.position.0);
    // sled may still have the page in its cache: what is answered is right, or refused.
    for number in 0..5 {
        let room = RoomName::new(&format!("room {number}")).ok();
        let expected: Vec<Record> = written
            .iter()
            .filter(|it| it.room == room)
            .cloned()
            .collect();
        let mut found: Vec<Record> = Vec::new();
        loop {
            let after = found.last().map_or(Version(0), |record| record.version);
            match ledger.read_room(room.as_ref(), after, 9) {
                Ok(page) if page.is_empty() => break,
                Ok(page) => found.extend(page),
                Err(StoreError::Corrupt { position, .. }) => {
                    assert!(position <= middle.position, "named");
                    break;
                }
                Err(other) => panic!("damage is named, not {other}"),
            }
        }
        assert_eq!(found[..], expected[..found.len()]);
        if middle.room != room && found.len() < expected.len() {
            let next = &expected[found.len()];
            let same_commit = next.command_first == middle.command_first;
            assert!(
                same_commit,
                "only rooms of the lost commit end early: {next:?}"
            );
        }
    }
    fill(&ledger, 5);
}

#[test]
fn damage_met_while_db_is_rebuilt_is_healed_from_the_copy_that_was_moved_aside() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let written = fill(&ledger, 200);
    // With a checkpoint at its end, an open has no need to read what is damaged.
    let reducer = roomledger::domain::Digest::of(b"reducer");
    let saved = ledger.save_checkpoint(ledger.head(), &reducer, b"state");
    saved.and_then(|()| ledger.close()).expect("closes");
    damage_commit(dir.path(), 1);
    fs::write(dir.path().join("db").join("CONDEMNED"), "a test").expect("written");
    let (ledger, report) = open_small(dir.path());
    let copies: Vec<LogCopy> = report.repairs.iter().map(|it| it.copy).collect();
    assert_eq!(copies, [LogCopy::Sled, LogCopy::Journal], "{report:?}");
    assert_eq!(read(&ledger).expect("reads"), written);
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
    assert!(!dir.path().join("aside").join("reading").exists());
}

#[test]
fn an_engine_serves_every_room_but_the_one_that_lacks_events() {
    let dir = tempfile::tempdir().expect("a directory");
    let start = || {
        let ledger = Arc::new(open_small(dir.path()).0);
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        let ids = Arc::new(SeededIds::new(7));
        Engine::open(ledger, EngineConfig::default(), clock, ids).expect("opens")
    };
    let note = |engine: &Engine, room: &str, text: &str| {
        let room = RoomName::new(room).expect("a name");
        let create = Request::new(room.clone(), Command::CreateRoom(CreateRoom::default()));
        let by = || Provenance::of_engine(ActorKind::ApiKey, "me");
        engine.execute_blocking(Call::new(create, by()))?;
        let (text, about) = (text.to_owned(), NoteTarget::Room);
        let add = Request::new(room, Command::AddNote { about, text });
        engine
            .execute_blocking(Call::new(add, by()))
            .map(|receipt| receipt.position.0)
    };
    let engine = start();
    let mut places = Vec::new();
    for text in ["one", "two", "three"] {
        for room in ["damaged", "sound"] {
            places.push(note(&engine, room, text).expect("noted"));
        }
    }
    engine.shutdown_blocking().expect("stops");
    drop(engine);
    damage_both(dir.path(), places[2]);
    // Without its cache the state has to come from the log.
    fs::remove_file(dir.path().join("checkpoint")).expect("removed");
    let report = repaired(dir.path(), true);
    assert_eq!(report.lost.len(), 1, "{report:?}");
    let engine = start();
    note(&engine, "sound", "four").expect("goes on");
    let room = |name: &str| RoomName::new(name).expect("a name");
    assert!(engine.live(&room("sound")).is_some());
    assert!(engine.live(&room("damaged")).is_none());
    match note(&engine, "damaged", "four") {
        Err(EngineError::Store(StoreError::Incomplete { room, .. })) => {
            assert_eq!(room, "damaged");
        }
        other => panic!("refused by name, not {other:?}"),
    }
    engine.shutdown_blocking().expect("stops");
}
