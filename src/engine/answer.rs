//! What everybody is told once a batch is durable. Apart because an answer also becomes an outcome
//! that a repeat will find. Nothing here decides.

use std::sync::Arc;

use super::call::{Answer, Counted, Receipt, Remembered, RememberedStatus, Status};
use super::checkpoint::SavedOutcome;
use super::error::EngineError;
use super::plan::Reply;
use super::tail::Committed;
use super::writer::{Ask, Writer, give};
use crate::domain::{Personal, Reference, Timestamp, Version};
use crate::store::Position;

impl Writer {
    pub(crate) fn answer(
        &mut self,
        asks: Vec<Ask>,
        replies: Vec<Result<Reply, EngineError>>,
        committed: Option<&Committed>,
        now: Timestamp,
    ) {
        for (ask, reply) in asks.into_iter().zip(replies) {
            let Ask { call, answer, .. } = ask;
            let done = reply.map(|reply| {
                let because = reply.because.clone();
                let (receipt, outcome) = self.receipt(reply, committed);
                if let Some(key) = call.key() {
                    self.outcomes.remember(SavedOutcome {
                        key: Arc::new(key),
                        digest: call.digest,
                        outcome,
                        counted: counted(&receipt, &because).map(Arc::new),
                        at: now,
                    });
                }
                Answer::Done {
                    receipt: Box::new(receipt),
                    because,
                }
            });
            give(answer, done);
        }
    }

    fn receipt(&self, reply: Reply, committed: Option<&Committed>) -> (Receipt, Remembered) {
        let records = committed.map(|committed| committed.records.as_slice());
        let own = records
            .unwrap_or_default()
            .get(reply.before..reply.before + reply.count)
            .unwrap_or_default();
        let read = reply.before.checked_sub(1);
        let read = read.and_then(|index| records?.get(index));
        let head = committed.map_or_else(
            || self.shared.head(),
            |committed| Position(committed.first.0.saturating_sub(1)),
        );
        let read = read.map_or(head, |record| record.position);
        let version = reply.room.version;
        if matches!(reply.status, Status::Refused(_)) {
            self.shared.figures.refused.up();
        }
        let outcome = Remembered {
            status: match &reply.status {
                Status::Accepted => RememberedStatus::Accepted,
                Status::NoEffect => RememberedStatus::NoEffect,
                Status::Unchanged => RememberedStatus::Unchanged,
                Status::Refused(_) => RememberedStatus::Refused,
            },
            first: own.first().map_or(read, |record| record.position),
            count: u32::try_from(own.len()).unwrap_or(u32::MAX),
            version,
        };
        let receipt = Receipt {
            status: reply.status,
            position: outcome.position(),
            version,
            records: own.to_vec(),
            room: Some(reply.room).filter(|room| room.version > Version(0)),
            destination: reply.destination,
            replayed: false,
        };
        (receipt, outcome)
    }
}

/// What a repeat of a refusal is answered with that left no record.
fn counted(receipt: &Receipt, because: &[Reference]) -> Option<Counted> {
    let Status::Refused(refused) = &receipt.status else {
        return None;
    };
    let rejection = refused.rejection.as_ref()?;
    receipt.records.is_empty().then(|| Counted {
        reason: Personal::new(rejection.decisive()),
        because: because.to_vec(),
    })
}
