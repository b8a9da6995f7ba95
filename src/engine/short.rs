//! What is kept of a refusal: at most a kibibyte, whatever was sent. Apart because the words of a
//! call stand in two places, its header and its event, and one bound holds for both. It decides
//! nothing, and cuts nothing of a command that had an effect.

use std::sync::Arc;

use crate::domain::Event;
use crate::store::{CommandHeader, CommandRecord, Commit, NewRecord, encode_commit};

/// Cuts the caller's words until the record takes at most [`REFUSAL_BYTES_MAX`]: first what the
/// headers said, then the target and the words of the reason. Of a usual call nothing is cut. The
/// key of a repeat is not counted: only callers with a right have one, and it has to stay whole.
pub(crate) fn shorten(header: &mut CommandHeader, records: &mut [NewRecord]) {
    for (said_max, asked_max) in STEPS {
        if bytes(header, records) <= REFUSAL_BYTES_MAX {
            return;
        }
        header.provenance.shorten(said_max);
        for record in records.iter_mut() {
            if let Event::CommandRefused(refused) = &mut record.event.event {
                refused.shorten(asked_max);
            }
        }
    }
}

/// What a refusal takes in the log. One that cannot be encoded cannot be recorded either.
fn bytes(header: &CommandHeader, records: &[NewRecord]) -> usize {
    let header = CommandHeader {
        request: None,
        ..header.clone()
    };
    let command = CommandRecord {
        header: Arc::new(header),
        events: records.to_vec(),
    };
    let commit = Commit {
        commands: vec![command],
    };
    encode_commit(&commit).map_or(0, |bytes| bytes.len())
}

/// Bytes that are kept of each word of the headers, and of each word of the command. The names of
/// the room and of the caller take up to half of the whole, and are kept.
const STEPS: [(usize, usize); 6] = [(128, 256), (64, 128), (32, 64), (16, 32), (0, 32), (0, 16)];

/// What docs/domain.md promises of a refusal.
const REFUSAL_BYTES_MAX: usize = 1024;
