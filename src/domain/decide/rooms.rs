//! Rules for rooms and sessions: making, changing, ending. Apart because a room outlives its
//! sessions, and settings of one run must never leak into the next.

use std::sync::Arc;

use super::draft::Draft;
use super::limits;
use crate::domain::command::{Command, ConfigPatch, CreateRoom, SessionDataMerge, UpdateRoom};
use crate::domain::digest::Digest;
use crate::domain::event::{
    Before, CloseCause, Closing, ConfigChange, EndReason, OpenedBy, RoomConfig, RoomConfigChanged,
    RoomCreated, RoomDeleted, RoomMetadataChanged, Selector, SessionDataChanged,
    SessionEndRequested, SessionEnded, SessionOpened,
};
use crate::domain::id::Version;
use crate::domain::json;
use crate::domain::limits::SESSION_DATA_BYTES_MAX;
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::state::Text;
use crate::domain::time::Timestamp;

impl Draft<'_> {
    pub(super) fn create_room(&mut self, it: &CreateRoom) -> Result<(), Rejection> {
        limits::properties(&it.config, None)?;
        if it.replaces_expired && self.room.is_over(self.context.now) {
            self.delete_room()?;
        }
        let is_new = self.room.life.is_none();
        if it.refuse_existing && !is_new {
            let made = self.room.life.as_ref().map(|life| life.created);
            return Err(Rejection::name_taken(&self.room.name, made));
        }
        let expired = self.room.expired(self.context.now);
        if let Some(expired) = expired.filter(|_| it.replaces_expired) {
            return Err(self.room_expired(expired));
        }
        if is_new && it.opens_session {
            self.make_room(&ConfigPatch::default(), None, true, &it.aliases);
        } else if is_new {
            self.make_room(&it.config, it.metadata.as_deref(), true, &it.aliases);
        }
        if it.opens_session && self.room.open_session().is_none() {
            self.open_session(OpenedBy::Create, &it.config, it.metadata.as_deref());
        } else if !is_new {
            self.no_effect(None, "the room exists: its settings stay as they are");
        }
        Ok(())
    }

    pub(super) fn update_room(&mut self, it: &UpdateRoom) -> Result<(), Rejection> {
        self.require_room()?;
        limits::properties(&it.config, self.room.config())?;
        let expired = self.room.expired(self.context.now);
        if let Some(expired) = expired.filter(|_| it.refuse_expired) {
            return Err(self.room_expired(expired));
        }
        if it.session_only {
            self.require_session()?;
        }
        let start = self.room.version;
        self.change_config(&it.config);
        if let Some(metadata) = &it.metadata {
            self.change_metadata(metadata, it.session_only);
        }
        if self.room.version == start {
            self.no_effect(None, "settings and metadata were so already");
        }
        Ok(())
    }

    fn room_expired(&self, expired: Timestamp) -> Rejection {
        Rejection::RoomExpired {
            room: self.name(),
            expired,
            because: self
                .room
                .life
                .as_ref()
                .map(|life| life.config_set.expires_at),
        }
    }

    pub(super) fn delete_room(&mut self) -> Result<(), Rejection> {
        self.require_room()?;
        if self.room.open_session().is_some() {
            self.finish_session(CloseCause::RoomDeleted, EndReason::RoomDeleted);
        }
        self.push(RoomDeleted {});
        Ok(())
    }

    pub(super) fn end_session(&mut self) -> Result<(), Rejection> {
        if self.request.command == Command::EndSessionIfOpen && self.is_session_over()? {
            self.no_effect(None, "the session is over already");
            return Ok(());
        }
        self.require_session()?;
        self.finish_session(CloseCause::SessionEnded, EndReason::Requested);
        Ok(())
    }

    /// Whether the session that is meant was, and is no more. Where none is named, that is the
    /// latest of this generation.
    fn is_session_over(&self) -> Result<bool, Rejection> {
        self.require_room()?;
        let open = self.room.open_session();
        if let Some(meant) = self.request.session {
            return Ok(open.is_none_or(|open| open.id != meant));
        }
        let made = self.room.life.as_ref().map(|life| life.created);
        let latest = self.room.session.as_ref().map(|session| session.opened);
        Ok(open.is_none() && latest >= made)
    }

    pub(super) fn set_session_data(
        &mut self,
        data: &str,
        merge: SessionDataMerge,
        delete_keys: &[String],
    ) -> Result<(), Rejection> {
        let before = self.require_session()?.data.clone();
        let old = before.as_ref().map_or("null", |text| &text.value);
        let new = match merge {
            SessionDataMerge::Replace => data.to_owned(),
            SessionDataMerge::Shallow => shallow_merge(old, data, delete_keys)?,
        };
        limits::bytes("session data", new.len(), SESSION_DATA_BYTES_MAX)?;
        if new == old {
            self.no_effect(None, "the session data was so already");
            return Ok(());
        }
        let before = before.as_ref().map_or(never_set(), before_of);
        self.push(SessionDataChanged {
            data: Personal::new(new),
            before,
        });
        Ok(())
    }

    /// Makes the room, by the way, where a join needs one.
    pub(super) fn ensure_room(&mut self) {
        if self.room.life.is_none() {
            self.make_room(&ConfigPatch::default(), None, false, &[]);
        }
    }

    pub(super) fn open_session(
        &mut self,
        by: OpenedBy,
        overlay: &ConfigPatch,
        metadata: Option<&str>,
    ) {
        let Some(life) = &self.room.life else { return };
        let config = Arc::new(apply_config(&life.config, overlay));
        // A room keeps one session, whose short id nobody else can have.
        let session_id = self.mint(|room, key| {
            room.session
                .as_ref()
                .is_some_and(|session| session.id.short_key() == key)
        });
        let number = self.room.next_session;
        let metadata = metadata.map(Personal::from);
        self.push(SessionOpened {
            session_id,
            number,
            by,
            config,
            metadata,
        });
    }

    /// Ends the open session by timer: whoever is left goes with it.
    pub(super) fn end_by_timer(&mut self, cause: CloseCause, reason: EndReason, due_at: Timestamp) {
        let due_at = Some(due_at);
        self.close_everybody(
            Closing {
                cause,
                reported_reason: None,
                due_at,
            },
            None,
        );
        self.push(SessionEnded { reason, due_at });
    }

    fn make_room(
        &mut self,
        patch: &ConfigPatch,
        metadata: Option<&str>,
        explicit: bool,
        aliases: &[String],
    ) {
        let room_id = self.mint(|_, _| false);
        self.push(RoomCreated {
            room_id,
            generation: self.room.generation.saturating_add(1),
            aliases: aliases.to_vec(),
            config: Arc::new(apply_config(&self.context.defaults.config, patch)),
            metadata: Personal::from(metadata.unwrap_or_default()),
            explicit,
        });
    }

    fn finish_session(&mut self, cause: CloseCause, reason: EndReason) {
        let request = self.push(SessionEndRequested {});
        self.close_everybody(
            Closing {
                cause,
                reported_reason: None,
                due_at: None,
            },
            Some(request),
        );
        self.push_because(
            SessionEnded {
                reason,
                due_at: None,
            },
            request,
        );
    }

    fn close_everybody(&mut self, closing: Closing, cause: Option<Version>) {
        let live: Vec<_> = self
            .room
            .open_session()
            .into_iter()
            .flat_map(|session| session.live.iter().copied())
            .collect();
        if !live.is_empty() {
            self.close(Selector::Everyone, &live, closing, cause);
        }
    }

    fn change_config(&mut self, patch: &ConfigPatch) {
        let Some(life) = &self.room.life else { return };
        let changed = |config: &Arc<RoomConfig>| {
            let after = apply_config(config, patch);
            (after != **config).then(|| ConfigChange {
                before: Arc::clone(config),
                after: Arc::new(after),
            })
        };
        let room = changed(&life.config);
        let session = self
            .room
            .open_session()
            .and_then(|session| changed(&session.config));
        if room.is_some() || session.is_some() {
            self.push(RoomConfigChanged { room, session });
        }
    }

    fn change_metadata(&mut self, metadata: &str, session_only: bool) {
        let differs = |text: &Text| *text.value != *metadata;
        let shown = self.room.metadata();
        let kept = self.room.life.as_ref().map(|life| &life.metadata);
        let room = kept.filter(|text| !session_only && differs(text));
        let session = shown.filter(|text| self.room.open_session().is_some() && differs(text));
        if room.is_none() && session.is_none() {
            return;
        }
        let (room, session) = (room.map(before_of), session.map(before_of));
        let metadata = Personal::from(metadata);
        self.push(RoomMetadataChanged {
            metadata,
            room,
            session,
        });
    }
}

/// What a text was: the event that set it, and its digest.
pub(super) fn before_of(text: &Text) -> Before {
    Before {
        version: text.set,
        digest: Digest::of(text.value.as_bytes()),
    }
}

fn never_set() -> Before {
    Before {
        version: Version(0),
        digest: Digest::of(b""),
    }
}

/// The settings themselves, out of their shared box.
pub(super) fn config_of(config: &Arc<RoomConfig>) -> RoomConfig {
    RoomConfig::clone(config)
}

/// `base` with what the patch says.
pub(super) fn apply_config(base: &RoomConfig, patch: &ConfigPatch) -> RoomConfig {
    let mut properties = base.properties.clone();
    properties.extend(patch.properties.clone());
    RoomConfig {
        empty_timeout_s: patch.empty_timeout_s.unwrap_or(base.empty_timeout_s),
        departure_timeout_s: patch
            .departure_timeout_s
            .unwrap_or(base.departure_timeout_s),
        activation_timeout_s: base.activation_timeout_s,
        max_participants: patch.max_participants.unwrap_or(base.max_participants),
        enable_remote_unmute: patch
            .enable_remote_unmute
            .unwrap_or(base.enable_remote_unmute),
        duplicate_identity: patch.duplicate_identity.unwrap_or(base.duplicate_identity),
        not_before: patch.not_before.unwrap_or(base.not_before),
        expires_at: patch.expires_at.unwrap_or(base.expires_at),
        eject_at_expiry: patch.eject_at_expiry.unwrap_or(base.eject_at_expiry),
        eject_after_s: patch.eject_after_s.unwrap_or(base.eject_after_s),
        disabled: patch.disabled.unwrap_or(base.disabled),
        default_permission: patch
            .default_permission
            .clone()
            .unwrap_or_else(|| base.default_permission.clone()),
        properties,
    }
}

fn shallow_merge(old: &str, new: &str, delete_keys: &[String]) -> Result<String, Rejection> {
    json::merge_shallow(old, new, delete_keys).map_err(|error| Rejection::Invalid {
        what: "session data".into(),
        problem: format!("a shallow merge needs a JSON object on both sides: {error}"),
    })
}
