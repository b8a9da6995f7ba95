//! What somebody wants: the imperative half of the vocabulary.
//!
//! Commands are never stored; what came of them is. Strings have been checked for form at the
//! edge (`id.rs`); limits that depend on settings or state are `decide`'s.

use std::collections::BTreeMap;

use super::event::{
    ActivityItem, ConnectionKind, Credential, DuplicatePolicy, TrackKind, TrackShape, UpdateMode,
};
use super::id::{Alias, ConnectionNumber, Id, Identity, RoomName, Version};
use super::patch::PermissionPatch;
use super::permission::{Permission, ReceiveRule, Source};
use super::rejection::Rejection;
use super::time::Timestamp;

/// One request to the engine, about one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The room it is about.
    pub room: RoomName,
    /// What is wanted.
    pub command: Command,
    /// Refuse when the room has changed since this version.
    pub expected_version: Option<Version>,
    /// Refuse when the room's open session is not this one, but perhaps the next.
    pub session: Option<Id>,
    /// Act in the name of this connection, under its admin right; any of its ids.
    pub as_connection: Option<String>,
    /// When it really happened, where a report tells.
    pub occurred_at: Option<Timestamp>,
    /// What the edge found wrong with it: it is refused with that, and never taken for a repeat.
    pub objection: Option<Rejection>,
}

impl Request {
    /// A request with nothing but the command.
    pub const fn new(room: RoomName, command: Command) -> Self {
        Self {
            room,
            command,
            expected_version: None,
            session: None,
            as_connection: None,
            occurred_at: None,
            objection: None,
        }
    }
}

/// Whom a command means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// Every open connection that no other key of the same command names.
    Everyone,
    /// Every live connection of this identity.
    Identity(Identity),
    /// The connection with this id, in any of its forms.
    Connection(String),
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "a command lives for one decision, on one stack"
)]
pub enum Command {
    /// Make the room, or nothing if it is there.
    CreateRoom(CreateRoom),
    /// Change settings or metadata of the room.
    UpdateRoom(UpdateRoom),
    /// Make an end of the room, its bans and revocations.
    DeleteRoom,
    /// Make an end of the open session alone.
    EndSession,
    /// The same, and nothing where the session that is meant is over already.
    EndSessionIfOpen,
    /// Change name, metadata, attributes and permission of somebody at once.
    UpdateParticipant(UpdateParticipant),
    /// Change what people may do.
    UpdatePermissions(UpdatePermissions),
    /// Mute or unmute somebody's track.
    MuteTrack(MuteTrack),
    /// Disconnect somebody now.
    Remove(Remove),
    /// Disconnect several now; who is not inside is recorded and hinders nothing.
    RemoveEach(Vec<Remove>),
    /// Keep an identity out.
    Ban {
        /// Who.
        identity: Identity,
        /// Until when; for good when absent.
        until: Option<Timestamp>,
    },
    /// Lift a ban.
    Unban {
        /// Who.
        identity: Identity,
    },
    /// Refuse tokens issued before a moment.
    RevokeTokens {
        /// Whose; everybody's when absent.
        identity: Option<Identity>,
        /// The moment.
        before: Timestamp,
    },
    /// Lift a revocation.
    LiftRevocation {
        /// Whose; the one for everybody when absent.
        identity: Option<Identity>,
    },
    /// Move somebody to another room.
    Move {
        /// Who.
        target: Target,
        /// Where to.
        to_room: RoomName,
    },
    /// Change what somebody receives.
    UpdateSubscriptions {
        /// Who.
        target: Target,
        /// Which tracks, in any of their ids.
        tracks: Vec<String>,
        /// Receive from now on, or no longer.
        subscribe: bool,
    },
    /// Send a message.
    SendData(SendData),
    /// Change the data that everybody shares: JSON text, merged already by the caller's strategy
    /// when it is not a whole value.
    SetSessionData {
        /// The given value: JSON text.
        data: String,
        /// How it meets the value before.
        merge: SessionDataMerge,
        /// Top-level keys to drop.
        delete_keys: Vec<String>,
    },
    /// Write a note.
    AddNote {
        /// About what.
        about: NoteTarget,
        /// What.
        text: String,
    },
    /// Report: somebody joined.
    Join(Join),
    /// Report: media flows.
    Activate(ConnectionRef),
    /// Report: the transport broke.
    Interrupt(ConnectionRef),
    /// Report: the transport came back.
    Resume(ConnectionRef),
    /// Report: somebody is gone.
    Leave {
        /// Who.
        connection: ConnectionRef,
        /// Why, in the reporter's words.
        reason: Option<String>,
    },
    /// Report: a track is there.
    PublishTrack(PublishTrack),
    /// Report: a track changed.
    UpdateTrack {
        /// Whose.
        connection: ConnectionRef,
        /// Which, in any of its ids.
        track: String,
        /// Muted by the participant itself, or not.
        muted: Option<bool>,
        /// The new name.
        name: Option<String>,
        /// The new form.
        shape: Option<TrackShape>,
    },
    /// Report: a track is gone.
    UnpublishTrack {
        /// Whose.
        connection: ConnectionRef,
        /// Which, in any of its ids.
        track: String,
    },
    /// Report: somebody changed their own name, metadata or attributes.
    UpdateOwnProfile {
        /// Who.
        connection: ConnectionRef,
        /// What.
        profile: ProfileUpdate,
    },
    /// Report: what people did.
    ReportActivity {
        /// What, in order; connections in any of their ids stand beside each item.
        items: Vec<(ActivityItem, Option<String>)>,
    },
    /// Close what a media server no longer lists.
    CloseLost {
        /// The media server.
        reporter: String,
        /// The room's version at the position of the list; who joined later stays.
        as_of: Version,
        /// What it still lists, in any of their ids.
        listed: Vec<String>,
    },
    /// What came could not be read as the command of that name: refused with the edge's objection,
    /// so that the attempt is on record.
    Unread(&'static str),
    /// Let the timers that are due fire.
    Tick,
}

/// A connection by any of its ids: LiveKit's form, a UUID, or the caller's own.
pub type ConnectionRef = String;

/// Settings to change; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigPatch {
    /// See [`super::event::RoomConfig`], for this and all below.
    pub empty_timeout_s: Option<u32>,
    /// After the last one left.
    pub departure_timeout_s: Option<u32>,
    /// How many; 0 for no bound.
    pub max_participants: Option<u32>,
    /// Remote unmute.
    pub enable_remote_unmute: Option<bool>,
    /// One connection an identity, or several.
    pub duplicate_identity: Option<DuplicatePolicy>,
    /// No joins before; inner `None` clears it.
    pub not_before: Option<Option<Timestamp>>,
    /// No joins from then on; inner `None` clears it.
    pub expires_at: Option<Option<Timestamp>>,
    /// Close everybody at expiry.
    pub eject_at_expiry: Option<bool>,
    /// Close everybody this long after joining; inner `None` clears it.
    pub eject_after_s: Option<Option<u32>>,
    /// No joins at all.
    pub disabled: Option<bool>,
    /// What a join gets by default; inner `None` clears it.
    pub default_permission: Option<Option<Permission>>,
    /// One dialect's own settings, merged by key.
    pub properties: BTreeMap<String, String>,
}

/// See [`Command::CreateRoom`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateRoom {
    /// Settings over the server's defaults.
    pub config: ConfigPatch,
    /// Metadata.
    pub metadata: Option<String>,
    /// Whether it opens a session as well, whose settings these then are: they end with it.
    pub opens_session: bool,
    /// Other names that the room answers to.
    pub aliases: Vec<String>,
    /// Whether a room of that name is deleted first where its time is over and nobody is inside, as
    /// for a vendor to whom it is gone by then; it is refused while somebody is inside.
    pub replaces_expired: bool,
    /// Whether it is refused where there is a room of that name.
    pub refuse_existing: bool,
}

/// See [`Command::UpdateRoom`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateRoom {
    /// Settings to change.
    pub config: ConfigPatch,
    /// The new metadata.
    pub metadata: Option<String>,
    /// Whether only the open session shows it, as where a vendor's room is one session.
    pub session_only: bool,
    /// Refuse when the room's time is over, as for a vendor to whom it is gone by then.
    pub refuse_expired: bool,
}

/// See [`Command::UpdateParticipant`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateParticipant {
    /// Who.
    pub target: Target,
    /// Name, metadata and attributes.
    pub profile: ProfileUpdate,
    /// What they may do.
    pub permission: Option<PermissionUpdate>,
}

/// Name, metadata, attributes: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    /// The new name.
    pub name: Option<String>,
    /// The new metadata.
    pub metadata: Option<String>,
    /// Attributes to set, or to drop where the value is `None`.
    pub attributes: BTreeMap<String, Option<String>>,
}

/// See [`Command::UpdatePermissions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatePermissions {
    /// How an update treats what it does not say.
    pub mode: UpdateMode,
    /// What for whom.
    pub targets: BTreeMap<Target, PermissionUpdate>,
    /// Whether a target that the room does not know refuses the whole command, rather than being
    /// recorded beside what happened to the others.
    pub refuse_unknown: bool,
}

/// A permission change as asked, people and connections still by their outside names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionUpdate {
    /// All that names nobody. Its two receive maps count where the two below are absent.
    pub patch: PermissionPatch,
    /// The whole new map by identity.
    pub receive_by_identity: Option<BTreeMap<Identity, ReceiveRule>>,
    /// The whole new map by connection, in any of its ids.
    pub receive_by_connection: Option<BTreeMap<String, ReceiveRule>>,
}

/// See [`Command::MuteTrack`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MuteTrack {
    /// Whose.
    pub target: Target,
    /// Which, in any of its ids.
    pub track: String,
    /// Mute, or unmute.
    pub muted: bool,
}

/// See [`Command::Remove`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remove {
    /// Who.
    pub target: Target,
    /// Keep them out as well.
    pub ban: bool,
    /// Refuse their tokens issued before this moment as well.
    pub revoke_before: Option<Timestamp>,
}

impl Remove {
    /// Disconnects somebody now, and no more: they may come back.
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            ban: false,
            revoke_before: None,
        }
    }
}

/// See [`Command::SendData`]. The content itself has been reduced to size and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendData {
    /// Its topic.
    pub topic: Option<String>,
    /// Whether it may be lost.
    pub lossy: bool,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub digest: super::digest::Digest,
    /// To whom; everybody when empty.
    pub targets: Vec<Target>,
}

/// How given session data meets the data before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionDataMerge {
    /// It replaces it.
    Replace,
    /// Its top-level keys replace those of the same name.
    Shallow,
}

/// What a note is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoteTarget {
    /// The room.
    Room,
    /// An event of the room.
    Event(Version),
    /// Somebody.
    Target(Target),
}

/// See [`Command::Join`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Who they claim to be; the minted connection id's UUID when absent.
    pub identity: Option<Identity>,
    /// The caller's own id for the connection.
    pub alias: Option<Alias>,
    /// Whether media flows already.
    pub active: bool,
    /// What is at the other end.
    pub kind: ConnectionKind,
    /// How they present themselves.
    pub profile: ProfileUpdate,
    /// What the credential lets them do; the room's default, else the server's, when absent.
    pub permission: Option<PermissionUpdate>,
    /// What they join with.
    pub credential: Credential,
    /// The media server that reports it.
    pub reporter: Option<String>,
    /// When a timer closes the connection.
    pub eject_at: Option<Timestamp>,
    /// How long after the join a timer closes it, in seconds; the earlier of the two counts.
    pub eject_after_s: Option<u32>,
    /// Settings of the session, should this join open it.
    pub config: ConfigPatch,
    /// Metadata of the session, should this join open it.
    pub room_metadata: Option<String>,
    /// What the credential asks of the room and nobody here carries out, by name, as JSON.
    pub unheeded: BTreeMap<String, String>,
    /// Set by a move alone: the room and connection it comes from, and the request's event there.
    pub moved_from: Option<(RoomName, ConnectionNumber, Version)>,
}

impl Join {
    /// Somebody comes in with media flowing, without a token, and with all else at its default.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity: Some(identity),
            alias: None,
            active: true,
            kind: ConnectionKind::Standard,
            profile: ProfileUpdate::default(),
            permission: None,
            credential: Credential::default(),
            reporter: None,
            eject_at: None,
            eject_after_s: None,
            config: ConfigPatch::default(),
            room_metadata: None,
            unheeded: BTreeMap::new(),
            moved_from: None,
        }
    }
}

/// See [`Command::PublishTrack`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishTrack {
    /// Whose.
    pub connection: ConnectionRef,
    /// The caller's own id for it.
    pub alias: Option<Alias>,
    /// What it carries.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: Source,
    /// Its name.
    pub name: String,
    /// Whether it starts muted.
    pub muted: bool,
    /// Its form.
    pub shape: TrackShape,
}

impl Command {
    /// The name in refusals and no-effects.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateRoom(_) => "create_room",
            Self::UpdateRoom(_) => "update_room",
            Self::DeleteRoom => "delete_room",
            Self::EndSession | Self::EndSessionIfOpen => "end_session",
            Self::UpdateParticipant(_) => "update_participant",
            Self::UpdatePermissions(_) => "update_permissions",
            Self::MuteTrack(_) => "mute_track",
            Self::Remove(_) | Self::RemoveEach(_) => "remove",
            Self::Ban { .. } => "ban",
            Self::Unban { .. } => "unban",
            Self::RevokeTokens { .. } => "revoke_tokens",
            Self::LiftRevocation { .. } => "lift_revocation",
            Self::Move { .. } => "move",
            Self::UpdateSubscriptions { .. } => "update_subscriptions",
            Self::SendData(_) => "send_data",
            Self::SetSessionData { .. } => "set_session_data",
            Self::AddNote { .. } => "add_note",
            Self::Join(_) => "join",
            Self::Activate(_) => "activate",
            Self::Interrupt(_) => "interrupt",
            Self::Resume(_) => "resume",
            Self::Leave { .. } => "leave",
            Self::PublishTrack(_) => "publish_track",
            Self::UpdateTrack { .. } => "update_track",
            Self::UnpublishTrack { .. } => "unpublish_track",
            Self::UpdateOwnProfile { .. } => "update_own_profile",
            Self::ReportActivity { .. } => "report_activity",
            Self::CloseLost { .. } => "close_lost",
            Self::Unread(name) => name,
            Self::Tick => "tick",
        }
    }
}
