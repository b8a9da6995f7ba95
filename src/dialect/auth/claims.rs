//! What a token says: LiveKit's grants and our own, and the one function that tells which grant
//! allows what. Apart from signature and JSON, so that it can be read as a table; it never looks
//! at a clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::dialect::auth::limits::{KeyLimits, KeyRight};
use crate::domain::Digest;
use crate::engine::Reader;

/// What a verified token carries, as a join stores it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The key that signed it (`iss`).
    pub key_id: String,
    /// Whom it names (`sub`); `None` where it names nobody. Unlike [`Grants::identity`] it is never
    /// the id of the token.
    pub subject: Option<String>,
    /// What the key is narrowed to: its tokens may no more.
    pub limits: Arc<KeyLimits>,
    /// What it grants, and to whom.
    pub grants: Grants,
    /// `nbf`, in seconds since 1970.
    pub not_before_s: Option<i64>,
    /// `iat`, in seconds since 1970.
    pub issued_at_s: Option<i64>,
    /// `exp`, in seconds since 1970.
    pub expires_at_s: i64,
    /// `jti`.
    pub token_id: Option<String>,
    /// SHA-256 of the whole token as it was sent.
    pub token_sha256: Digest,
}

impl Claims {
    /// For whom is read: the callers of a key take turns, and so do tokens for one room and
    /// another.
    pub fn reader(&self) -> Reader {
        let video = self.grants.video.as_ref().map(|video| &video.room);
        let own = self.grants.ledger.room.as_ref();
        let room = own.or(video).map_or("", String::as_str);
        let subject = self.subject.as_deref().unwrap_or_default();
        Reader {
            key: self.key_id.as_str().into(),
            caller: format!("{subject} {room}").into(),
        }
    }

    /// Whether the token allows it: the one place where grants become rights.
    pub fn may(&self, right: Right<'_>) -> bool {
        let Grants { video, ledger, .. } = &self.grants;
        let within = |right: KeyRight, room: Option<&str>| self.limits.grants(&[right], room);
        let video = |allows: &dyn Fn(&VideoGrant) -> bool| video.as_ref().is_some_and(allows);
        let room_admin = |room: &str| {
            !room.is_empty()
                && within(KeyRight::Admin, Some(room))
                && video(&|v| v.room_admin && v.room == room)
        };
        let in_ledger = |right: KeyRight, room: &str| {
            let mut only = ledger.room.iter();
            within(right, Some(room)) && only.all(|only| !room.is_empty() && only == room)
        };
        match right {
            Right::RoomAdmin(room) => room_admin(room),
            Right::RoomCreate(room) => {
                within(KeyRight::Create, Some(room)) && video(&|v| v.room_create)
            }
            Right::RoomList => within(KeyRight::List, None) && video(&|v| v.room_list),
            Right::Join(room) => {
                !room.is_empty()
                    && within(KeyRight::Join, Some(room))
                    && video(&|v| v.room_join && v.room == room)
            }
            Right::MoveTo { from, to } => {
                room_admin(from)
                    && !to.is_empty()
                    && within(KeyRight::Admin, Some(to))
                    && video(&|v| v.destination_room == to)
            }
            Right::Report(room) => {
                room_admin(room) || (ledger.report && in_ledger(KeyRight::Report, room))
            }
            Right::Admin(room) => {
                room_admin(room) || (ledger.admin && in_ledger(KeyRight::Admin, room))
            }
            Right::Audit(Some(room)) => {
                room_admin(room) || (ledger.audit && in_ledger(KeyRight::Audit, room))
            }
            Right::Audit(None) => {
                ledger.audit && ledger.room.is_none() && within(KeyRight::Audit, None)
            }
        }
    }

    /// Whether the token allows it in any room at all: what is judged before anything is looked up.
    /// The rights of a token are for all rooms, or for one that it names.
    pub fn may_somewhere<'a>(&'a self, right: impl Fn(&'a str) -> Right<'a>) -> bool {
        // A key that reaches some rooms alone has none of the right to all.
        let reached = self.limits.examples();
        let mut rooms = self.rooms().chain(reached).chain([ALL_ROOMS]);
        rooms.any(|room| self.may(right(room)))
    }

    /// Whether it allows anything beside joining: without that, no call is for its bearer.
    pub fn may_act(&self) -> bool {
        self.may_somewhere(Right::RoomCreate)
            || self.may(Right::RoomList)
            || self.may_somewhere(Right::Report)
            || self.may_somewhere(Right::Admin)
            || self.may_somewhere(|room| Right::Audit(Some(room)))
    }

    /// The rooms that its grants name.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        let Grants { video, ledger, .. } = &self.grants;
        let video = video.as_ref().map(|video| video.room.as_str());
        [video, ledger.room.as_deref()].into_iter().flatten()
    }
}

/// What a call asks for; [`Claims::may`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right<'a> {
    /// LiveKit's `roomAdmin` for this room.
    RoomAdmin(&'a str),
    /// LiveKit's `roomCreate`: create and delete this room, as any that the key reaches.
    RoomCreate(&'a str),
    /// LiveKit's `roomList`.
    RoomList,
    /// LiveKit's `roomJoin` for this room.
    Join(&'a str),
    /// LiveKit's `roomAdmin` for one room and `destinationRoom` for the other.
    MoveTo {
        /// The room that the participant is in.
        from: &'a str,
        /// The room that it goes to.
        to: &'a str,
    },
    /// Report joins, leaves, tracks and activity in this room.
    Report(&'a str),
    /// Give commands in this room.
    Admin(&'a str),
    /// Read the history of this room, or of all (`None`: the system stream and the list too).
    Audit(Option<&'a str>),
}

/// The part of a token that its maker chooses; times, key and signature are added by
/// [`mint`](crate::dialect::auth::token::mint).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    /// `sub`, else `jti`; empty when the token names nobody.
    pub identity: String,
    /// `name`: the display name.
    pub name: String,
    /// `kind`: `standard`, `agent`, `egress`, ... as written; empty = standard.
    pub kind: String,
    /// `kindDetails`, as written.
    pub kind_details: Vec<String>,
    /// `metadata` of the participant.
    pub metadata: String,
    /// `attributes` of the participant.
    pub attributes: BTreeMap<String, String>,
    /// `sha256`: base64 of the hash of a webhook's body.
    pub sha256: String,
    /// `roomPreset`: the name of a configuration on the server.
    pub room_preset: String,
    /// `roomConfig`: LiveKit's `RoomConfiguration` as JSON, checked to be an object.
    pub room_config: Option<Value>,
    /// `video`: LiveKit's grant; absent is not the same as empty when somebody joins.
    pub video: Option<VideoGrant>,
    /// `ledger`: our own grant.
    pub ledger: LedgerGrant,
}

/// LiveKit's `video` grant. `None` = not said: the methods know the defaults.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the grant is LiveKit's list of flags"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VideoGrant {
    /// `roomCreate`.
    pub room_create: bool,
    /// `roomList`.
    pub room_list: bool,
    /// `roomRecord`.
    pub room_record: bool,
    /// `roomAdmin`; with [`room`](Self::room).
    pub room_admin: bool,
    /// `roomJoin`; with [`room`](Self::room).
    pub room_join: bool,
    /// `room`: the one that `roomAdmin` and `roomJoin` are about.
    pub room: String,
    /// `destinationRoom`: where people may be moved to.
    pub destination_room: String,
    /// `canPublish`.
    pub can_publish: Option<bool>,
    /// `canSubscribe`.
    pub can_subscribe: Option<bool>,
    /// `canPublishData`.
    pub can_publish_data: Option<bool>,
    /// `canPublishSources`, lower-case names as written; empty = all.
    pub can_publish_sources: Vec<String>,
    /// `canUpdateOwnMetadata`.
    pub can_update_own_metadata: Option<bool>,
    /// `canSubscribeMetrics`.
    pub can_subscribe_metrics: Option<bool>,
    /// `canManageAgentSession`.
    pub can_manage_agent_session: Option<bool>,
    /// `ingressAdmin`.
    pub ingress_admin: bool,
    /// `hidden`: others do not see the participant.
    pub hidden: bool,
    /// `recorder`: the participant records the room.
    pub recorder: bool,
    /// `agent`: the participant is a program.
    pub agent: bool,
}

impl VideoGrant {
    /// May publish: yes unless said otherwise.
    pub fn may_publish(&self) -> bool {
        self.can_publish.unwrap_or(true)
    }

    /// May subscribe: yes unless said otherwise.
    pub fn may_subscribe(&self) -> bool {
        self.can_subscribe.unwrap_or(true)
    }

    /// May send data: as [`may_publish`](Self::may_publish) unless said otherwise.
    pub fn may_publish_data(&self) -> bool {
        self.can_publish_data.unwrap_or_else(|| self.may_publish())
    }

    /// May change its own name, metadata and attributes: no unless said otherwise.
    pub fn may_update_own_metadata(&self) -> bool {
        self.can_update_own_metadata.unwrap_or(false)
    }

    /// May subscribe to metrics: no unless said otherwise.
    pub fn may_subscribe_metrics(&self) -> bool {
        self.can_subscribe_metrics.unwrap_or(false)
    }

    /// May manage an agent's session: no unless said otherwise.
    pub fn may_manage_agent_session(&self) -> bool {
        self.can_manage_agent_session.unwrap_or(false)
    }
}

/// Our own `ledger` grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerGrant {
    /// Report what happens.
    pub report: bool,
    /// Give commands.
    pub admin: bool,
    /// Read everything.
    pub audit: bool,
    /// Only in this room; absent = in all.
    pub room: Option<String>,
}

/// A room that no token is for: only one for all rooms allows anything in it.
pub const ALL_ROOMS: &str = "";
