//! Facts of connections: one live presence each, opened once and closed once.
//!
//! Apart because profile, permission and tracks belong to the connection, not to the person.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::event::Who;
use crate::domain::id::{Alias, ConnectionNumber, Id, ParticipantNumber, RoomName};
use crate::domain::permission::Permission;
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;

/// What is at the other end. Agents and egress are *dependent*: they neither count nor keep a
/// room open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionKind {
    /// A person's client.
    Standard,
    /// Media brought in from outside.
    Ingress,
    /// A recorder or a stream out.
    Egress,
    /// A telephone.
    Sip,
    /// A program that takes part.
    Agent,
    /// A link to another service.
    Connector,
    /// A link to another room.
    Bridge,
}

/// What somebody joined with. It never holds the token itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Which kind: `none`, or the dialect whose token it was.
    pub kind: String,
    /// The key that signed it.
    pub key_id: Option<String>,
    /// SHA-256 of the token as it came.
    pub token_digest: Option<Digest>,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Issued at; what a join without a token says of itself.
    pub issued_at: Option<Timestamp>,
    /// Valid until.
    pub expires_at: Option<Timestamp>,
    /// The token's own id.
    pub token_id: Option<Personal<String>>,
}

impl Credential {
    /// The moment that revocations are compared with: when the credential was issued. A credential
    /// that does not say so counts from when it is valid.
    pub fn issued(&self) -> Option<Timestamp> {
        self.issued_at.or(self.not_before)
    }
}

/// How a connection presents itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The name shown.
    pub name: Personal<String>,
    /// Free text of the application.
    pub metadata: Personal<String>,
    /// Keys and values of the application.
    pub attributes: Personal<BTreeMap<String, String>>,
}

/// Where a moved connection came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedFrom {
    /// The room it left in the same commit.
    pub room: RoomName,
    /// Its number there.
    pub connection: ConnectionNumber,
}

/// Somebody joined: a stint begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionOpened {
    /// The minted id.
    pub connection_id: Id,
    /// The number.
    pub number: ConnectionNumber,
    /// Who.
    pub participant: ParticipantNumber,
    /// The caller's own id for it.
    pub alias: Option<Alias>,
    /// What is at the other end.
    pub kind: ConnectionKind,
    /// How it presents itself.
    pub profile: Box<Profile>,
    /// What it may do.
    pub permission: Arc<Permission>,
    /// What it joined with.
    pub credential: Arc<Credential>,
    /// The media server that reported it.
    pub reporter: Option<String>,
    /// When a timer closes it.
    pub eject_at: Option<Timestamp>,
    /// When it is closed unless it became active.
    pub activate_by: Option<Timestamp>,
    /// The connection of the same identity that it replaces.
    pub replaces: Option<ConnectionNumber>,
    /// Where it was moved from.
    pub moved_from: Option<MovedFrom>,
    /// What its credential asked of the room in vain, by name: the session was open already with
    /// other settings, or this server does not do it.
    pub unheeded: Personal<BTreeMap<String, String>>,
}

/// Media flows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionActivated {
    /// Which.
    pub connection: ConnectionNumber,
}

/// The transport broke; the stint goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionInterrupted {
    /// Which.
    pub connection: ConnectionNumber,
}

/// The transport came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionResumed {
    /// Which.
    pub connection: ConnectionNumber,
}

/// An admin asked that somebody be removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovalRequested {
    /// Who.
    pub who: Who,
    /// Whether they are banned as well.
    pub ban: bool,
    /// Whether tokens issued before a moment are revoked as well.
    pub revoke_before: Option<Timestamp>,
}

/// Why connections closed. Every dialect maps these to its own codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseCause {
    /// They left, or their media server says that they are gone.
    Left,
    /// An admin removed them.
    Removed,
    /// The same identity joined again.
    Replaced,
    /// An admin moved them to another room.
    Moved,
    /// An admin ended the session.
    SessionEnded,
    /// The room was deleted.
    RoomDeleted,
    /// They joined and never became active.
    NeverActive,
    /// Their credential, or the time they were given, ran out.
    Expired,
    /// The room reached its expiry.
    RoomExpired,
    /// Their media server no longer lists them.
    ReporterLost,
    /// The server stopped for good.
    ServerShutdown,
    /// Only dependents were left when the session ended by timer.
    RoomClosed,
}

impl CloseCause {
    /// Every cause, for maps that must be total.
    pub const ALL: [Self; 12] = [
        Self::Left,
        Self::Removed,
        Self::Replaced,
        Self::Moved,
        Self::SessionEnded,
        Self::RoomDeleted,
        Self::NeverActive,
        Self::Expired,
        Self::RoomExpired,
        Self::ReporterLost,
        Self::ServerShutdown,
        Self::RoomClosed,
    ];

    /// The name in the log and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
            Self::Moved => "moved",
            Self::SessionEnded => "session_ended",
            Self::RoomDeleted => "room_deleted",
            Self::NeverActive => "never_active",
            Self::Expired => "expired",
            Self::RoomExpired => "room_expired",
            Self::ReporterLost => "reporter_lost",
            Self::ServerShutdown => "server_shutdown",
            Self::RoomClosed => "room_closed",
        }
    }
}

/// How and why connections closed, beside whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Why.
    pub cause: CloseCause,
    /// The reason in the reporter's own words, such as LiveKit's `SIGNAL_CLOSE`.
    pub reported_reason: Option<String>,
    /// When the timer that closed them was due.
    pub due_at: Option<Timestamp>,
}

/// Stints ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsClosed {
    /// Whose.
    pub who: Who,
    /// How and why.
    pub closing: Closing,
}

/// The first leave reported after a removal: the client is really gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseConfirmed {
    /// Which.
    pub connection: ConnectionNumber,
    /// The reason in the reporter's own words.
    pub reported_reason: Option<String>,
}

/// An admin asked that somebody be moved to another room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveRequested {
    /// Who.
    pub who: Who,
    /// Where to.
    pub to_room: RoomName,
}
