//! The words in which the rules and the product are compared: a room as flat maps of plain values,
//! the ids that were minted, and what a command came to. Apart because the model fills them by its
//! rules and the comparison from the product; no rule stands here.

use std::collections::BTreeMap;

use crate::domain::event::{
    CloseCause, ConnectionKind, Credential, EndReason, Kind, OpenedBy, RoomConfig, TrackKind,
    TrackShape,
};
use crate::domain::{Code, Id, Identity, Permission, RoomName, Source, Timestamp};

/// A room as of one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// How many events it has.
    pub version: u64,
    /// The last event that changed the state.
    pub changed: u64,
    /// How often it was made.
    pub generation: u32,
    /// Its present generation; `None` where it does not exist.
    pub life: Option<Life>,
    /// Tokens of everybody issued before this moment are refused.
    pub revoked_all: Option<Timestamp>,
    /// Everybody ever mentioned.
    pub people: BTreeMap<Identity, Person>,
    /// The open session, or the latest that ended.
    pub session: Option<Session>,
    /// How many sessions there were.
    pub sessions: u32,
    /// The connections of that session by number, closed ones too.
    pub connections: BTreeMap<u32, Connection>,
    /// How many connections there were in all sessions.
    pub connections_ever: u32,
    /// How many tracks there were in all sessions.
    pub tracks_ever: u32,
    /// Ids that callers brought, with what each stands for.
    pub aliases: BTreeMap<String, Named>,
    /// Those of them that were moved to another room, with the person who has them there.
    pub moved_ids: BTreeMap<String, Identity>,
}

/// What an id that a caller brought stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// The connection of that number.
    Connection(u32),
    /// The track of that number.
    Track(u32),
}

/// One generation of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether somebody asked for it.
    pub explicit: bool,
    /// Other names it answers to.
    pub aliases: Vec<String>,
    /// Its settings.
    pub config: RoomConfig,
    /// Its metadata.
    pub metadata: String,
}

/// Somebody that the room knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Their number.
    pub number: u32,
    /// Their ban, with its end; for good where the end is absent.
    pub ban: Option<Option<Timestamp>>,
    /// Their tokens issued before this moment are refused.
    pub revoked: Option<Timestamp>,
}

/// One run of the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number.
    pub number: u32,
    /// The generation of the room that it belongs to.
    pub generation: u32,
    /// The minted id.
    pub id: Id,
    /// When it opened.
    pub opened_at: Timestamp,
    /// What opened it.
    pub by: OpenedBy,
    /// Its settings.
    pub config: RoomConfig,
    /// Its own metadata; the room's where it is absent.
    pub metadata: Option<String>,
    /// The shared data: JSON text.
    pub data: Option<String>,
    /// When and why it ended.
    pub ended: Option<(Timestamp, EndReason)>,
    /// Whether one who counts was ever inside.
    pub joined_ever: bool,
    /// When one who counts left last.
    pub last_left_at: Option<Timestamp>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Whose.
    pub identity: Identity,
    /// The minted id.
    pub id: Id,
    /// The caller's own id.
    pub alias: Option<String>,
    /// What is at the other end.
    pub kind: ConnectionKind,
    /// Since when media flows; `None` where it never did.
    pub activated_at: Option<Timestamp>,
    /// Whether the transport is broken.
    pub interrupted: bool,
    /// When the stint began.
    pub opened_at: Timestamp,
    /// The version that opened it.
    pub opened: u64,
    /// How the stint ended.
    pub closed: Option<Closed>,
    /// The name shown.
    pub name: String,
    /// Metadata.
    pub metadata: String,
    /// Attributes.
    pub attributes: BTreeMap<String, String>,
    /// What it may do.
    pub permission: Permission,
    /// Whether it published or was given the right to.
    pub is_publisher: bool,
    /// Its open tracks by number.
    pub tracks: BTreeMap<u32, Track>,
    /// Tracks that an admin had it receive, or no longer receive.
    pub subscriptions: BTreeMap<u32, bool>,
    /// What it joined with.
    pub credential: Credential,
    /// The media server that reported it.
    pub reporter: Option<String>,
    /// When it is closed whatever it does.
    pub eject_at: Option<Timestamp>,
    /// When it is closed unless media flowed by then.
    pub activate_by: Option<Timestamp>,
    /// The room and connection it was moved from.
    pub moved_from: Option<(String, u32)>,
}

/// How a connection closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub cause: CloseCause,
    /// The reporter's words.
    pub reason: Option<String>,
    /// Whether a leave was reported after a removal.
    pub confirmed: bool,
}

/// One open track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    /// The minted id.
    pub id: Id,
    /// The caller's own id.
    pub alias: Option<String>,
    /// What it carries.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: Source,
    /// Its name.
    pub name: String,
    /// Whether it is muted.
    pub muted: bool,
    /// Its form.
    pub shape: TrackShape,
    /// When it was published.
    pub published_at: Timestamp,
}

/// The ids that the product minted, by room and number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Minted {
    /// Of sessions.
    pub sessions: BTreeMap<(RoomName, u32), Id>,
    /// Of connections.
    pub connections: BTreeMap<(RoomName, u32), Id>,
    /// Of tracks.
    pub tracks: BTreeMap<(RoomName, u32), Id>,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something was recorded that happened.
    Accepted,
    /// It held already, which is on record.
    NoEffect,
    /// A report told nothing new.
    Unchanged,
    /// No, for these reasons; the first decides the answer.
    Refused(Vec<Code>),
}

/// A verdict, with the kinds of the events that each room records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it came to.
    pub verdict: Verdict,
    /// What the room of the request records.
    pub here: Vec<Kind>,
    /// What the destination of a move records.
    pub there: Vec<Kind>,
}
