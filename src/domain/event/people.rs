//! Facts of people in a room, beyond any one session. Apart because only here an identity is
//! spelled out; every other event names numbers.

use serde::{Deserialize, Serialize};

use crate::domain::id::{Identity, ParticipantNumber};
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;

/// An identity was mentioned for the first time and has a number from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantRegistered {
    /// The number.
    pub participant: ParticipantNumber,
    /// Who it stands for.
    pub identity: Personal<Identity>,
}

/// An identity may not join until unbanned, or until a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantBanned {
    /// Who.
    pub participant: ParticipantNumber,
    /// Until when; for good when absent.
    pub until: Option<Timestamp>,
}

/// A ban was lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantUnbanned {
    /// Whose.
    pub participant: ParticipantNumber,
}

/// Tokens issued before a moment are refused at join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensRevoked {
    /// Whose; everybody's when absent.
    pub participant: Option<ParticipantNumber>,
    /// The moment.
    pub before: Timestamp,
}

/// A revocation was lifted: its tokens are let in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationLifted {
    /// Whose revocation; the one for everybody when absent.
    pub participant: Option<ParticipantNumber>,
}
