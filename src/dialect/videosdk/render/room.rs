//! Rooms in each of the vendor's shapes. Apart from sessions, which no room of the vendor's shows.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{Links, RoomIds, links, time, user_id};
use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::token::ALLOWED;
use crate::domain::event::RoomConfig;
use crate::domain::state::Life;
use crate::domain::{RoomName, Timestamp};

/// A room with what its shapes are made of.
pub(in crate::dialect::videosdk) struct RoomShown {
    ids: RoomIds,
    user_id: String,
    key_id: String,
    base: String,
    config: Arc<RoomConfig>,
    created_at: String,
    updated_at: String,
}

impl RoomShown {
    /// A room of that life, last changed then.
    pub(in crate::dialect::videosdk) fn of(
        asked: &Asked,
        name: &RoomName,
        life: &Life,
        updated_at: Timestamp,
    ) -> Self {
        Self {
            ids: RoomIds::of(name, life.id),
            user_id: user_id(&asked.token.key_id),
            key_id: asked.token.key_id.clone(),
            base: asked.base.clone(),
            config: Arc::clone(&life.config),
            created_at: time(life.created_at),
            updated_at: time(updated_at.max(life.created_at)),
        }
    }

    /// Version 1.
    pub(in crate::dialect::videosdk) fn meeting(&self) -> Meeting<'_> {
        Meeting {
            meeting_id: &self.ids.room,
            user_meeting_id: self.ids.custom.as_deref(),
            user_id: &self.user_id,
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            id: &self.ids.object,
        }
    }

    /// Version 2.
    pub(in crate::dialect::videosdk) fn room(&self) -> RoomV2<'_> {
        RoomV2 {
            room_id: &self.ids.room,
            custom_room_id: self.ids.custom.as_deref(),
            user_id: &self.user_id,
            api_key: &self.key_id,
            disabled: self.config.disabled,
            geo_fence: self.kept("geoFence"),
            webhook: self.kept("webhook"),
            auto_close_config: self.kept("autoCloseConfig"),
            auto_start_config: self.kept("autoStartConfig"),
            multi_composition: self.kept("multiComposition"),
            allowed_participant_ids: self.kept(ALLOWED).unwrap_or(Value::Array(Vec::new())),
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            id: &self.ids.object,
            links: self.links(),
        }
    }

    /// Version 2's answer to a new status.
    pub(in crate::dialect::videosdk) fn status(&self) -> RoomStatus<'_> {
        RoomStatus {
            status: if self.config.disabled {
                "disabled"
            } else {
                "enabled"
            },
            room_id: &self.ids.room,
            custom_room_id: self.ids.custom.as_deref(),
            user_id: &self.user_id,
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            id: &self.ids.object,
            links: self.links(),
        }
    }

    /// Version 2's answer to a deactivation, which is of the older shape.
    pub(in crate::dialect::videosdk) fn deactivated(&self) -> Deactivated<'_> {
        Deactivated {
            webhook: self.kept("webhook"),
            disabled: self.config.disabled,
            meeting_id: &self.ids.room,
            user_meeting_id: self.ids.custom.as_deref(),
            user_id: &self.user_id,
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            user: User {
                email: None,
                name: &self.key_id,
                discontinued_reason: None,
                id: &self.user_id,
            },
            id: &self.ids.object,
        }
    }

    fn links(&self) -> Links {
        links(&self.base, &self.ids.room, "")
    }

    fn kept(&self, name: &str) -> Option<Value> {
        let kept = self.config.properties.get(name)?;
        serde_json::from_str(kept).ok()
    }
}

/// A meeting, version 1.
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect::videosdk) struct Meeting<'a> {
    meeting_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_meeting_id: Option<&'a str>,
    user_id: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
    id: &'a str,
}

/// A room, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect::videosdk) struct RoomV2<'a> {
    room_id: &'a str,
    custom_room_id: Option<&'a str>,
    user_id: &'a str,
    api_key: &'a str,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    geo_fence: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_close_config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_start_config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_composition: Option<Value>,
    allowed_participant_ids: Value,
    created_at: &'a str,
    updated_at: &'a str,
    id: &'a str,
    links: Links,
}

/// A room after its status was set.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect::videosdk) struct RoomStatus<'a> {
    status: &'static str,
    room_id: &'a str,
    custom_room_id: Option<&'a str>,
    user_id: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
    id: &'a str,
    links: Links,
}

/// A room after it was deactivated.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect::videosdk) struct Deactivated<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<Value>,
    disabled: bool,
    meeting_id: &'a str,
    user_meeting_id: Option<&'a str>,
    user_id: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
    user: User<'a>,
    id: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    email: Option<&'a str>,
    name: &'a str,
    discontinued_reason: Option<&'a str>,
    id: &'a str,
}
