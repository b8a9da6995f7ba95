//! The engine on disk: what it keeps beside the log changes how fast it opens, and nothing else.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roomledger::domain::{Actor, Command, Digest, Room, Version};
use roomledger::engine::EngineConfig;
use roomledger::replay::{Moment, fold_on};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{Caches as _, EventStore, Position};
use roomledger::testing::virtual_time::VirtualEngine;

use crate::ledger::{copy_files, edit_sled};

use super::failure::io;
use super::support::{
    call, create, gate_over, identity, join, open_on, remove, room, run, with_id,
};

fn ledger(dir: &Path) -> Ledger {
    let mut options = LedgerOptions::new(1, [7; 16], "boot".to_owned());
    options.segment_bytes = 1 << 20;
    options.frame_bytes_max = 1 << 19;
    options.reserve_bytes = 0;
    // A slow machine opens slowly; that is not what is looked at.
    options.open_wait = Duration::from_secs(600);
    options.read_wait = Duration::from_secs(600);
    Ledger::open(dir, options).unwrap().0
}

fn config() -> EngineConfig {
    EngineConfig {
        checkpoint_events: 20,
        snapshot_events: 5,
        ..EngineConfig::default()
    }
}

fn crowd(engine: &VirtualEngine) {
    for n in 0..12 {
        let who = format!("p{n}");
        let call = with_id(join("r", &who), &who);
        engine.execute_blocking(call).unwrap();
        engine.execute_blocking(remove("r", &who)).unwrap();
    }
    engine.execute_blocking(create("other")).unwrap();
}

fn check_open(engine: &VirtualEngine, rooms: &[Arc<Room>]) {
    assert_eq!(engine.live_rooms(), rooms);
    for n in 0..12 {
        let who = format!("p{n}");
        let call = with_id(join("r", &who), &who);
        assert!(engine.execute_blocking(call).unwrap().replayed, "{who}");
    }
}

#[test]
fn a_closed_engine_opens_from_its_checkpoint_or_without_it_to_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open_on(Arc::new(ledger(dir.path())), config());
    crowd(&engine);
    let rooms = engine.live_rooms();
    engine.shutdown_blocking().unwrap();
    let closed_at = engine.store().head().position;
    drop(engine);

    let gate = Arc::new(gate_over(Box::new(ledger(dir.path()))));
    let engine = open_on(Arc::clone(&gate) as Arc<dyn EventStore>, config());
    assert_eq!(gate.folded_after(), [closed_at], "nothing was folded again");
    check_open(&engine, &rooms);
    engine.shutdown_blocking().unwrap();
    gate.close_log();
    drop((engine, gate));

    std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
    let gate = Arc::new(gate_over(Box::new(ledger(dir.path()))));
    let engine = open_on(Arc::clone(&gate) as Arc<dyn EventStore>, config());
    assert_eq!(
        gate.folded_after(),
        [Position(0)],
        "everything was folded again"
    );
    check_open(&engine, &rooms);
}

/// The digest of the sources that say what a fold comes to and how it is kept, as build.rs is to
/// come to it: were it a constant, a cache of another reducer would be believed.
pub(crate) fn reducer_of_the_sources() -> Digest {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join("src/domain")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let list = if path.is_dir() {
                &mut folders
            } else {
                &mut files
            };
            list.push(path);
        }
    }
    let stored = [
        "engine/checkpoint",
        "engine/call",
        "store/codec",
        "store/record",
    ];
    files.extend(stored.map(|name| root.join(format!("src/{name}.rs"))));
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap().to_str().unwrap();
        name.to_owned().hash(&mut hasher);
        std::fs::read(&file).unwrap().hash(&mut hasher);
    }
    Digest::of(format!("reducer {:016x}", hasher.finish()).as_bytes())
}

#[test]
fn rule_22_caches_are_stamped_with_the_sources_of_the_reducer() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open_on(Arc::new(ledger(dir.path())), config());
    crowd(&engine);
    engine.shutdown_blocking().unwrap();
    drop(engine);
    let ledger = ledger(dir.path());
    let stamp = reducer_of_the_sources();
    let kept = ledger.load_checkpoint(&stamp).unwrap();
    assert_eq!(kept.map(|kept| kept.link), Some(ledger.head()));
    let last = ledger.snapshot_at_or_before(&room("r"), Version(u64::MAX), &stamp);
    assert!(last.is_some());
}

#[test]
fn an_engine_that_died_opens_from_a_checkpoint_on_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(gate_over(Box::new(ledger(dir.path()))));
    let store = Arc::clone(&gate) as Arc<dyn EventStore>;
    let engine = open_on(Arc::clone(&store), config());
    crowd(&engine);
    let rooms = engine.live_rooms();
    // It is kept beside the writer, by a thread that nobody waits for.
    let kept = || dir.path().join("checkpoint").exists();
    let mut looks = (0..6_000).map(|_| std::thread::sleep(Duration::from_millis(10)));
    while !kept() && looks.next().is_some() {}
    gate.fail_after(0, io());
    // With appends failing, the stop can record nothing and keeps no checkpoint.
    assert!(engine.shutdown_blocking().is_err());
    drop(engine);
    gate.heal();
    gate.reopen();
    let engine = open_on(store, config());
    let after = gate.folded_after();
    assert!(after.last() > Some(&Position(0)), "{after:?}");
    check_open(&engine, &rooms);
}

#[test]
fn looking_back_from_a_snapshot_is_the_fold_from_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open_on(Arc::new(ledger(dir.path())), config());
    crowd(&engine);
    engine.advance(Duration::from_secs(30)).unwrap();
    let r = room("r");
    let head = run(engine.version_at(&r, Moment::Head)).unwrap();
    for version in 1..=head.0 {
        let moment = Moment::Version(Version(version));
        let new = Room::new(r.clone());
        let folded = fold_on(&**engine.store(), new, moment).unwrap();
        let found = run(engine.as_of(&r, moment)).unwrap().unwrap();
        assert_eq!(*found, folded, "{version}");
    }
}

#[test]
fn looking_back_is_right_whatever_became_of_the_stored_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open_on(Arc::new(ledger(dir.path())), config());
    crowd(&engine);
    let r = room("r");
    let head = run(engine.version_at(&r, Moment::Head)).unwrap();
    let folds: Vec<Room> = (1..=head.0)
        .map(|version| {
            let moment = Moment::Version(Version(version));
            fold_on(&**engine.store(), Room::new(r.clone()), moment).unwrap()
        })
        .collect();
    engine.shutdown_blocking().unwrap();
    drop(engine);
    let stored = edited(dir.path(), |_| ());
    assert!(stored > 3, "{stored} snapshots");
    // 37 is odd: each bit of a byte is met, all over the snapshots.
    for case in 0..8 {
        let copy = tempfile::tempdir().unwrap();
        copy_files(dir.path(), copy.path());
        edited(copy.path(), |value| {
            let at = (case * 8 + 1) * 37 % (value.len() * 8);
            value[at / 8] ^= 1 << (at % 8);
        });
        let engine = open_on(Arc::new(ledger(copy.path())), config());
        for folded in &folds {
            let moment = Moment::Version(folded.version);
            let found = run(engine.as_of(&r, moment)).unwrap().unwrap();
            assert_eq!(*found, *folded, "case {case}, {}", folded.version.0);
        }
    }
}

/// Changes every snapshot behind the back of sled; how many there are.
fn edited(dir: &Path, change: impl Fn(&mut Vec<u8>)) -> usize {
    let mut count = 0;
    edit_sled(dir, |key, value| {
        if key.starts_with(b"s") {
            change(value);
            count += 1;
        }
    });
    count
}

/// No record tells what a refusal was that was only counted: its answer is kept in the checkpoint.
#[test]
fn a_counted_refusal_is_answered_alike_after_a_clean_stop() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig {
        refusals_per_minute_max: 1,
        ..config()
    };
    let ban = |lifted: bool| {
        let identity = identity("mallory");
        let banned = Command::Ban {
            identity: identity.clone(),
            until: None,
        };
        let command = if lifted {
            Command::Unban { identity }
        } else {
            banned
        };
        call("r", command)
    };
    let mut again = with_id(join("r", "mallory"), "1");
    let mut expected = with_id(remove("r", "nobody"), "2");
    expected.request.expected_version = Some(Version(1));
    again.provenance.actor = Actor::of_key("devkey", Some("a"));
    expected.provenance.actor = Actor::of_key("devkey", Some("a"));
    let engine = open_on(Arc::new(ledger(dir.path())), config.clone());
    engine.execute_blocking(create("r")).unwrap();
    engine.execute_blocking(ban(false)).unwrap();
    for call in [&again, &expected] {
        let mut one = call.clone();
        one.provenance.request_id = None;
        engine.execute_blocking(one).unwrap();
    }
    let first = engine.execute_blocking(again.clone()).unwrap();
    let conflict = engine.execute_blocking(expected.clone()).unwrap();
    assert!(first.records.is_empty() && conflict.records.is_empty());
    engine.execute_blocking(ban(true)).unwrap();
    engine.shutdown_blocking().unwrap();
    drop(engine);

    let engine = open_on(Arc::new(ledger(dir.path())), config);
    for (call, first) in [(again, first), (expected, conflict)] {
        let told = engine.execute_blocking(call).unwrap();
        assert!(told.replayed);
        assert_eq!(
            (&told.status, told.position, told.version),
            (&first.status, first.position, first.version)
        );
    }
    engine.shutdown_blocking().unwrap();
}
