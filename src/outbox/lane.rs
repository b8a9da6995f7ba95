//! Telling one room, event after event, until nothing is left to tell. Apart because each room has
//! such a task: one that is not heard holds up no other. Between attempts it keeps nothing but its
//! place; rooms and notices are made anew from the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::notice::Told;
use super::receiver::Receiver;
use crate::domain::{Digest, Room, RoomName, Version};
use crate::engine::EngineError;
use crate::replay::{Moment, fold};
use crate::store::Record;

/// Why a room's task has to wait.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// In words.
    pub(crate) problem: String,
    /// Whether something was told since the last one.
    pub(crate) is_new: bool,
}

/// Tells of a room until there is nothing more to tell.
pub(crate) async fn tell(receiver: Arc<Receiver>, name: RoomName) {
    let mut failures = 0_u32;
    loop {
        // Never closed, so there is a slot in the end.
        let slot = receiver.slots.acquire().await;
        let ended = Turn::run(&receiver, &name, failures).await;
        drop(slot);
        match ended {
            Ok(true) => return,
            Ok(false) => failures = 0,
            Err(trouble) => {
                failures = if trouble.is_new {
                    1
                } else {
                    failures.saturating_add(1)
                };
                let wait = wait(&receiver, &name, failures);
                receiver.has_trouble(format!("room {name:?}: {}", trouble.problem));
                sleep(wait).await;
            }
        }
    }
}

/// A bounded share of the work, so that many rooms take turns.
struct Turn<'a> {
    receiver: &'a Receiver,
    name: &'a RoomName,
    /// Attempts that failed before this turn.
    failures: u32,
    /// Notices told in this turn.
    told: u32,
}

impl Turn<'_> {
    /// `true` when there is nothing more to tell.
    async fn run(receiver: &Receiver, name: &RoomName, failures: u32) -> Result<bool, Trouble> {
        let mut turn = Turn {
            receiver,
            name,
            failures,
            told: 0,
        };
        let done = turn.work().await;
        done.map_err(|problem| Trouble {
            problem,
            is_new: turn.told > 0,
        })
    }

    async fn work(&mut self) -> Result<bool, String> {
        let engine = &self.receiver.engine;
        let Some(mut place) = self.receiver.places.of(self.name) else {
            return Ok(true);
        };
        let at = Moment::Version(place.after);
        let room = engine
            .as_of(self.name, at)
            .await
            .map_err(|error| unread(&error))?;
        let mut room = room.map_or_else(|| Room::new(self.name.clone()), |it| Room::clone(&it));
        while self.told < NOTICES_MAX {
            let page = engine.history(Some(self.name.clone()), place.after, PAGE);
            let page = page.await.map_err(|error| unread(&error))?;
            if page.is_empty() {
                let missing = place.after.next();
                return Err(format!("version {missing} is missing from the log"));
            }
            for record in &page {
                let before = room.clone();
                fold(&mut room, record).map_err(|error| error.to_string())?;
                if !self.tell(&before, &room, record, place.done).await? {
                    return Ok(false);
                }
                (place.after, place.done) = (record.version, 0);
                if self.receiver.places.told(self.name, place.after, 0) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Sends the notices of one event, but for those that are told already; `false` when others
    /// have to get their turn before the rest.
    async fn tell(
        &mut self,
        before: &Room,
        after: &Room,
        record: &Record,
        done: u32,
    ) -> Result<bool, String> {
        let receiver = self.receiver;
        if !receiver.notices.concerns(record.event.event.kind()) {
            return Ok(true);
        }
        let link = receiver.engine.commit_of(record.position).await;
        let told = Told {
            before,
            after,
            event: &record.event.event,
            recorded_at: record.command.recorded_at,
            position: record.position,
            chain: link.map_err(|error| unread(&error))?.chain,
        };
        let mut number = done;
        while let Some(body) = receiver.notices.body(&told, number) {
            if self.told >= NOTICES_MAX {
                return Ok(false);
            }
            self.send(record, body).await?;
            self.told = self.told.saturating_add(1);
            number = number.saturating_add(1);
            let before = record.version.0.saturating_sub(1);
            receiver.places.told(self.name, Version(before), number);
        }
        Ok(true)
    }

    async fn send(&self, record: &Record, body: String) -> Result<(), String> {
        let receiver = self.receiver;
        let attempt = if self.told == 0 { self.failures } else { 0 };
        let now_s = receiver.engine.clock().wall().seconds();
        let mut headers = receiver.notices.headers(&body, now_s)?;
        headers.push((POSITION, record.position.to_string()));
        headers.extend(traced(record));
        headers.push((ATTEMPT, attempt.saturating_add(1).to_string()));
        receiver.poster.post(headers, body).await?;
        receiver.has_told();
        Ok(())
    }
}

/// By what the request that brought an event about is followed through other systems.
fn traced(record: &Record) -> impl Iterator<Item = (&'static str, String)> {
    let trace = record.command.provenance.trace.clone().unwrap_or_default();
    let ids = [
        (REQUEST_ID, trace.request_id),
        (TRACEPARENT, trace.traceparent),
    ];
    let is_plain = |text: &String| !text.chars().any(char::is_control);
    ids.into_iter()
        .filter_map(move |(name, id)| Some((name, id.filter(is_plain)?)))
}

fn unread(error: &EngineError) -> String {
    format!("the log cannot be read: {error}")
}

/// Twice as long each time, up to the bound, less up to a half by which rooms differ: they failed
/// together, and need not come back together.
fn wait(receiver: &Receiver, name: &RoomName, failures: u32) -> Duration {
    let doubled = 1_u32
        .checked_shl(failures.saturating_sub(1))
        .unwrap_or(u32::MAX);
    let whole = receiver
        .wait_min
        .saturating_mul(doubled)
        .min(receiver.wait_max);
    let salt = Digest::of(format!("{} {name} {failures}", receiver.id()).as_bytes());
    let share = salt.0.first().copied().unwrap_or_default();
    whole.saturating_sub(whole / 512 * u32::from(share))
}

/// Records read at a time: they are held while their notices are sent, and each may carry metadata
/// of 512 KiB.
const PAGE: usize = 16;

/// Notices after which other rooms get their turn.
const NOTICES_MAX: u32 = 256;

const POSITION: &str = "x-ledger-position";
const ATTEMPT: &str = "x-ledger-attempt";
const REQUEST_ID: &str = "x-request-id";
const TRACEPARENT: &str = "traceparent";
