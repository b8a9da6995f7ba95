//! The end of a hold of the clock by an operator's word (log.md rule 21), as the writer carries it
//! out. Apart because it is the one command that concerns no room.

use super::call::{RELEASE_CLOCK, Released, Remembered, RememberedStatus, request_key};
use super::checkpoint::SavedOutcome;
use super::error::EngineError;
use super::idempotency::Known;
use super::writer::{Release, Writer};
use crate::domain::{Digest, Provenance, Version};
use crate::store::RequestRecord;

impl Writer {
    pub(crate) fn release(&mut self, release: Release) {
        let Release { provenance, answer } = release;
        let _nobody_waits = answer.send(self.released(provenance));
    }

    fn released(&mut self, provenance: Provenance) -> Result<Released, EngineError> {
        let digest = Digest::of(RELEASE_CLOCK.as_bytes());
        let key = request_key(&provenance, None);
        if let Some(key) = &key {
            match self.outcomes.find(key, digest) {
                Known::New => {}
                Known::Repeat(outcome, _) => {
                    return Ok(Released {
                        was_held: true,
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
        if !self.time.is_held() {
            return Ok(Released {
                was_held: false,
                position: self.shared.head(),
                replayed: false,
            });
        }
        let reading = self.time.release(&*self.shared.clock, true);
        self.shared.keep_time(self.time);
        self.looked = reading.now.max(self.last);
        let request = key.map(|key| RequestRecord { key, digest });
        self.released_by = Some((provenance, request.clone()));
        let first = self.shared.head().next();
        self.decide(Vec::new(), reading)?;
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
        Ok(Released {
            was_held: true,
            position: first,
            replayed: false,
        })
    }
}
