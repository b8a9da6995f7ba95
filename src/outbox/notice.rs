//! What is told to receivers, seen from the outbox: events in, bodies and headers out. Apart so
//! that the outbox knows no vendor's words, and a vendor's words know no delivery.

use crate::domain::{Digest, Event, Kind, Room, Timestamp};
use crate::store::Position;

/// Tells of events in one vendor's words. The same event always comes to the same notices, so that
/// a receiver can tell a repeat by its id.
pub trait Notices: Send + Sync {
    /// Whether events of this kind come to notices at all.
    fn concerns(&self, kind: Kind) -> bool;

    /// The body of the notice of that number, from 0, that an event comes to; `None` when there
    /// are no more.
    fn body(&self, told: &Told<'_>, number: u32) -> Option<String>;

    /// The headers of one attempt to send it, made anew each time since a signature gets old.
    /// `now_s` is the wall time in seconds since 1970.
    ///
    /// # Errors
    /// In words, when it cannot be signed.
    fn headers(&self, body: &str, now_s: i64) -> Result<Vec<(&'static str, String)>, String>;
}

/// An event with the room around it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The room just before.
    pub before: &'a Room,
    /// The room just after.
    pub after: &'a Room,
    /// What happened.
    pub event: &'a Event,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Where it stands in the log.
    pub position: Position,
    /// The hash of all up to the commit that holds it: which log that is.
    pub chain: Digest,
}
