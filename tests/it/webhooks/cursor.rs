//! The cursors: whole or not at all, named when they are damaged, and never believed of another
//! log.

use std::path::PathBuf;

use roomledger::outbox::OutboxError;
use roomledger::store::Position;
use roomledger::testing::faults::{DiskFault, SimulatedDisk};

use super::hook::{Hook, Seen, until};
use super::stage::{Stage, heard};

/// The one file whose name ends so.
fn file(disk: &SimulatedDisk, end: &str) -> Option<(PathBuf, Vec<u8>)> {
    let files = disk.files().into_iter();
    let mut files = files.filter(|(path, _)| path.to_string_lossy().contains(end));
    let found = files.next();
    assert_eq!(files.next(), None);
    found
}

/// A stage whose receiver took one visit, and whose cursor says so.
async fn one_visit_told(hook: &Hook) -> Stage {
    let stage = Stage::new(&[&hook.url]);
    let running = stage.start();
    stage.visit("r", "alice").await;
    heard(&running, &hook.url, 5);
    running.stop().await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_cursor_is_named_and_kept() {
    let hook = Hook::good();
    let mut stage = one_visit_told(&hook).await;
    let (path, good) = file(&stage.disk, ".cursor").unwrap();
    for at in 0..good.len() {
        stage.disk.edit(&path, |bytes| bytes[at] ^= 0x20);
        let Err(OutboxError::Cursor { path: named, .. }) = stage.open() else {
            panic!("a changed bit of byte {at} was not seen");
        };
        assert_eq!(named, path.display().to_string());
        stage.disk.edit(&path, |bytes| bytes.clone_from(&good));
    }
    for length in 0..good.len() {
        stage.disk.edit(&path, |bytes| bytes.truncate(length));
        assert!(stage.open().is_err(), "cut after {length} bytes");
        stage.disk.edit(&path, |bytes| bytes.clone_from(&good));
    }
    assert!(stage.open().is_ok());

    stage.disk.edit(&path, |bytes| bytes.truncate(20));
    stage.config.from = Some(Position(0));
    let running = stage.start();
    assert_eq!(file(&stage.disk, ".damaged-").unwrap().1, good[..20]);
    let again = hook.wait_for(10);
    running.stop().await;
    let ids: Vec<String> = again.iter().map(Seen::id).collect();
    assert_eq!(ids[..5], ids[5..], "a repeat has the same id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_log_is_not_believed() {
    let hook = Hook::good();
    let stage = one_visit_told(&hook).await;
    let (path, cursor) = file(&stage.disk, ".cursor").unwrap();

    // A log that ends before it.
    let shorter = Stage::new(&[&hook.url]);
    drop(shorter.open().unwrap());
    shorter.disk.edit(&path, |bytes| bytes.clone_from(&cursor));
    let Err(OutboxError::Cursor { problem, .. }) = shorter.open() else {
        panic!("a cursor beyond the log's end was believed");
    };
    assert!(problem.contains("beyond the log's end"), "{problem}");

    // A log that says something else there.
    for _ in 0..3 {
        shorter.visit("elsewhere", "mallory").await;
    }
    let running = shorter.start();
    until(
        || running.status()[0].is_halted,
        || format!("{:?}", running.status()),
    );
    running.stop().await;
    assert_eq!(hook.seen().len(), 5, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_whole_after_a_failure_or_a_power_cut_at_any_operation() {
    let hook = Hook::good();
    for operation in 0..OPERATIONS {
        let stage = Stage::new(&[&hook.url]);
        let running = stage.start();
        running.stop().await;
        let next = stage.disk.operations();
        stage.disk.fail_at(next + operation, DiskFault::ShortWrite);
        let taken = hook.taken().len();
        let running = stage.start();
        stage.visit("r", "alice").await;
        hook.wait_for(taken + 5);
        running.stop().await;
        for keeps_unsynced in [false, true] {
            let cut = stage.disk.power_cut(&mut || keeps_unsynced);
            let (_, cursor) = file(&cut, ".cursor").expect("one was written before");
            let text = String::from_utf8(cursor).unwrap();
            let is_whole = text.starts_with("roomledger receiver 1\n") && text.contains("\nsum ");
            assert!(is_whole, "operation {operation}: {text}");
        }
    }
}

/// As many as some saves take: each removes, creates, writes, syncs, renames and syncs.
const OPERATIONS: u64 = 24;
