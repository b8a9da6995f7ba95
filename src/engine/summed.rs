//! The answers to refusals that were only counted. Apart because no record tells what they were: a
//! repeat gets the same answer, from memory, as long as it is remembered.
//!
//! Bounded for each caller by itself, so that a flood of one caller pushes out no answer of
//! another. A restart forgets them, and the call is decided anew.

use std::collections::{BTreeMap, VecDeque};

use super::call::{Answer, Receipt, Status};
use super::error::EngineError;
use crate::domain::{Code, Digest, Personal, Reference};
use crate::store::RequestKey;

/// The answers that are remembered, by caller.
#[derive(Debug, Default)]
pub(crate) struct Summed {
    by_caller: BTreeMap<Caller, Answers>,
    /// The callers, in the order of their first answer.
    by_age: VecDeque<Caller>,
}

/// The id of the key, and whom the token names.
type Caller = (String, Personal<String>);

#[derive(Debug, Default)]
struct Answers {
    by_key: BTreeMap<RequestKey, Entry>,
    by_age: VecDeque<RequestKey>,
}

#[derive(Debug)]
struct Entry {
    digest: Digest,
    receipt: Receipt,
    because: Vec<Reference>,
}

impl Summed {
    /// The answer to a repeat; `None` for a request that is not remembered here.
    pub(crate) fn again(
        &self,
        key: &RequestKey,
        digest: Digest,
    ) -> Option<Result<Answer, EngineError>> {
        let entry = self.by_caller.get(&caller(key))?.by_key.get(key)?;
        if entry.digest != digest {
            let request_id = key.request_id.clone();
            return Some(Err(EngineError::RequestIdReused { request_id }));
        }
        Some(Ok(Answer::Done {
            receipt: Box::new(entry.receipt.clone()),
            because: entry.because.clone(),
        }))
    }

    /// Remembers the answer to a request, and forgets the oldest beyond the bounds.
    pub(crate) fn remember(
        &mut self,
        key: RequestKey,
        digest: Digest,
        receipt: &Receipt,
        because: &[Reference],
    ) {
        let caller = caller(&key);
        if !self.by_caller.contains_key(&caller) {
            self.by_age.push_back(caller.clone());
        }
        let answers = self.by_caller.entry(caller).or_default();
        let entry = Entry {
            digest,
            receipt: repeated(receipt),
            because: because.to_vec(),
        };
        if answers.by_key.insert(key.clone(), entry).is_none() {
            answers.by_age.push_back(key);
        }
        if answers.by_age.len() > ANSWERS_MAX
            && let Some(oldest) = answers.by_age.pop_front()
        {
            answers.by_key.remove(&oldest);
        }
        if self.by_age.len() > CALLERS_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.by_caller.remove(&oldest);
        }
    }
}

fn caller(key: &RequestKey) -> Caller {
    (key.key_id.clone(), key.caller.clone())
}

/// The room is kept only where the answer tells its version.
fn repeated(receipt: &Receipt) -> Receipt {
    let Status::Refused(refused) = &receipt.status else {
        return receipt.clone();
    };
    let tells_version = refused.code == Code::VersionConflict;
    Receipt {
        room: receipt.room.clone().filter(|_| tells_version),
        destination: None,
        replayed: true,
        ..receipt.clone()
    }
}

/// Answers of one caller: clients repeat a call soon after it, or not at all.
const ANSWERS_MAX: usize = 128;
/// Callers: with the one above, some tens of megabytes at most.
const CALLERS_MAX: usize = 256;
