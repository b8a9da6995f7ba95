//! How much of a caller's words a refusal repeats and records. Apart because it bounds every kind
//! of refusal at one place.

use super::Rejection;
use crate::domain::words::cut;

impl Rejection {
    /// The same with a caller's words no longer than a record keeps them, and so an answer repeats
    /// them.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if let Self::Several(all) = &mut self {
            for one in all {
                one.cut(WORD_BYTES_MAX, PROBLEM_BYTES_MAX);
            }
        } else {
            self.cut(WORD_BYTES_MAX, PROBLEM_BYTES_MAX);
        }
        self
    }

    /// Cuts the words of a single reason, but for the name of the room.
    pub(in crate::domain) fn cut(&mut self, word_bytes_max: usize, problem_bytes_max: usize) {
        match self {
            Self::NoSuchParticipant { participant, .. } | Self::Absent { participant, .. } => {
                cut(participant, word_bytes_max);
            }
            Self::NoSuchConnection { connection, .. }
            | Self::ConnectionClosed { connection, .. } => cut(connection, word_bytes_max),
            Self::NoSuchTrack {
                participant, track, ..
            } => {
                cut(participant, word_bytes_max);
                cut(track, word_bytes_max);
            }
            Self::NotMovable { who, .. } => cut(who, word_bytes_max),
            Self::NoRight { who, right, .. } => {
                cut(who, word_bytes_max);
                cut(right, word_bytes_max);
            }
            Self::NotGranted { key_id, call, .. } => {
                cut(key_id, word_bytes_max);
                cut(call, word_bytes_max);
            }
            Self::ActorMismatch {
                subject, claimed, ..
            } => {
                cut(subject, word_bytes_max);
                cut(claimed, word_bytes_max);
            }
            Self::Banned { identity, .. }
            | Self::TokenRevoked { identity, .. }
            | Self::TokenExpired { identity, .. } => cut(identity, word_bytes_max),
            Self::AliasTaken { alias, .. } => cut(alias, word_bytes_max),
            Self::SessionOver { session, .. } => cut(session, word_bytes_max),
            Self::Invalid { problem, .. } => cut(problem, problem_bytes_max),
            Self::NoSuchRoom { .. }
            | Self::NoOpenSession { .. }
            | Self::NoSuchVersion { .. }
            | Self::VersionConflict { .. }
            | Self::RemoteUnmuteDisabled { .. }
            | Self::RoomFull { .. }
            | Self::RoomDisabled { .. }
            | Self::RoomNotOpen { .. }
            | Self::RoomExpired { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::SameRoom { .. }
            | Self::NameTaken { .. }
            | Self::Several(_) => {}
        }
    }
}

/// As much of a caller's word as a refusal repeats and records: an id or a name that is longer was
/// hardly typed by a person.
const WORD_BYTES_MAX: usize = 128;
/// As much of a problem that was found in a request.
const PROBLEM_BYTES_MAX: usize = 256;
