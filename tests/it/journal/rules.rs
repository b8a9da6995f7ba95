//! One test or more for each rule, named after it.
use std::io;
use std::sync::Arc;

use roomledger::store::journal::{Fault, FrameKind, JournalError, JournalReader, RepairKind};
use roomledger::testing::faults::DiskFault;

use super::{Copy, FOOTER_OFFSET, Rig, append, dir, read, read_whole, segment_path};

#[test]
fn rule_01_any_changed_bit_of_a_frame_is_found() {
    let rig = Rig::filled(2);
    let frame = &rig.written[1];
    for bit in 0..frame.bytes().len() * 8 {
        let mut bytes = frame.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(
            roomledger::store::journal::Frame::decode(&bytes).is_err(),
            "bit {bit}"
        );
    }
}

#[test]
fn rule_02_a_frame_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    let overhead = append(&mut journal).expect("appends").bytes().len() - super::PAYLOAD_BYTES;
    let most = vec![1; 2048 - overhead];
    let next = journal.end().next_position;
    let changes = rig.disk.changes();
    let refused = journal.append(next, 1, &[&most, &[1]], &[]);
    assert_eq!(
        refused,
        Err(JournalError::TooLarge {
            actual_bytes: 2049,
            max_bytes: 2048
        })
    );
    assert_eq!(rig.disk.changes(), changes);
    assert_eq!(
        journal
            .append(next, 1, &[&most], &[])
            .expect("fits")
            .bytes()
            .len(),
        2048
    );
}

#[test]
fn rule_03_a_bad_unsealed_frame_is_kept_aside_and_said() {
    let mut rig = Rig::filled(3);
    rig.edit_frame(2, |bytes| bytes[120] ^= 1);
    let unfinished = rig.reader().end().expect("reads").unfinished;
    assert_eq!(unfinished.map(|place| place.segment), Some(1));
    let before = rig.disk.files();
    let (path, offset) = rig.place(2);
    let bad = before[&path][offset..offset + rig.written[2].bytes().len()].to_vec();
    let (mut journal, recovery) = rig.open();
    let aside = recovery.tail_aside.expect("kept");
    assert_eq!(rig.disk.files()[&aside.path], bad);
    assert_eq!(recovery.end_position, rig.written[1].last_position());
    rig.written.pop();
    rig.fill(&mut journal, 3);
    assert_eq!(read_whole(&journal.reader()), rig.written);
}

#[test]
fn rule_03_a_bad_sealed_frame_is_damage_and_never_cut_off() {
    for with_seal in [true, false] {
        let mut rig = Rig::filled(3);
        if with_seal {
            let seal = rig.open().0.seal().expect("seals").expect("was not sealed");
            assert_eq!((seal.kind(), seal.last_position()), (FrameKind::Seal, 5));
            rig.written.push(seal);
        }
        let sealed = rig.written.len() - 2;
        rig.edit_frame(sealed, |bytes| bytes[120] ^= 1);
        let (journal, recovery) = rig.open();
        assert_eq!(recovery.tail_aside, None);
        assert_eq!(recovery.waits_for, None);
        let [damage] = recovery.damage.as_slice() else {
            panic!("{recovery:?}")
        };
        let frame = &rig.written[sealed];
        assert_eq!(damage.first_position, frame.first_position());
        assert_eq!(damage.last_position, Some(frame.last_position()));
        assert_eq!(damage.fault, Fault::Payload);
        assert!(read(&journal.reader(), 1).iter().any(Result::is_err));
    }
}

#[test]
fn rule_03_a_seal_is_not_sealed_by_another() {
    let mut rig = Rig::filled(1);
    let (mut journal, _) = rig.open();
    assert!(journal.seal().expect("seals").is_some());
    assert_eq!(journal.seal(), Ok(None));
    drop(journal);
    assert_eq!(rig.open().0.seal(), Ok(None));
}

#[test]
fn rule_04_zeroed_page_in_the_middle_is_damage() {
    let mut rig = Rig::filled(10);
    for index in [4, 5] {
        rig.edit_frame(index, |bytes| bytes.fill(0));
    }
    let (_, recovery) = rig.open();
    let [damage] = recovery.damage.as_slice() else {
        panic!("{recovery:?}")
    };
    assert_eq!(damage.first_position, rig.written[4].first_position());
    assert_eq!(damage.last_position, Some(rig.written[5].last_position()));
    assert_eq!(recovery.end_hash, *rig.written[9].hash());
}

#[test]
fn rule_04_zeros_are_no_end_when_a_later_segment_has_frames() {
    let mut rig = Rig::filled(40);
    let (path, _) = rig.place(0);
    let first = rig
        .written
        .iter()
        .filter(|frame| frame.header().segment == 1)
        .count();
    let (_, offset) = rig.place(first - 1);
    // The last frame of the first segment and its footer: all that says that it is closed.
    rig.disk.edit(&path, |data| data[offset..].fill(0));
    let (_, recovery) = rig.open();
    let [damage] = recovery.damage.as_slice() else {
        panic!("{recovery:?}")
    };
    assert_eq!(
        damage.last_position,
        Some(rig.written[first - 1].last_position())
    );
    assert_eq!(recovery.end_hash, *rig.written[39].hash());
}

#[test]
fn rule_04_the_tail_is_zeroed_durably_before_the_first_append() {
    let mut rig = Rig::filled(3);
    rig.edit_frame(2, |bytes| bytes[..80].fill(0));
    drop(rig.open());
    rig.disk = rig.disk.power_cut(&mut || false);
    let (_, recovery) = rig.open();
    assert_eq!(recovery.tail_aside, None);
    assert_eq!(
        rig.disk
            .files()
            .keys()
            .filter(|path| path.starts_with("/data/aside"))
            .count(),
        1
    );
}

#[test]
fn rule_04_the_last_seal_again_behind_the_end_is_no_damage() {
    let mut rig = Rig::filled(3);
    let seal = rig.open().0.seal().expect("seals").expect("was not sealed");
    let (path, last) = rig.place(2);
    let end = last + rig.written[2].bytes().len() + seal.bytes().len();
    for behind in [0, 1, 200] {
        let from = end + behind;
        let copy = |data: &mut Vec<u8>| {
            data[from..from + seal.bytes().len()].copy_from_slice(seal.bytes());
        };
        rig.disk.edit(&path, copy);
        let (journal, recovery) = rig.open();
        assert_eq!(recovery.damage, vec![], "{behind} bytes behind");
        assert_eq!(recovery.end_hash, *seal.hash(), "{behind} bytes behind");
        assert!(recovery.tail_aside.is_some(), "{behind} bytes behind");
        let mut expected = rig.written.clone();
        expected.push(seal.clone());
        assert_eq!(read_whole(&journal.reader()), expected);
    }
}

#[test]
fn rule_05_acknowledged_frames_survive_a_power_cut_in_every_segment() {
    for commits in 1..60 {
        let mut rig = Rig::filled(commits);
        rig.disk = rig.disk.power_cut(&mut || false);
        assert_eq!(
            read_whole(&rig.open().0.reader()),
            rig.written,
            "{commits} commits"
        );
    }
}

#[test]
fn rule_06_no_head_beside_frames_is_refused_with_the_command_to_run() {
    let spoil: [fn(&Rig); 3] = [
        |rig| rig.disk.lose(&dir().join("HEAD")),
        |rig| rig.disk.edit(&dir().join("HEAD"), |data| data[30] ^= 1),
        |rig| rig.disk.edit(&dir().join("HEAD"), Vec::clear),
    ];
    for spoil in spoil {
        let mut rig = Rig::filled(3);
        spoil(&rig);
        let before = rig.disk.files();
        let Err(error) = rig.try_open() else {
            panic!("opened without HEAD")
        };
        let message = error.to_string();
        assert!(
            message.contains("`roomledger repair --data /data`"),
            "{message}"
        );
        assert_eq!(rig.disk.files(), before);
        assert!(JournalReader::open(Arc::new(rig.disk.clone()), dir()).is_err());
    }
}

#[test]
fn rule_06_without_head_and_frames_a_log_begins_anew() {
    let mut rig = Rig::new();
    drop(rig.open());
    rig.disk.lose(&dir().join("HEAD"));
    assert!(rig.open().1.is_new);
}

#[test]
fn rule_06_head_is_unclean_from_open_to_close() {
    let mut rig = Rig::new();
    let head = |rig: &Rig| {
        let head = rig.disk.files().remove(&dir().join("HEAD")).expect("HEAD");
        String::from_utf8(head).expect("text")
    };
    let (mut journal, _) = rig.open();
    assert!(head(&rig).contains("clean false"));
    rig.fill(&mut journal, 1);
    journal.close().expect("closes");
    assert!(head(&rig).contains("clean true"));
    let journal = rig.open().0;
    assert!(head(&rig).contains("clean false"));
    drop(journal);
    assert!(!rig.open().1.was_clean);
}

#[test]
fn rule_06_sled_is_given_nothing_that_head_does_not_know() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    let keeper = journal.head_keeper();
    let first = append(&mut journal).expect("appends");
    assert_eq!(keeper.admit(&first, 1000), Ok(true));
    let second = append(&mut journal).expect("appends");
    let syncs = rig.disk.changes();
    assert_eq!(keeper.admit(&second, 1049), Ok(false));
    assert_eq!(keeper.admit(&first, 1049), Ok(true));
    assert_eq!(
        rig.disk.changes(),
        syncs,
        "HEAD is written at most every 50 ms"
    );
    assert_eq!(keeper.admit(&second, 1050), Ok(true));
    rig.written.extend([first, second]);

    // So a journal that ends before it is damaged: commands wait until the other copy healed it.
    let source = rig.source();
    drop((journal, keeper));
    rig.edit_frame(1, |bytes| bytes.fill(0));
    let (mut journal, recovery) = rig.open();
    assert_eq!(
        recovery
            .waits_for
            .as_ref()
            .map(|damage| damage.first_position),
        Some(3)
    );
    assert!(matches!(
        append(&mut journal),
        Err(JournalError::Damaged(_))
    ));
    let behind = rig.reader().end().expect("reads").damage;
    assert_eq!(behind, recovery.damage);
    let nothing = journal.heal(&Copy::of(&rig.written[..1])).expect("tries");
    assert!(nothing.waits_for.is_some());
    drop(journal);
    // Opening it did not lower HEAD.
    let (mut journal, recovery) = rig.open();
    assert!(recovery.waits_for.is_some());
    let healed = journal.heal(&source).expect("heals");
    assert_eq!(
        (healed.waits_for, healed.end_hash),
        (None, *rig.written[1].hash())
    );
    rig.fill(&mut journal, 3);
    assert_eq!(read_whole(&journal.reader()), rig.written);
}

#[test]
fn rule_06_open_deletes_nothing() {
    let mut rig = Rig::filled(40);
    let strangers = [dir().join("journal/notes.txt"), segment_path(99)];
    for path in &strangers {
        use roomledger::store::journal::Disk as _;
        drop(rig.disk.create(path).expect("creates"));
        rig.disk.edit(path, |data| data.resize(4096, 0));
    }
    let before: Vec<_> = rig.disk.files().into_keys().collect();
    drop(rig.open());
    let after = rig.disk.files();
    assert!(before.iter().all(|path| after.contains_key(path)));
}

#[test]
fn rule_07_a_reader_skips_segments_without_the_room() {
    let mut rig = Rig::filled(120);
    drop(rig.open());
    let room = u64::from(rig.written[60].payload()[0]);
    let reader = rig.reader();
    let cost = |work: &dyn Fn() -> usize| {
        let before = rig.disk.bytes_read();
        (work(), rig.disk.bytes_read() - before)
    };
    let (all, all_bytes) = cost(&|| read_whole(&reader).len());
    let (some, some_bytes) = cost(&|| {
        let frames = reader.frames_of(1, &[room]).expect("reads");
        let frames: Vec<_> = frames.collect::<Result<_, _>>().expect("no damage");
        assert!(frames.contains(&rig.written[60]));
        frames.len()
    });
    assert_eq!(all, 120);
    assert!(some < all / 2 && some_bytes < all_bytes, "{some} of {all}");
}

#[test]
fn rule_07_a_lost_footer_is_written_again_from_the_frames() {
    for spoil in [0_u8, 0xff] {
        let mut rig = Rig::filled(60);
        let before = rig.disk.files();
        rig.disk
            .edit(&segment_path(2), |data| data[FOOTER_OFFSET..].fill(spoil));
        let (_, recovery) = rig.open();
        assert_eq!(recovery.damage, []);
        let [repair] = recovery.repairs.as_slice() else {
            panic!("{recovery:?}")
        };
        assert_eq!((repair.kind, repair.at.segment), (RepairKind::Footer, 2));
        assert_eq!(rig.disk.files()[&segment_path(2)], before[&segment_path(2)]);
    }
}

#[test]
fn rule_08_an_unsynced_frame_that_is_served_after_a_kill_survives_a_power_cut() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    rig.fill(&mut journal, 2);
    // The write reaches the page cache, its sync fails, and the process dies.
    rig.disk.fail_at(
        rig.disk.operations() + 1,
        DiskFault::Error(io::ErrorKind::Other),
    );
    assert!(matches!(append(&mut journal), Err(JournalError::Io { .. })));
    drop(journal);
    let (journal, recovery) = rig.open();
    let served = read_whole(&journal.reader());
    assert_eq!(served.len(), 3);
    assert!(recovery.resynced.is_some());
    rig.disk = rig.disk.power_cut(&mut || false);
    assert_eq!(read_whole(&rig.open().0.reader()), served);
}
