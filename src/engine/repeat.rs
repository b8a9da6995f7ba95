//! The recorded outcome of a request, given again as of then. Apart because it is made from the log
//! alone, on a reader's thread: nothing of it was kept in memory but where it stands.

use std::sync::Arc;

use super::call::{Call, Counted, Receipt, Refused, RememberedStatus, Repeat, Status};
use super::history::{positions, room_at};
use crate::domain::{Code, Event, Version};
use crate::replay::Moment;
use crate::store::{EventStore, Position, Record, StoreError};

/// Makes the receipt that the first call got.
pub(crate) fn repeat(store: &dyn EventStore, earlier: &Repeat) -> Result<Receipt, StoreError> {
    let Repeat {
        call,
        outcome,
        counted,
    } = earlier;
    let before = Position(outcome.first.0.saturating_sub(1));
    let count = usize::try_from(outcome.count).unwrap_or(usize::MAX);
    let mut records = Vec::new();
    while records.len() < count {
        let after = records.last().map_or(before, |last: &Record| last.position);
        let page = store.read_all(after, count - records.len())?;
        if page.is_empty() {
            return Err(StoreError::Missing {
                position: after.next(),
            });
        }
        records.extend(page);
    }
    let room = &call.request.room;
    let elsewhere = records
        .iter()
        .rev()
        .find_map(|record| Some((record.room.as_ref()?, record.version)))
        .filter(|(other, _)| *other != room);
    let destination = elsewhere
        .map(|(other, version)| room_at(store, other, Moment::Version(version)))
        .transpose()?;
    // Of a refusal that was only counted, the room is folded where the answer tells its version.
    let counted = counted.as_deref();
    let tells_room = counted.is_none_or(|it| it.reason.value().code() == Code::VersionConflict);
    let known = outcome.version > Version(0) && tells_room;
    let folded = known
        .then(|| room_at(store, room, Moment::Version(outcome.version)))
        .transpose()?;
    Ok(Receipt {
        status: match outcome.status {
            RememberedStatus::Accepted => Status::Accepted,
            RememberedStatus::NoEffect => Status::NoEffect,
            RememberedStatus::Unchanged => Status::Unchanged,
            RememberedStatus::Refused => {
                let refused = match counted {
                    Some(counted) => only_counted(store, call, counted),
                    None => refused(store, call, &records),
                };
                Status::Refused(Box::new(refused?))
            }
        },
        position: outcome.position(),
        version: outcome.version,
        records: records.into_iter().map(Arc::new).collect(),
        room: folded,
        destination,
        replayed: true,
    })
}

fn refused(store: &dyn EventStore, call: &Call, records: &[Record]) -> Result<Refused, StoreError> {
    let recorded = records.iter().find_map(|record| {
        let Event::CommandRefused(refused) = &record.event.event else {
            return None;
        };
        Some(refused)
    });
    let reason = recorded.map(|refused| refused.reason.value().clone());
    let code = recorded
        .and_then(|refused| refused.codes.first())
        .and_then(|slug| Code::from_slug(slug));
    Ok(Refused {
        code: code.unwrap_or(Code::Invalid),
        detail: reason.as_ref().map(ToString::to_string).unwrap_or_default(),
        because: match recorded {
            Some(refused) => positions(store, &call.request.room, &refused.because)?,
            None => Vec::new(),
        },
        rejection: reason,
    })
}

fn only_counted(
    store: &dyn EventStore,
    call: &Call,
    counted: &Counted,
) -> Result<Refused, StoreError> {
    let reason = counted.reason.value();
    Ok(Refused {
        code: reason.code(),
        detail: reason.to_string(),
        because: positions(store, &call.request.room, &counted.because)?,
        rejection: Some(reason.clone()),
    })
}
