//! How often the indexed copy is read anew for rooms that were written in turn.

use std::sync::Arc;

use roomledger::domain::{Kind, RoomName, Version};
use roomledger::store::{CommandRecord, Commit, EventStore as _, NewRecord, Position};
use roomledger::testing::arbitrary::{Fullness, command_header, event};

use super::open_small;

/// Each commit has one event of each of some rooms, so that every block has a little of many rooms.
#[test]
fn rooms_that_were_written_in_turn_are_read_by_hashing_each_block_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let rooms: Vec<Option<RoomName>> = (0..ROOMS)
        .map(|number| RoomName::new(&format!("room {number}")).ok())
        .collect();
    let mut commits: u64 = 0;
    for round in 1..=ROUNDS {
        for some in rooms.chunks(10) {
            commits += 1;
            let events = some.iter().map(|room| NewRecord {
                room: room.clone(),
                version: Version(round),
                event: event(Kind::NoteAdded, Fullness::Full, commits),
            });
            let command = CommandRecord {
                header: Arc::new(command_header(Fullness::Full, commits)),
                events: events.collect(),
            };
            let commands = vec![command];
            ledger.append(&Commit { commands }).expect("appends");
        }
    }
    ledger.close().expect("closes");

    let (ledger, _) = open_small(dir.path());
    for (number, room) in (0..).zip(&rooms) {
        let found = ledger.read_room(room.as_ref(), Version(0), 100);
        let found = found.expect("reads");
        let positions = found.iter().map(|record| record.position);
        let expected = (0..ROUNDS).map(|round| Position(round * ROOMS + number + 1));
        assert!(positions.eq(expected), "{room:?}: {found:?}");
    }
    let decoded = ledger.blocks_decoded();
    assert!(
        decoded <= commits,
        "{decoded} blocks hashed of {commits} at the most, for {} records",
        ROOMS * ROUNDS
    );
}

const ROOMS: u64 = 200;
const ROUNDS: u64 = 6;
