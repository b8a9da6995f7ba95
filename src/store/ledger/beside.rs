//! How the indexed copy stands beside the journal, and what to tell an operator where the two do
//! not belong together (log.md rule 10). Apart because an open, a check and a repair must say the
//! same. It chooses neither: every text names the command for each choice.

use std::path::Path;

use crate::store::StoreError;
use crate::store::journal::{
    Frame, FrameKind, FrameSource as _, Journal, JournalError, Link as ChainEnd, short_hex,
};
use crate::store::sled::{SledCopy, SledSource};

use super::convert::of_journal;

/// How an intact indexed copy stands beside a journal of its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// What it has is what the journal has.
    Same,
    /// It lacks these positions, or has them garbled.
    Damaged {
        /// The first one.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// It goes on exactly where the journal ends.
    GoesOn,
    /// From this position on it has something else than the journal.
    Parted {
        /// The position.
        at: u64,
    },
}

/// Compares the two, frame by frame; holes of the journal are passed over.
///
/// # Errors
/// `Io`; what a look at the journal can say.
pub(crate) fn beside(journal: &Journal, copy: &SledCopy) -> Result<Beside, StoreError> {
    let (mark, end) = (copy.mark(), journal.end());
    // The mark's hash covers everything before it.
    let (mut has_mark, mut damaged, mut parted) = (mark == ChainEnd::GENESIS, None, None);
    for frame in journal.reader().frames_from(1).map_err(of_journal)? {
        let frame = match frame {
            Ok(frame) => frame,
            Err(JournalError::Damaged(_)) => continue,
            Err(error) => return Err(of_journal(error)),
        };
        if frame.link().next_position > mark.next_position {
            break;
        }
        has_mark |= frame.link() == mark;
        let at_mark = frame.link().next_position >= mark.next_position;
        let found = SledSource::new(copy).frames_at(frame.first_position());
        let may_lag = at_mark && frame.kind() == FrameKind::Seal;
        if found.iter().any(|bytes| bytes == frame.bytes()) || may_lag {
            continue;
        }
        let (from, to) = (frame.first_position(), frame.last_position());
        if found.iter().any(|bytes| is_rival(bytes, &frame)) {
            parted.get_or_insert(from);
        } else {
            damaged.get_or_insert((from, to));
        }
    }
    Ok(match (parted, damaged) {
        (Some(at), _) if !has_mark => Beside::Parted { at },
        _ if mark.next_position > end.next_position => {
            let goes_on = end == ChainEnd::GENESIS || copy.ends_at(&end).unwrap_or_default();
            if goes_on {
                Beside::GoesOn
            } else {
                let at = end.next_position;
                Beside::Parted { at }
            }
        }
        (Some(at), None) => Beside::Damaged { from: at, to: at },
        (_, Some((from, to))) => Beside::Damaged { from, to },
        (None, None) => Beside::Same,
    })
}

/// Whether these are an intact frame that stands where another one stands.
fn is_rival(bytes: &[u8], frame: &Frame) -> bool {
    let is_loss = frame.kind() == FrameKind::Loss;
    Frame::decode(bytes).is_ok_and(|rival| {
        !is_loss
            && rival.header().log_id == frame.header().log_id
            && rival.header().previous == frame.header().previous
    })
}

/// Of a copy that goes on exactly where the journal ends, which no crash leaves behind.
pub(crate) fn goes_on(dir: &Path, mark: &ChainEnd, end: &ChainEnd) -> StoreError {
    let (from, to) = (end.next_position, mark.position());
    let problem = format!(
        "two histories: journal/ and HEAD end at position {}, and db/ goes on from there to \
         position {to}; an older journal/ was put back. To keep positions {from} to {to}, run {}; \
         to go on without them, run {}. What is not kept stays in aside/",
        end.position(),
        command(dir, "db"),
        command(dir, "journal"),
    );
    refused(dir, problem)
}

/// Of two that have different things at the same position; `journal` says what the journal has.
pub(crate) fn parted(dir: &Path, mark: &ChainEnd, journal: &str) -> StoreError {
    let problem = format!(
        "two histories: db/ has chain {} at position {}, journal/ {journal}; one of them was \
         restored from elsewhere. {}",
        short_hex(&mark.hash),
        mark.position(),
        choices(dir)
    );
    refused(dir, problem)
}

/// Of copies of two logs, by their ids in hexadecimal.
pub(crate) fn two_logs(dir: &Path, journal: &str, copy: &str) -> StoreError {
    let problem = format!(
        "two logs: journal/ belongs to log {journal}, db/ to log {copy}; one of them was put here \
         from elsewhere. {}",
        choices(dir)
    );
    refused(dir, problem)
}

fn choices(dir: &Path) -> String {
    format!(
        "To go on with the journal, run {}; to go on with db/, run {}. The other one stays in \
         aside/",
        command(dir, "journal"),
        command(dir, "db")
    )
}

fn command(dir: &Path, from: &str) -> String {
    let dir = dir.display();
    format!("`roomledger repair --data {dir} --continue-from {from}`")
}

fn refused(dir: &Path, problem: String) -> StoreError {
    StoreError::Refused {
        path: dir.display().to_string(),
        problem,
    }
}
