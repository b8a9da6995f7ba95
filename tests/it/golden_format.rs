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
    CodecError, CommandRecord, Commit, NewRecord, Position, decode_cache, decode_commands,
    decode_commit, encode_cache, encode_commit, places,
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

/// Bytes with one thing wrong, each with what is said of it.
#[test]
fn what_is_wrong_with_bytes_is_said() {
    let good =
        encode_commit(&commit_of(&[Kind::NoteAdded], Fullness::Full, SEED)).expect("encodes");
    let start = record_start(&good);
    let header_bytes = start - 4 - 4 - 4 - 5;
    let room = start + 7;
    let set = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let longer = |length_at: usize, insert_at: usize| {
        let mut bytes = good.clone();
        bytes.insert(insert_at, 0);
        let length: [u8; 4] = bytes[length_at..length_at + 4].try_into().expect("four");
        let length = u32::from_le_bytes(length) + 1;
        bytes[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        bytes
    };
    let room_name = "a room name does not decode: ";
    for (bytes, said) in [
        (Vec::new(), "a commit ends early: 1 bytes needed, 0 left"),
        (
            good[..3].to_vec(),
            "a command count ends early: 4 bytes needed, 2 left",
        ),
        (
            good[..8].to_vec(),
            "a command header ends early: 4 bytes needed, 3 left",
        ),
        (set(0, 9), "commit format 9 is unknown here"),
        (
            [&good[..], &[0, 0]].concat(),
            "a commit has 2 bytes too many",
        ),
        (
            longer(5, 9 + header_bytes),
            "a command header has 1 bytes too many",
        ),
        (
            longer(start - 4, good.len()),
            "note_added has 1 bytes too many",
        ),
        (set(start, 9), "record format 9 is unknown here"),
        (set(start + 2, 255), "event kind 65"),
        (set(start + 4, 1), "schema of an event 257 is unknown here"),
        (set(room, 255), room_name),
        (set(room, 7), room_name),
    ] {
        for error in [
            decode_commands(&bytes).map(|_| ()).expect_err(said),
            decode_commit(&bytes, Position(1))
                .map(|_| ())
                .expect_err(said),
        ] {
            assert!(error.to_string().starts_with(said), "{error}, not {said}");
        }
    }
}

/// What a newer program wrote is still told apart by its places; caches take no byte too many.
#[test]
fn an_unknown_kind_has_a_place_and_a_cache_has_an_end() {
    let mut newer =
        encode_commit(&commit_of(&[Kind::NoteAdded], Fullness::Full, SEED)).expect("encodes");
    let start = record_start(&newer);
    newer[start + 2] = 255;
    let kinds: Vec<u16> = places(&newer)
        .expect("payloads are not looked at")
        .iter()
        .map(|place| place.kind)
        .collect();
    assert_eq!(kinds, [u16::from_le_bytes([newer[start + 1], 255])]);
    let mut cache = encode_cache(&7_u32).expect("encodes");
    assert_eq!(decode_cache(&cache), Ok(7_u32));
    cache.extend([0, 0]);
    let error = decode_cache::<u32>(&cache)
        .expect_err("too long")
        .to_string();
    assert_eq!(error, "a cache has 2 bytes too many");
}

/// A text that promises `bytes` bytes, of which none is there.
fn promise(bytes: u64) -> Vec<u8> {
    [&[253][..], &bytes.to_le_bytes()].concat()
}

/// Values are bounded by the largest frame, caches by what a million outcomes may take.
#[test]
fn a_length_beyond_the_bound_is_refused_before_it_is_believed() {
    let problem =
        |error: Option<CodecError>| error.map(|error| error.to_string()).unwrap_or_default();
    let note = |bytes| {
        let mut commit =
            encode_commit(&commit_of(&[Kind::NoteAdded], Fullness::Full, SEED)).expect("encodes");
        let start = record_start(&commit);
        let fixed = 1 + 2 + 2 + 2 + "town hall".len() + 8;
        commit.truncate(start + fixed);
        // Not occurred elsewhere, without a cause, about the room, under no key.
        commit.extend([&[0, 0, 0, 0][..], &promise(bytes)].concat());
        let length = u32::try_from(commit.len() - start).expect("small");
        commit[start - 4..start].copy_from_slice(&length.to_le_bytes());
        problem(decode_commands(&commit).err())
    };
    let cache = |bytes| problem(decode_cache::<String>(&promise(bytes)).err());
    let value_bytes_max = 32 * 1024 * 1024;
    for (said, refused) in [
        (note(value_bytes_max + 1), true),
        (note(value_bytes_max - 1024), false),
        (cache(1 << 32), true),
        (cache((1 << 32) - 1024), false),
    ] {
        let told = if refused {
            "LimitExceeded"
        } else {
            "UnexpectedEnd"
        };
        assert!(said.contains(told), "{said}, not {told}");
    }
}

/// Streams, positions and shared headers, over several commands.
#[test]
fn records_know_their_stream_their_position_and_where_their_command_began() {
    let mut commit = commit_of(&[Kind::RoomCreated, Kind::NoteAdded], Fullness::Any, SEED);
    for (seed, kinds) in [
        (1, &[][..]),
        (2, &[Kind::EngineStarted]),
        (3, &[Kind::NoteAdded]),
    ] {
        commit
            .commands
            .append(&mut commit_of(kinds, Fullness::Any, seed).commands);
    }
    commit.commands[2].events[0].room = None;
    let bytes = encode_commit(&commit).expect("encodes");
    assert_eq!(decode_commands(&bytes).expect("decodes"), commit);
    let records = decode_commit(&bytes, Position(7)).expect("decodes");
    let expected = commit.clone().into_records(Position(7)).collect::<Vec<_>>();
    assert_eq!(records, expected);
    let begun: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record.position.0,
                record.command_first.0,
                record.room.is_some(),
            )
        })
        .collect();
    assert_eq!(
        begun,
        [(7, 7, true), (8, 7, true), (9, 9, false), (10, 10, true)]
    );
    assert!(Arc::ptr_eq(&records[0].command, &records[1].command));
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

    /// Whatever follows whatever: what stood before leaves no trace in what comes after it.
    #[test]
    fn commands_with_headers_and_rooms_that_come_again_are_read_as_written(
        picks in vec((0..3_u64, vec(0..4_usize, 0..4)), 0..12),
    ) {
        let rooms = ["", "town hall", "town", "hall"].map(|name| RoomName::new(name).ok());
        let commands = picks.iter().map(|(seed, rooms_of)| CommandRecord {
            header: Arc::new(command_header(Fullness::Any, SEED + seed)),
            events: (1..).zip(rooms_of).map(|(version, room)| NewRecord {
                room: rooms[*room].clone(),
                version: Version(version),
                event: event(Kind::NoteAdded, Fullness::Any, *seed),
            }).collect(),
        });
        let commit = Commit { commands: commands.collect() };
        let bytes = encode_commit(&commit).expect("encodes");
        let decoded = decode_commands(&bytes).expect("decodes");
        prop_assert_eq!(&decoded, &commit);
        for (pair, picks) in decoded.commands.windows(2).zip(picks.windows(2)) {
            let is_shared = Arc::ptr_eq(&pair[0].header, &pair[1].header);
            prop_assert_eq!(is_shared, picks[0].0 == picks[1].0, "decoded once");
        }
        let records = decode_commit(&bytes, Position(7)).expect("decodes");
        let expected: Vec<_> = commit.into_records(Position(7)).collect();
        prop_assert_eq!(records, expected);
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
