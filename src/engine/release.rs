//! What operators do to the ledger itself, as the writer carries it out: the end of a hold of the
//! clock (log.md rule 21), revocations of API tokens, other keys. Apart because it concerns no
//! room.

use super::call::{Operated, Remembered, RememberedStatus, request_key};
use super::checkpoint::SavedOutcome;
use super::error::EngineError;
use super::idempotency::Known;
use super::writer::{Operation, What, Writer};
use crate::domain::event::ClockReleased;
use crate::domain::{Digest, Event, Kind, Provenance, Version};
use crate::store::RequestRecord;

impl Writer {
    pub(crate) fn operate(&mut self, operation: Operation) {
        let Operation {
            provenance,
            what,
            answer,
        } = operation;
        let _nobody_waits = answer.send(self.operated(provenance, what));
    }

    fn operated(&mut self, provenance: Provenance, what: What) -> Result<Operated, EngineError> {
        let digest = Digest::of(format!("{what:?}").as_bytes());
        let key = request_key(&provenance, None);
        if let Some(key) = &key {
            match self.outcomes.find(key, digest) {
                Known::New => {}
                Known::Repeat(outcome, _) => {
                    return Ok(Operated {
                        changed: true,
                        position: outcome.position(),
                        replayed: true,
                    });
                }
                Known::Reused => {
                    let request_id = key.request_id.clone();
                    return Err(EngineError::RequestIdReused { request_id });
                }
            }
        }
        if !self.changes(&what) {
            return Ok(Operated {
                changed: false,
                position: self.shared.head(),
                replayed: false,
            });
        }
        let (reading, event) = match what {
            What::ReleaseClock => {
                let reading = self.time.release(&*self.shared.clock, true);
                self.shared.keep_time(self.time);
                self.looked = reading.now.max(self.last);
                (reading, Event::from(ClockReleased { by_operator: true }))
            }
            What::Record(event) => (self.read_clock(), *event),
        };
        let request = key.map(|key| RequestRecord { key, digest });
        let is_clock = event.kind() == Kind::ClockReleased;
        self.operated.push((provenance, request.clone(), event));
        let first = self.shared.head().next();
        if let Err(error) = self.decide(Vec::new(), reading) {
            // The clock runs already, and the next commit says so; the rest is to be tried again.
            if !is_clock {
                self.operated.pop();
            }
            return Err(error);
        }
        // Timers that fire stand behind it in the same commit.
        if let Some(RequestRecord { key, digest }) = request {
            self.outcomes.remember(SavedOutcome {
                key: key.into(),
                digest,
                outcome: Remembered {
                    status: RememberedStatus::Accepted,
                    first,
                    count: 1,
                    version: Version(0),
                },
                counted: None,
                at: self.last,
            });
        }
        Ok(Operated {
            changed: true,
            position: first,
            replayed: false,
        })
    }

    /// Whether it changes anything: what does not is not recorded.
    fn changes(&self, what: &What) -> bool {
        match what {
            What::ReleaseClock => self.time.is_held(),
            What::Record(event) => {
                let is_of_tokens = matches!(
                    &**event,
                    Event::ApiTokensRevoked(_) | Event::ApiTokenRevocationLifted(_)
                );
                let mut revoked = (**self.shared.api_revocations.load()).clone();
                !is_of_tokens || revoked.apply(event)
            }
        }
    }
}
