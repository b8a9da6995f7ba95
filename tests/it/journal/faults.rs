//! Faults at every operation and power cuts between them: what was acknowledged stays.
use std::io;

use proptest::prelude::*;
use roomledger::store::journal::{Frame, Journal, JournalError};
use roomledger::testing::faults::{DiskFault, SimulatedDisk};

use super::{append, dir, options, read_whole};

/// Opens, appends over several segments, seals, steps HEAD, closes, opens and appends again;
/// stops at the first error. Gives what was acknowledged.
fn script(disk: &SimulatedDisk) -> (Vec<Frame>, Result<(), JournalError>) {
    let mut acknowledged = Vec::new();
    let mut run = || {
        for epoch in [1, 2] {
            let (mut journal, _) = Journal::open(dir(), options(epoch, disk))?;
            let keeper = journal.head_keeper();
            for step in 0..24 {
                let frame = append(&mut journal)?;
                acknowledged.push(frame.clone());
                keeper.admit(&frame, step * 20)?;
                if step % 7 == 6 {
                    acknowledged.extend(journal.seal()?);
                }
            }
            acknowledged.extend(journal.seal()?);
            journal.close()?;
        }
        Ok(())
    };
    let outcome = run();
    (acknowledged, outcome)
}

/// After a fault and a restart: all that was acknowledged, at most one frame more, and it goes on.
fn check_restart(disk: &SimulatedDisk, acknowledged: &[Frame], what: &str) {
    let opened = Journal::open(dir(), options(77, disk));
    let (mut journal, recovery) = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(recovery.damage, [], "{what}");
    let found = read_whole(&journal.reader());
    assert!(
        found.starts_with(acknowledged),
        "{what}: lost what was acknowledged"
    );
    assert!(found.len() <= acknowledged.len() + 1, "{what}");
    let more = append(&mut journal).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(read_whole(&journal.reader()).last(), Some(&more), "{what}");
}

#[test]
fn a_fault_at_any_operation_loses_nothing_acknowledged() {
    let clean = SimulatedDisk::new();
    let (all, outcome) = script(&clean);
    assert_eq!((outcome, all.len()), (Ok(()), 56));
    let faults = [
        DiskFault::Error(io::ErrorKind::Other),
        DiskFault::Error(io::ErrorKind::StorageFull),
        DiskFault::ShortWrite,
    ];
    for operation in 0..clean.operations() {
        for fault in faults {
            let disk = SimulatedDisk::new();
            disk.fail_at(operation, fault);
            let (acknowledged, _) = script(&disk);
            let what = format!("{fault:?} at operation {operation}");
            let cut = disk.power_cut(&mut || false);
            check_restart(&disk, &acknowledged, &format!("{what}, killed"));
            check_restart(&cut, &acknowledged, &format!("{what}, power cut"));
        }
    }
}

/// A system may take less than it is given, at any call: what is left is given again, and where
/// that fails nothing counts that was only begun.
#[test]
fn a_short_write_at_any_call_is_gone_on_with_or_loses_nothing_acknowledged() {
    let clean = SimulatedDisk::new();
    let (all, outcome) = script(&clean);
    assert_eq!(outcome, Ok(()));
    let mut writes = 0;
    for operation in 0..clean.operations() {
        for most in [1, 100, usize::MAX] {
            let disk = SimulatedDisk::new();
            disk.fail_at(operation, DiskFault::Short(most));
            let what = format!("at most {most} bytes at operation {operation}");
            assert_eq!(script(&disk), (all.clone(), Ok(())), "{what}");
            assert_eq!(disk.files(), clean.files(), "{what}");
            if disk.operations() == clean.operations() {
                // No write, or one of a byte.
                continue;
            }
            writes += 1;
            let disk = SimulatedDisk::new();
            disk.fail_at(operation, DiskFault::Short(most));
            let full = DiskFault::Error(io::ErrorKind::StorageFull);
            disk.fail_at(operation + 1, full);
            let (acknowledged, outcome) = script(&disk);
            assert!(outcome.is_err(), "{what}, then no space");
            let mut every_other = false;
            let torn = disk.power_cut(&mut || {
                every_other = !every_other;
                every_other
            });
            check_restart(&disk, &acknowledged, &format!("{what}, no space, killed"));
            check_restart(
                &torn,
                &acknowledged,
                &format!("{what}, no space, power cut"),
            );
        }
    }
    assert!(writes > 200, "{writes} short writes");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(256),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_power_cut_at_any_moment_loses_nothing_acknowledged(
        operation in 0_u64..400,
        keeps in proptest::collection::vec(any::<bool>(), 1..64),
        second in 0_u64..40,
    ) {
        let disk = SimulatedDisk::new();
        // The failing operation stands for the moment; nothing is acknowledged after it.
        disk.fail_at(operation, DiskFault::ShortWrite);
        let (acknowledged, _) = script(&disk);
        let mut bits = keeps.iter().cycle().copied();
        let mut keep = || bits.next().unwrap_or(false);
        let disk = disk.power_cut(&mut keep);
        // And a second cut while the first is being recovered from.
        disk.fail_at(second, DiskFault::ShortWrite);
        drop(Journal::open(dir(), options(50, &disk)));
        let disk = disk.power_cut(&mut keep);
        check_restart(&disk, &acknowledged, "after two cuts");
    }
}
