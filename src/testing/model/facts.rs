//! What the model knows of a room: flat maps of plain values, copied whole.
//! Apart because a view of the product is built of the same types; nothing here decides.

use std::collections::BTreeMap;

use crate::domain::command::ConfigPatch;
use crate::domain::event::{
    CloseCause, ConnectionKind, Credential, EndReason, OpenedBy, RoomConfig, TrackKind, TrackShape,
};
use crate::domain::{Id, Identity, Permission, Source, Timestamp};

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
    /// Whether media ever flowed, and since when.
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

impl Connection {
    /// Whether the stint goes on.
    pub const fn is_live(&self) -> bool {
        self.closed.is_none()
    }

    /// Agents, egress and the two marks make a connection dependent: it does not count.
    pub fn counts(&self) -> bool {
        let dependent_kind = matches!(self.kind, ConnectionKind::Agent | ConnectionKind::Egress);
        !(dependent_kind || self.permission.agent || self.permission.recorder)
    }

    /// When the next timer of this connection is due.
    pub fn due(&self) -> Option<Timestamp> {
        let activation = self.activate_by.filter(|_| self.activated_at.is_none());
        [activation, self.eject_at].into_iter().flatten().min()
    }

    fn answers_to(&self, id: &str) -> bool {
        id == format!("PA_{}", self.id.short()) || id == self.id.uuid().to_string()
    }
}

impl Track {
    fn answers_to(&self, id: &str) -> bool {
        // Two letters that tell kind and source stand before the short form.
        let short = id.strip_prefix("TR_").and_then(|rest| rest.get(2..));
        short == Some(self.id.short().as_str()) || id == self.id.uuid().to_string()
    }
}

impl Room {
    /// Whether a session is open.
    pub fn is_open(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.ended.is_none())
    }

    /// The open session.
    pub fn open_session(&mut self) -> Option<&mut Session> {
        self.session
            .as_mut()
            .filter(|session| session.ended.is_none())
    }

    /// The open connections, by number.
    pub fn live(&self) -> impl Iterator<Item = (u32, &Connection)> {
        let all = self.connections.iter();
        all.filter(|(_, it)| it.is_live())
            .map(|(number, it)| (*number, it))
    }

    /// How many are inside who count.
    pub fn counted(&self) -> usize {
        self.live().filter(|(_, it)| it.counts()).count()
    }

    /// The settings in force: the open session's, else the room's.
    pub fn config(&self) -> Option<&RoomConfig> {
        let session = self.session.as_ref().filter(|it| it.ended.is_none());
        session
            .map(|session| &session.config)
            .or_else(|| self.life.as_ref().map(|life| &life.config))
    }

    /// The metadata in force: the open session's own, else the room's.
    pub fn metadata(&self) -> Option<&str> {
        let session = self.session.as_ref().filter(|it| it.ended.is_none());
        session
            .and_then(|session| session.metadata.as_deref())
            .or_else(|| self.life.as_ref().map(|life| life.metadata.as_str()))
    }

    /// When the session ends unless one who counts comes in.
    pub fn idle_due(&self) -> Option<Timestamp> {
        let session = self.session.as_ref().filter(|it| it.ended.is_none())?;
        if self.counted() > 0 {
            return None;
        }
        Some(match session.last_left_at.filter(|_| session.joined_ever) {
            Some(left) => left.plus_seconds(session.config.departure_timeout_s),
            None => session
                .opened_at
                .plus_seconds(session.config.empty_timeout_s),
        })
    }

    /// When everybody is closed because the room's time is over.
    pub fn expiry_due(&self) -> Option<Timestamp> {
        let session = self.session.as_ref().filter(|it| it.ended.is_none())?;
        let config = &session.config;
        config.expires_at.filter(|_| config.eject_at_expiry)
    }

    /// When the next timer is due.
    pub fn due(&self) -> Option<Timestamp> {
        if !self.is_open() {
            return None;
        }
        let connections = self.live().filter_map(|(_, it)| it.due()).min();
        [connections, self.expiry_due(), self.idle_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The connection of the latest session with that id: the caller's own, a `PA_` or a UUID.
    pub fn connection_named(&self, id: &str) -> Option<u32> {
        if let Some(named) = self.aliases.get(id) {
            return match named {
                Named::Connection(number) => {
                    Some(*number).filter(|number| self.connections.contains_key(number))
                }
                Named::Track(_) => None,
            };
        }
        let mut all = self.connections.iter();
        all.find(|(_, it)| it.answers_to(id))
            .map(|(number, _)| *number)
    }

    /// The open track with that id, and whose it is.
    pub fn track_named(&self, id: &str) -> Option<(u32, u32)> {
        let alias = self.aliases.get(id);
        let is_meant = |number: u32, track: &Track| match alias {
            Some(named) => *named == Named::Track(number),
            None => track.answers_to(id),
        };
        self.live().find_map(|(owner, connection)| {
            let mut tracks = connection.tracks.iter();
            tracks
                .find(|(number, track)| is_meant(**number, track))
                .map(|(number, _)| (owner, *number))
        })
    }
}

/// Settings with a change: what the change does not say stays, and properties merge by key.
pub(super) fn settings(base: &RoomConfig, change: &ConfigPatch) -> RoomConfig {
    let mut properties = base.properties.clone();
    properties.extend(change.properties.clone());
    RoomConfig {
        empty_timeout_s: change.empty_timeout_s.unwrap_or(base.empty_timeout_s),
        departure_timeout_s: change
            .departure_timeout_s
            .unwrap_or(base.departure_timeout_s),
        activation_timeout_s: base.activation_timeout_s,
        max_participants: change.max_participants.unwrap_or(base.max_participants),
        enable_remote_unmute: change
            .enable_remote_unmute
            .unwrap_or(base.enable_remote_unmute),
        duplicate_identity: change.duplicate_identity.unwrap_or(base.duplicate_identity),
        not_before: change.not_before.unwrap_or(base.not_before),
        expires_at: change.expires_at.unwrap_or(base.expires_at),
        eject_at_expiry: change.eject_at_expiry.unwrap_or(base.eject_at_expiry),
        eject_after_s: change.eject_after_s.unwrap_or(base.eject_after_s),
        disabled: change.disabled.unwrap_or(base.disabled),
        default_permission: change
            .default_permission
            .clone()
            .unwrap_or_else(|| base.default_permission.clone()),
        properties,
    }
}
