//! The storage format, byte by byte: an event written once is read for ever. Each kind has a
//! golden file; `ROOMLEDGER_BLESS=1` writes the files that are missing or differ, which before the
//! first release is a decision, and after it a mistake.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use roomledger::domain::{Kind, RoomName, Version};
use roomledger::store::{
    CommandRecord, Commit, NewRecord, Position, decode_commands, decode_commit, encode_commit,
    places,
};
use roomledger::testing::arbitrary::{Fullness, command_header, event};

const SEED: u64 = 2026;

fn path(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/golden/format").join(name)
}

fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(32).map(|line| {
        line.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn unhex(text: &str) -> Vec<u8> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let digits: String = lines.collect();
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}

/// Compares with the golden file, or writes it when told to.
fn check(name: &str, meaning: &str, bytes: &[u8]) -> Vec<u8> {
    let path = path(name);
    // The meaning stands beside the bytes: two fields of one type that change places would
    // leave the bytes as they are.
    let expected = format!("# {meaning}\n{}\n", hex(bytes));
    if std::env::var_os("ROOMLEDGER_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &expected).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{name} differs: bytes that were written once must be read for ever. A changed payload \
         gets a new schema number and an upcaster. Now it is:\n{expected}"
    );
    unhex(&found)
}

fn commit_of(kinds: &[Kind], fullness: Fullness, seed: u64) -> Commit {
    let room = RoomName::new("town hall").ok();
    let records = (1..).zip(kinds).map(|(version, kind)| NewRecord {
        room: room.clone(),
        version: Version(version),
        event: event(*kind, fullness, seed),
    });
    Commit {
        commands: vec![CommandRecord {
            header: Arc::new(command_header(fullness, seed)),
            events: records.collect(),
        }],
    }
}

/// What stands before the one record of a commit: format, count, header, count, length.
fn record_start(bytes: &[u8]) -> usize {
    let length = bytes.get(5..9).and_then(|length| length.try_into().ok());
    let length: [u8; 4] = length.expect("a header's length");
    5 + 4 + usize::try_from(u32::from_le_bytes(length)).expect("small") + 4 + 4
}

#[test]
fn every_kind_is_written_and_read_as_its_golden_bytes_say() {
    for kind in Kind::ALL {
        let commit = commit_of(&[*kind], Fullness::Full, SEED);
        let bytes = encode_commit(&commit).expect("encodes");
        let start = record_start(&bytes);
        let record = &commit.commands[0].events[0];
        let name = format!("{}.v{}.hex", kind.as_str(), kind.schema());
        let golden = check(&name, &format!("{:?}", record.event), &bytes[start..]);
        let whole = [&bytes[..start], &golden].concat();
        let decoded = decode_commands(&whole).expect("decodes");
        assert_eq!(decoded.commands[0].events[0], *record, "{name}");
    }
}

#[test]
fn a_whole_commit_is_written_and_read_as_its_golden_bytes_say() {
    let mut commit = commit_of(&[Kind::RoomCreated, Kind::NoteAdded], Fullness::Full, SEED);
    let mut without_event = commit_of(&[], Fullness::Any, SEED + 1);
    commit.commands.append(&mut without_event.commands);
    let bytes = encode_commit(&commit).expect("encodes");
    let golden = check("commit.v1.hex", &format!("{commit:?}"), &bytes);
    assert_eq!(decode_commands(&golden).expect("decodes"), commit);
}

/// A golden file without a kind would be a kind that was taken away.
#[test]
fn every_golden_file_is_of_a_kind_that_is_still_read() {
    let files = std::fs::read_dir(path("")).expect("a folder");
    for file in files {
        let name = file.expect("a file").file_name();
        let name = name.to_string_lossy().into_owned();
        let kind = name.split('.').next().unwrap_or_default();
        assert!(
            kind == "commit" || Kind::from_name(kind).is_some(),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(256),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn decoding_what_was_encoded_gives_the_same(
        kinds in vec(proptest::sample::select(Kind::ALL), 0..8),
        seed in any::<u64>(),
    ) {
        let commit = commit_of(&kinds, Fullness::Any, seed);
        let bytes = encode_commit(&commit).expect("encodes");
        prop_assert_eq!(decode_commands(&bytes).expect("decodes"), commit.clone());
        let records = decode_commit(&bytes, Position(7)).expect("decodes");
        let positions: Vec<u64> = records.iter().map(|record| record.position.0).collect();
        let expected: Vec<u64> = (7..).take(kinds.len()).collect();
        prop_assert_eq!(positions, expected);
        let places = places(&bytes).expect("decodes");
        for ((record, place), kind) in records.iter().zip(&places).zip(&kinds) {
            prop_assert_eq!(record.event.event.kind(), *kind);
            prop_assert_eq!((place.room, place.version), ("town hall", record.version));
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in vec(any::<u8>(), 0..600)) {
        let _ = decode_commit(&bytes, Position(1));
        let _ = decode_commands(&bytes);
        let _ = places(&bytes);
    }

    /// Cut, or with a few bytes replaced: near misses reach deeper than noise.
    #[test]
    fn damaged_bytes_never_panic(
        kind in proptest::sample::select(Kind::ALL),
        seed in any::<u64>(),
        keep in any::<prop::sample::Index>(),
        hits in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let commit = commit_of(&[kind, kind], Fullness::Any, seed);
        let mut bytes = encode_commit(&commit).expect("encodes");
        for (at, byte) in hits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = decode_commit(&bytes, Position(1));
        let cut = keep.index(bytes.len());
        prop_assert!(decode_commit(&bytes[..cut], Position(1)).is_err());
    }
}
