//! The journal healed from sled, and how that is told (log.md rule 10). Apart because an open, a
//! comparison and an operator all ask for it. It is the journal that judges every byte.

use std::path::Path;

use crate::store::StoreError;
use crate::store::caches::{LogCopy, Repaired};
use crate::store::journal::{FrameKind, Journal, JournalReader, Recovery, Repair, RepairKind};
use crate::store::record::{Link, Position};
use crate::store::sled::{Salvage, SledCopy, SledSource};

use super::convert::{link_of, of_copy, of_journal};

/// Heals what is known to be damaged, after a fresh read past the cache.
///
/// # Errors
/// `Corrupt`, when something is bad that the indexed copy does not have either; `Io`, which
/// poisons the journal.
pub(crate) fn heal(journal: &mut Journal, copy: &SledCopy) -> Result<Recovery, StoreError> {
    whole(journal.heal(&SledSource::new(copy)).map_err(of_journal)?)
}

/// As [`heal`], from what can still be read of copies that are not believed; `with_db` when `db/`
/// itself is one of them, and not open.
///
/// # Errors
/// As [`heal`].
pub(crate) fn salvage(
    journal: &mut Journal,
    data: &Path,
    with_db: bool,
) -> Result<Recovery, StoreError> {
    let copies = Salvage::open(data, journal.log_id(), with_db);
    let copies = copies.map_err(|error| of_copy(data, &error))?;
    whole(journal.heal(&copies).map_err(of_journal)?)
}

fn whole(healed: Recovery) -> Result<Recovery, StoreError> {
    match healed.damage.first() {
        None => Ok(healed),
        Some(damage) => Err(StoreError::Corrupt {
            position: Position(damage.first_position),
            problem: format!(
                "{damage}; what else is there cannot heal them: stop the server, then `roomledger \
                 repair` says what can be had, and which rooms are concerned"
            ),
        }),
    }
}

/// Whether a commit of the journal, or an accepted loss, ends with this link.
pub(crate) fn confirms(reader: &JournalReader, link: Link) -> bool {
    let frame = reader.frame_containing(link.position.0);
    let frame = frame.ok().flatten();
    frame.is_some_and(|frame| frame.kind() != FrameKind::Seal && link_of(frame.link()) == link)
}

/// The repair of frames as the engine records it; headers and footers hold no history.
pub(crate) fn healed_frames(repair: &Repair) -> Option<Repaired> {
    match repair.kind {
        RepairKind::Frames {
            first_position,
            last_position,
            fault,
        } => Some(Repaired {
            from: Position(first_position),
            to: Position(last_position.max(first_position)),
            copy: LogCopy::Journal,
            restored: true,
            problem: format!(
                "segment {} at byte {}: {fault}; the bad bytes are kept in aside/",
                repair.at.segment, repair.at.offset
            ),
        }),
        RepairKind::Rest
        | RepairKind::Header
        | RepairKind::Footer
        | RepairKind::Length
        | RepairKind::Stray => None,
    }
}

/// What a person should know of a recovery.
pub(crate) fn notes_of(recovery: &Recovery) -> Vec<String> {
    let tail = recovery.tail_aside.iter().map(|aside| {
        format!(
            "the last {} bytes of segment {} were unacknowledged or damaged, which cannot be told; \
             they are kept in {}",
            aside.bytes,
            aside.segment,
            aside.path.display()
        )
    });
    let files = recovery.repairs.iter().filter_map(|repair| {
        let segment = repair.at.segment;
        let anew = |part| Some(format!("a segment's {part} was written anew"));
        match repair.kind {
            RepairKind::Rest => anew("rest"),
            RepairKind::Header => anew("header"),
            RepairKind::Footer => anew("footer"),
            RepairKind::Length => Some(format!(
                "segment {segment} was longer than it may be: what stood behind it is in aside/"
            )),
            RepairKind::Stray => Some(format!(
                "segment {segment} is no part of the journal: it is kept in aside/"
            )),
            RepairKind::Frames { .. } => None,
        }
    });
    tail.chain(files).collect()
}
