//! Facts of people in a room, beyond any one session. Apart because only here an identity is
//! spelled out; every other event names numbers.

use serde::{Deserialize, Serialize};

use crate::domain::id::{Identity, ParticipantNumber, Version};
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
    /// The ban that stood until now and that this one replaces.
    pub former: Option<FormerBan>,
}

/// A ban that stood until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerBan {
    /// Until when; for good when absent.
    pub until: Option<Timestamp>,
    /// The event that had set it.
    pub set: Version,
}

/// A ban was lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantUnbanned {
    /// Whose.
    pub participant: ParticipantNumber,
    /// The ban that stood until now.
    pub former: FormerBan,
}

/// Tokens issued before a moment are refused at join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensRevoked {
    /// Whose; everybody's when absent.
    pub participant: Option<ParticipantNumber>,
    /// The moment.
    pub before: Timestamp,
    /// The revocation that stood until now and that this one replaces.
    pub former: Option<FormerRevocation>,
}

/// A revocation that stood until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerRevocation {
    /// Tokens issued before this moment were refused.
    pub before: Timestamp,
    /// The event that had set it.
    pub set: Version,
}

/// A revocation was lifted: its tokens are let in again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationLifted {
    /// Whose revocation; the one for everybody when absent.
    pub participant: Option<ParticipantNumber>,
    /// The revocation that stood until now.
    pub former: FormerRevocation,
}
