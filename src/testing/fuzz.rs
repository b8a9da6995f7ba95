//! Bodies of the fuzz targets, here so that `cargo test` replays their corpora on stable.
//!
//! Each takes any bytes, must not panic, and holds to one round trip where the bytes are good.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Room, RoomName, Timestamp};
use crate::replay::position::{Frame as Moment, Pos};
use crate::replay::{Folded, fold};
use crate::store::{
    CommandRecord, Commit, NewRecord, Position, decode_commands, decode_commit, encode_commit,
    places,
};
use crate::testing::arbitrary::{Fullness, command_header};
use crate::testing::invariants::broken;
use crate::testing::program::{Step, Taken, run};

/// Bytes as a commit: whatever decodes encodes to a commit that decodes to the same, and folds in
/// bounded steps, whatever numbers it names.
///
/// # Panics
/// When it does not hold: that is the finding.
pub fn decode_record(bytes: &[u8]) {
    let Ok(commit) = decode_commands(bytes) else {
        return;
    };
    let encoded = encode_commit(&commit).unwrap_or_default();
    let again = decode_commands(&encoded);
    assert_eq!(
        again.as_ref(),
        Ok(&commit),
        "decoding what was encoded gives the same"
    );
    let records = decode_commit(&encoded, Position(1)).unwrap_or_default();
    assert_eq!(
        records.len(),
        commit.count(),
        "every event becomes a record"
    );
    assert_eq!(
        places(&encoded).map(|places| places.len()),
        Ok(commit.count())
    );
    let mut folded: BTreeMap<RoomName, Folded> = BTreeMap::new();
    for record in &records {
        let Some(name) = &record.room else { continue };
        let room = folded.entry(name.clone());
        let room = room.or_insert_with(|| Folded::new(name.clone()));
        let before = room.room.version;
        // Of what cannot be folded nothing is taken in.
        if room.absorb(record).is_err() {
            assert_eq!(room.room.version, before);
        }
    }
}

/// Bytes as a frame of the journal: whatever decodes is those bytes.
///
/// # Panics
/// When it does not hold: that is the finding.
#[cfg(feature = "sled")]
pub fn decode_frame(bytes: &[u8]) {
    if let Ok(frame) = crate::store::journal::Frame::decode(bytes) {
        assert!(bytes.starts_with(frame.bytes()), "a frame is its own bytes");
    }
}

/// Bytes as a program of commands ([`Step::from_bytes`]): every room on the way keeps the
/// invariants, and is what a reader makes of the bytes that were recorded, one command after the
/// other.
///
/// # Panics
/// When it does not hold: that is the finding.
pub fn commands(bytes: &[u8]) {
    let program: Vec<Step> = bytes
        .chunks(Step::BYTES)
        .take(STEPS_MAX)
        .map(Step::from_bytes)
        .collect();
    let mut folded: BTreeMap<RoomName, Room> = BTreeMap::new();
    for taken in run(&program) {
        let encoded = encode_commit(&recorded(&taken)).unwrap_or_default();
        for record in decode_commit(&encoded, Position(1)).unwrap_or_default() {
            let Some(name) = &record.room else { continue };
            let room = folded.entry(name.clone());
            let folded = fold(room.or_insert_with(|| Room::new(name.clone())), &record);
            assert_eq!(folded.err().map(|error| error.to_string()), None);
        }
        for (_, after) in taken.rooms() {
            let found = broken(after);
            assert!(found.is_empty(), "{:?}: {found:?}", taken.request);
            let empty = Room::new(after.name.clone());
            assert_eq!(
                folded.get(&after.name).unwrap_or(&empty),
                after,
                "{:?}: the fold of what was recorded",
                taken.request
            );
        }
    }
}

/// Text as a moment: whatever is read is written so that it reads the same.
///
/// # Panics
/// When it does not hold: that is the finding.
pub fn moment(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let frame = Moment::utc(Timestamp::from_seconds(1_700_000_000).micros());
    if let Ok(moment) = Pos::parse(text, &frame) {
        assert_eq!(Pos::parse(&moment.to_string(), &frame).ok(), Some(moment));
    }
}

/// A step as a commit of its own; everything of one step was recorded at one moment.
fn recorded(taken: &Taken) -> Commit {
    let mut header = command_header(Fullness::Full, 0);
    if let Some(first) = taken.recorded.first() {
        header.recorded_at = first.at;
    }
    let events = taken.recorded.iter().map(|recorded| NewRecord {
        room: Some(recorded.room.clone()),
        version: recorded.version,
        event: recorded.event.clone(),
    });
    Commit {
        commands: vec![CommandRecord {
            header: Arc::new(header),
            events: events.collect(),
        }],
    }
}

/// Longer programs only repeat what shorter ones do.
const STEPS_MAX: usize = 200;
