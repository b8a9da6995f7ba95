//! Any damage is found and named, or healed from the other copy; never a wrong answer, never a
//! panic.
use proptest::prelude::*;
use roomledger::store::journal::{
    Finding, Frame, Journal, JournalError, Options, check, head_fault, write_head_anew,
};
use roomledger::testing::faults::SimulatedDisk;

use super::{Rig, dir, options, read, read_whole, segment_path};

/// Something that happens to files behind the journal's back.
#[derive(Debug, Clone)]
enum Harm {
    Flip { at: u64 },
    Zero { at: u64, bytes: usize },
    Truncate { at: u64 },
    Lose { segment: u64 },
    SwapFrames { first: usize, second: usize },
    SwapSegments,
    DuplicateSegment,
    Drop { frame: usize },
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = 0_u64..4096 * 4;
    prop_oneof![
        4 => at.clone().prop_map(|at| Harm::Flip { at }),
        2 => (at.clone(), 1_usize..600).prop_map(|(at, bytes)| Harm::Zero { at, bytes }),
        1 => at.prop_map(|at| Harm::Truncate { at }),
        1 => (1_u64..5).prop_map(|segment| Harm::Lose { segment }),
        2 => (0_usize..45, 0_usize..45)
            .prop_map(|(first, second)| Harm::SwapFrames { first, second }),
        1 => Just(Harm::SwapSegments),
        1 => Just(Harm::DuplicateSegment),
        1 => (0_usize..45).prop_map(|frame| Harm::Drop { frame }),
    ]
}

/// A closed journal of four segments that HEAD knows to its end.
fn rig() -> Rig {
    let mut rig = Rig::filled(30);
    let mut journal = rig.open().0;
    rig.fill(&mut journal, 20);
    rig.written.extend(journal.seal().expect("seals"));
    journal.close().expect("closes");
    rig
}

fn inflict(rig: &Rig, harm: &Harm) {
    let place = |at: u64| {
        let offset = usize::try_from(at % 4096).expect("small");
        (segment_path(at / 4096 + 1), offset)
    };
    match *harm {
        Harm::Flip { at } => {
            let (path, offset) = place(at);
            rig.disk.edit(&path, |data| {
                if let Some(byte) = data.get_mut(offset) {
                    *byte ^= 1 << (at % 8);
                }
            });
        }
        Harm::Zero { at, bytes } => {
            let (path, offset) = place(at);
            rig.disk.edit(&path, |data| {
                let end = data.len().min(offset + bytes);
                data.get_mut(offset..end).unwrap_or_default().fill(0);
            });
        }
        Harm::Truncate { at } => {
            let (path, offset) = place(at);
            rig.disk.edit(&path, |data| data.truncate(offset));
        }
        Harm::Lose { segment } => rig.disk.lose(&segment_path(segment)),
        Harm::SwapFrames { first, second } => {
            let (one, other) = (rig.written[first].bytes(), rig.written[second].bytes());
            if one.len() == other.len() {
                rig.edit_frame(first, |bytes| bytes.copy_from_slice(other));
                rig.edit_frame(second, |bytes| bytes.copy_from_slice(one));
            }
        }
        Harm::SwapSegments => {
            let files = rig.disk.files();
            for (path, other) in [(1, 2), (2, 1)] {
                let content = files.get(&segment_path(other)).cloned().unwrap_or_default();
                rig.disk.edit(&segment_path(path), |data| *data = content);
            }
        }
        Harm::DuplicateSegment => {
            let content = rig
                .disk
                .files()
                .get(&segment_path(3))
                .cloned()
                .unwrap_or_default();
            rig.disk.edit(&segment_path(2), |data| *data = content);
        }
        Harm::Drop { frame } => {
            let (path, offset) = rig.place(frame);
            let length = rig.written[frame].bytes().len();
            rig.disk.edit(&path, |data| {
                if data.len() > offset + length {
                    data.drain(offset..offset + length);
                }
            });
        }
    }
}

/// Frames that were read must be frames that were written, in order.
fn is_true(found: &[Frame], written: &[Frame]) -> bool {
    let mut rest = written.iter();
    found.iter().all(|frame| rest.any(|known| known == frame))
}

fn frame_bytes_differ(rig: &Rig, intact: &Rig) -> bool {
    let (now, then) = (rig.disk.files(), intact.disk.files());
    let path = |ordinal| segment_path(ordinal);
    (1..=4).any(|ordinal| now.get(&path(ordinal)) != then.get(&path(ordinal)))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(512),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_damage_is_found_named_and_healed(harms in proptest::collection::vec(harm(), 1..4)) {
        check_harms(&harms)?;
    }
}

/// Found by the test above: the bytes behind the last frame and the lost frames after them have one
/// place, and healing the first was taken for healing both.
#[test]
fn bytes_that_are_nothing_and_a_lost_end_at_one_place_are_both_healed() {
    let harms = [Harm::Flip { at: 11_946 }, Harm::Lose { segment: 4 }];
    check_harms(&harms).expect("holds");
}

/// Found by the test above: behind a gap any intact frame was taken, also one of the past.
#[test]
fn frames_that_swapped_places_are_never_read_out_of_order() {
    let lengths: Vec<usize> = rig().written.iter().map(|it| it.bytes().len()).collect();
    let (mut tried, apart) = (0, 3);
    for first in 0..lengths.len() - apart {
        for second in first + 1..=first + apart {
            // Others are left as they are: they would not fit.
            if lengths[first] == lengths[second] {
                check_harms(&[Harm::SwapFrames { first, second }]).expect("holds");
                tried += 1;
            }
        }
    }
    assert!(tried > 40, "{tried} pairs");
}

/// Found by the test above: the same hole was healed again and again, since the frames behind it
/// stood where its own bytes belong.
#[test]
fn frames_that_shifted_are_healed_from_left_to_right() {
    for frame in 0..30 {
        check_harms(&[Harm::Drop { frame }]).expect("holds");
        check_harms(&[Harm::SwapSegments, Harm::Drop { frame }]).expect("holds");
    }
}

/// Found by the test above: where a header is lost, and the end with it, the file's own length
/// says nothing of where its footer stood.
#[test]
fn a_segment_without_header_and_end_is_as_long_as_its_neighbours() {
    for segment in 0..4 {
        let start = segment * 4096;
        let header = Harm::Zero {
            at: start,
            bytes: 64,
        };
        for cut in [100, 2_000, 4_000] {
            let end = Harm::Truncate { at: start + cut };
            check_harms(&[header.clone(), end]).expect("holds");
        }
    }
}

fn check_harms(harms: &[Harm]) -> Result<(), TestCaseError> {
    let intact = rig();
    let mut rig = rig();
    for harm in harms {
        inflict(&rig, harm);
    }

    // A reader in place: nothing wrong, and what is missing is said.
    let seen = read(&rig.reader(), 1);
    let found: Vec<_> = seen
        .iter()
        .filter_map(|item| item.as_ref().ok().cloned())
        .collect();
    prop_assert!(is_true(&found, &rig.written));
    prop_assert!(found.len() == rig.written.len() || seen.iter().any(Result::is_err));

    // A check names it.
    let mut faults = 0;
    let mut visit = |finding| faults += u64::from(!matches!(finding, Finding::Frame(_)));
    let report = check(
        &rig.shared_disk(),
        dir(),
        super::real_options(0).rooms_of,
        &mut visit,
    );
    let report = report.expect("reads");
    prop_assert_eq!(report.faults, faults);
    prop_assert_eq!(
        faults > 0,
        frame_bytes_differ(&rig, &intact),
        "{:?}",
        report
    );

    // The writer heals all of it from the other copy.
    let source = rig.source();
    let (mut journal, _) = rig.open();
    let first = journal.heal(&source).expect("heals");
    prop_assert_eq!(first.waits_for, None);
    // What a footer vouched for is found by reading, and healed then.
    let _ = read(&journal.reader(), 1);
    let second = journal.heal(&source).expect("heals");
    prop_assert_eq!(second.damage, vec![]);
    prop_assert_eq!(read_whole(&journal.reader()), rig.written.clone());
    rig.fill(&mut journal, 30);
    drop(journal);
    prop_assert_eq!(read_whole(&rig.open().0.reader()), rig.written.clone());
    Ok(())
}

#[test]
fn every_byte_of_a_segment_matters() {
    let rig = Rig::filled(6);
    let before = rig.disk.files();
    for byte in 0..4096 {
        rig.disk.edit(&segment_path(1), |data| data[byte] ^= 0x10);
        let mut named = false;
        let mut visit = |finding| named |= !matches!(finding, Finding::Frame(_));
        let checked = check(
            &rig.shared_disk(),
            dir(),
            super::real_options(0).rooms_of,
            &mut visit,
        );
        assert!(checked.is_ok() && named, "byte {byte}: {checked:?}");
        rig.disk.edit(&segment_path(1), |data| data[byte] ^= 0x10);
    }
    assert_eq!(rig.disk.files(), before);
}

/// One bit after the other: the check names it, a reader gives nothing wrong, and both the
/// journal and HEAD are as they were once they are healed. `ROOMLEDGER_CAMPAIGN=full` takes every
/// bit; without it every 211th, a prime, so that runs of different rigs meet different ones.
#[test]
fn every_bit_of_a_journal_matters_and_is_healed() {
    let intact = rig();
    let before = intact.disk.files();
    let is_full = std::env::var("ROOMLEDGER_CAMPAIGN").is_ok_and(|how| how == "full");
    let stride = if is_full { 1 } else { 211 };
    let mut tried = 0_u64;
    for (path, content) in before
        .iter()
        .filter(|(path, _)| path.starts_with(dir().join("journal")))
    {
        for bit in (0..content.len() * 8).step_by(stride) {
            let mut rig = intact.copied();
            rig.disk.edit(path, |data| data[bit / 8] ^= 1 << (bit % 8));
            let mut named = false;
            let mut visit = |finding| named |= !matches!(finding, Finding::Frame(_));
            let rooms_of = super::real_options(0).rooms_of;
            let checked = check(&rig.shared_disk(), dir(), rooms_of, &mut visit);
            assert!(checked.is_ok(), "{path:?} bit {bit}: {checked:?}");
            assert!(
                named || is_ahead(path, &before),
                "{path:?} bit {bit} is named"
            );
            let seen = read(&rig.reader(), 1);
            let found: Vec<Frame> = seen.iter().filter_map(|it| it.clone().ok()).collect();
            assert!(is_true(&found, &rig.written), "{path:?} bit {bit}");
            let source = rig.source();
            let (mut journal, _) = rig.open();
            let healed = journal.heal_all_of_it(&source).expect("heals");
            assert_eq!(healed.damage, vec![], "{path:?} bit {bit}");
            assert_eq!(
                read_whole(&journal.reader()),
                rig.written,
                "{path:?} bit {bit}"
            );
            drop(journal);
            let mut visit = |_| {};
            let checked = check(&rig.shared_disk(), dir(), rooms_of, &mut visit).expect("reads");
            assert_eq!(checked.faults, 0, "{path:?} bit {bit}");
            tried += 1;
        }
    }
    super::tell(&format!(
        "{tried} bits of the journal: all named, all healed"
    ));
}

/// Whether a segment was only prepared: nothing in it is part of the log, and an open zeroes it.
fn is_ahead(
    path: &std::path::Path,
    files: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>,
) -> bool {
    let frames = files.get(path).and_then(|content| content.get(64..));
    frames.is_some_and(|frames| frames.iter().all(|byte| *byte == 0))
}

#[test]
fn every_bit_of_head_matters_and_is_healed() {
    let intact = rig();
    let path = dir().join("HEAD");
    let content = intact.disk.files()[&path].clone();
    let end = intact.written.last().expect("frames").link();
    for bit in 0..content.len() * 8 {
        let mut rig = intact.copied();
        rig.disk.edit(&path, |data| data[bit / 8] ^= 1 << (bit % 8));
        let refused = rig.try_open().map(|_| ());
        assert!(
            matches!(refused, Err(JournalError::HeadUnusable { .. })),
            "bit {bit}: {refused:?}"
        );
        let why = head_fault(&rig.shared_disk(), dir())
            .expect("reads")
            .expect("a fault");
        let ids = (super::LOG_ID, 9, "boot-1".to_owned());
        let head = write_head_anew(&rig.shared_disk(), dir(), ids, &|_| None, why).expect("writes");
        assert_eq!(head.link, end, "bit {bit}");
        assert!(head.kept.is_some(), "bit {bit}");
        assert_eq!(read_whole(&rig.open().0.reader()), rig.written, "bit {bit}");
    }
}

/// A checksum tells of accidents: a size that no segment has is not believed because of it.
#[test]
fn a_header_whose_size_cannot_be_is_a_bad_one_though_its_checksum_is_right() {
    for segment_bytes in [0, 1, 255, (1 << 28) + 1, 1 << 50, u64::MAX] {
        for segment in 1..=4 {
            let mut rig = rig();
            rig.disk.edit(&segment_path(segment), |data| {
                // Behind magic, log id and ordinal.
                data[28..36].copy_from_slice(&u64::to_le_bytes(segment_bytes));
                let crc = crc32c::crc32c(&data[..60]);
                data[60..64].copy_from_slice(&crc.to_le_bytes());
            });
            let mut found = Vec::new();
            let mut frames = Vec::new();
            let shared = rig.shared_disk();
            let told = check(
                &shared,
                dir(),
                |_| Vec::new(),
                &mut |finding| match finding {
                    Finding::Frame(frame) => frames.push(frame),
                    Finding::Footer(_) => {}
                    other => found.push(other),
                },
            );
            told.expect("checks");
            assert_eq!(found, [Finding::Header(segment_path(segment))]);
            assert_eq!(frames, rig.written);
            let (journal, recovery) = rig.open();
            assert_eq!(read_whole(&journal.reader()), rig.written);
            assert_eq!(recovery.repairs.len(), 1, "{recovery:?}");
        }
    }
    let options = |segment_bytes| Options {
        segment_bytes,
        ..options(1, &SimulatedDisk::new())
    };
    for segment_bytes in [255, (1 << 28) + 1] {
        let refused = Journal::open(dir(), options(segment_bytes)).map(|_| ());
        let is_named = |error: &JournalError| error.to_string().contains("between");
        assert!(refused.as_ref().is_err_and(is_named), "{refused:?}");
    }
}
