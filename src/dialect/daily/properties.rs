//! A room's properties: what each may be, what it means to the domain, and what is shown of it.
//! Apart from the calls, since making, changing and showing a room share it; it never knows a room.
//!
//! What bears on who may join, for how long and with which rights becomes a setting of the domain.
//! The rest is a client's business, and is kept as it came.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::dialect::daily::fields::{Fields, Wrong};
use crate::dialect::daily::form::{Form, count, moment};
use crate::dialect::daily::permission::{
    ADMIN, CanReceive, DailyPermissions, MEDIA, parse_permissions, render_long,
};
use crate::dialect::javascript;
use crate::domain::command::ConfigPatch;
use crate::domain::event::{DuplicatePolicy, RoomConfig};
use crate::domain::{Permission, Send, Source};

/// What a request says of a room, checked; `null` goes back to the default.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Given(BTreeMap<&'static str, Value>);

impl Given {
    /// Reads `privacy` and `properties`.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Wrong> {
        let mut given = BTreeMap::new();
        if let Some(privacy) = fields.optional::<String>(PRIVACY)? {
            if !["public", "private"].contains(&privacy.as_str()) {
                return Err(fields.wrong(PRIVACY, "has to be \"public\" or \"private\""));
            }
            given.insert(PRIVACY, json!(privacy));
        }
        if let Some(mut properties) = fields.object("properties")? {
            for (name, form, _) in KNOWN {
                let Some(value) = properties.value(name) else {
                    continue;
                };
                form.check(&value)
                    .map_err(|problem| properties.wrong(name, problem))?;
                given.insert(*name, value);
            }
            properties.finish()?;
        }
        Ok(Self(given))
    }

    /// As settings of a new room, in which clients with the same user id may each be, and which has
    /// Daily's own size.
    pub(super) fn of_new(&self) -> ConfigPatch {
        let mut patch = self.over(None);
        patch
            .duplicate_identity
            .get_or_insert(DuplicatePolicy::Allow);
        patch.max_participants.get_or_insert(MAX_DEFAULT);
        patch
    }

    /// As a change to settings.
    pub(super) fn over(&self, before: Option<&RoomConfig>) -> ConfigPatch {
        let unique = |value: &Value| match value.as_bool() {
            Some(true) => DuplicatePolicy::Replace,
            Some(false) | None => DuplicatePolicy::Allow,
        };
        let kept = self.0.iter().filter(|(name, _)| !is_setting(name));
        ConfigPatch {
            not_before: self.0.get("nbf").map(moment),
            expires_at: self.0.get("exp").map(moment),
            eject_at_expiry: self.0.get(EJECT_AT_EXP).map(|value| *value == json!(true)),
            eject_after_s: self.0.get(EJECT_AFTER).map(count),
            max_participants: self
                .0
                .get(MAX)
                .map(|value| count(value).unwrap_or(MAX_DEFAULT)),
            duplicate_identity: self.0.get(UNIQUE).map(unique),
            default_permission: self.bears_on_rights().then(|| {
                let mut rights = before.map(Rights::of).unwrap_or_default();
                rights.change(&self.0);
                rights.over(before.and_then(|config| config.default_permission.as_ref()))
            }),
            properties: kept
                .map(|(name, value)| ((*name).to_owned(), javascript::json(value)))
                .collect(),
            ..ConfigPatch::default()
        }
    }

    /// Whether what is said depends on what was said before.
    pub(super) fn bears_on_rights(&self) -> bool {
        let names = [PERMISSIONS, OWNER_ONLY, HIDDEN];
        names.iter().any(|name| self.0.contains_key(name))
    }
}

/// A room's `privacy`.
pub(super) fn privacy(config: &RoomConfig) -> Value {
    kept(config, PRIVACY).unwrap_or_else(|| json!("public"))
}

/// A room's `config`: all that is not at its default.
pub(super) fn render(config: &RoomConfig) -> Value {
    let mut shown: Map<String, Value> = KNOWN
        .iter()
        .filter(|(name, _, _)| ![PERMISSIONS, OWNER_ONLY, HIDDEN].contains(name))
        .filter_map(|(name, _, default)| {
            let value = kept(config, name)?;
            let is_default = value.is_null() || default.is_some_and(|default| is(&value, default));
            (!is_default).then(|| ((*name).to_owned(), value))
        })
        .collect();
    let rights = Rights::of(config);
    let unique = config.duplicate_identity == DuplicatePolicy::Replace;
    let permissions = rights.permissions;
    let settings = [
        ("nbf", config.not_before.map(javascript::seconds)),
        ("exp", config.expires_at.map(javascript::seconds)),
        (
            MAX,
            (![0, MAX_DEFAULT].contains(&config.max_participants))
                .then(|| json!(config.max_participants)),
        ),
        (
            EJECT_AT_EXP,
            config.eject_at_expiry.then_some(Value::Bool(true)),
        ),
        (EJECT_AFTER, config.eject_after_s.map(Value::from)),
        (UNIQUE, unique.then_some(Value::Bool(true))),
        (
            PERMISSIONS,
            (!permissions.is_empty()).then(|| render_long(&permissions)),
        ),
        (
            OWNER_ONLY,
            rights.is_owner_only.then_some(Value::Bool(true)),
        ),
        (HIDDEN, rights.is_hidden.then_some(Value::Bool(true))),
    ];
    let settings = settings.into_iter();
    shown.extend(settings.filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(shown)
}

/// What a room's properties say of the rights of those who are not its owners: the new way, and the
/// two older switches.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rights {
    permissions: DailyPermissions,
    is_owner_only: bool,
    is_hidden: bool,
}

impl Rights {
    /// As they were said, while they hold; else as they are, in the new way.
    fn of(config: &RoomConfig) -> Self {
        let on = |name| kept(config, name) == Some(json!(true));
        let permissions = kept(config, PERMISSIONS);
        let permissions = permissions.and_then(|value| parse_permissions(&value).ok());
        let said = Self {
            permissions: permissions.unwrap_or_default(),
            is_owner_only: on(OWNER_ONLY),
            is_hidden: on(HIDDEN),
        };
        let rights = config.default_permission.as_ref();
        if said.over(rights).as_ref() == rights {
            return said;
        }
        Self {
            permissions: rights.map(seen).unwrap_or_default(),
            ..Self::default()
        }
    }

    fn change(&mut self, given: &BTreeMap<&'static str, Value>) {
        if let Some(value) = given.get(PERMISSIONS) {
            self.permissions = parse_permissions(value).unwrap_or_default();
        }
        for (name, switch) in [
            (OWNER_ONLY, &mut self.is_owner_only),
            (HIDDEN, &mut self.is_hidden),
        ] {
            if let Some(value) = given.get(name) {
                *switch = *value == json!(true);
            }
        }
    }

    /// The default permission that follows. What Daily has no word for stays as it was.
    fn over(&self, before: Option<&Permission>) -> Option<Permission> {
        if before.is_none() && *self == Self::default() {
            return None;
        }
        let Permission {
            presence,
            send,
            receive,
            admin,
            ..
        } = Permission::standard();
        let fresh = Permission {
            presence,
            send,
            receive,
            admin,
            ..before.cloned().unwrap_or_else(Permission::standard)
        };
        let mut after = self.permissions.update().patch.apply(&fresh);
        after.presence &= !self.is_hidden;
        after.send.enabled &= !self.is_owner_only;
        Some(after)
    }
}

/// What of a permission is not Daily's default.
fn seen(permission: &Permission) -> DailyPermissions {
    let standard = Permission::standard();
    let media = |send: &Send| -> BTreeSet<Source> {
        let allowed = MEDIA.into_iter().filter(|source| send.allows(*source));
        allowed.collect()
    };
    let base = &permission.receive.base;
    DailyPermissions {
        has_presence: (!permission.presence).then_some(false),
        can_send: Some(media(&permission.send)).filter(|set| *set != media(&standard.send)),
        can_receive: CanReceive {
            base: Some(base.clone()).filter(|base| *base != standard.receive.base),
            ..CanReceive::default()
        },
        can_admin: Some(
            ADMIN
                .into_iter()
                .filter(|it| permission.admin.contains(it))
                .collect(),
        )
        .filter(|set: &BTreeSet<_>| !set.is_empty()),
    }
}

/// A property that is kept as it came.
fn kept(config: &RoomConfig, name: &str) -> Option<Value> {
    let text = config.properties.get(name)?;
    serde_json::from_str(text).ok()
}

fn is(value: &Value, default: Unsaid) -> bool {
    match default {
        Unsaid::Flag(flag) => *value == json!(flag),
        Unsaid::Text(text) => *value == json!(text),
        Unsaid::Half => value.as_f64() == Some(0.5),
    }
}

/// What a property is when nothing is said.
#[derive(Clone, Copy)]
enum Unsaid {
    Flag(bool),
    Text(&'static str),
    Half,
}

fn is_setting(name: &str) -> bool {
    ["nbf", "exp", MAX, EJECT_AT_EXP, EJECT_AFTER, UNIQUE].contains(&name)
}

const PRIVACY: &str = "privacy";
const MAX: &str = "max_participants";
/// Daily's documented default.
const MAX_DEFAULT: u32 = 200;
const EJECT_AT_EXP: &str = "eject_at_room_exp";
const EJECT_AFTER: &str = "eject_after_elapsed";
const UNIQUE: &str = "enforce_unique_user_ids";
const PERMISSIONS: &str = "permissions";
const OWNER_ONLY: &str = "owner_only_broadcast";
const HIDDEN: &str = "enable_hidden_participants";

/// Every documented property, and those at the end that were documented once, or are of domains and
/// tokens: clients still send them with rooms. None of these bears on anybody's rights. Each stands
/// with its default where it has one: that one is not shown.
const KNOWN: &[(&str, Form, Option<Unsaid>)] = &[
    ("nbf", Form::Moment, None),
    ("exp", Form::Moment, None),
    (MAX, Form::Count, None),
    (EJECT_AT_EXP, Form::Flag, None),
    (EJECT_AFTER, Form::Count, None),
    (UNIQUE, Form::Flag, None),
    (PERMISSIONS, Form::RightsOfAll, None),
    (OWNER_ONLY, Form::Flag, None),
    (HIDDEN, Form::Flag, None),
    ("auto_transcription_settings", Form::Object, None),
    ("dialout_config", Form::Object, None),
    ("disable_rtmp_geo_fallback", Form::Flag, OFF),
    ("enable_adaptive_simulcast", Form::Flag, ON),
    ("enable_advanced_chat", Form::Flag, OFF),
    ("enable_breakout_rooms", Form::Flag, None),
    ("enable_chat", Form::Flag, OFF),
    ("enable_cpu_warning_notifications", Form::Flag, None),
    ("enable_dialout", Form::Flag, OFF),
    ("enable_emoji_reactions", Form::Flag, None),
    ("enable_hand_raising", Form::Flag, None),
    ("enable_knocking", Form::Flag, None),
    ("enable_live_captions_ui", Form::Flag, None),
    ("enable_mesh_sfu", Form::Flag, None),
    ("enable_multiparty_adaptive_simulcast", Form::Flag, OFF),
    ("enable_network_ui", Form::Flag, None),
    ("enable_noise_cancellation_ui", Form::Flag, None),
    ("enable_people_ui", Form::Flag, None),
    ("enable_pip_ui", Form::Flag, None),
    ("enable_prejoin_ui", Form::Flag, None),
    ("enable_raw_tracks_transcoded_audio", Form::Text, None),
    ("enable_recording", Form::TextOrTexts, None),
    ("enable_screenshare", Form::Flag, ON),
    ("enable_shared_chat_history", Form::Flag, ON),
    ("enable_terse_logging", Form::Flag, OFF),
    ("enable_transcription_storage", Form::Flag, None),
    ("enable_video_processing_ui", Form::Flag, ON),
    ("experimental_optimize_large_calls", Form::Flag, None),
    ("geo", Form::Text, None),
    ("lang", Form::Text, Some(Unsaid::Text("en"))),
    ("meeting_join_hook", Form::Text, None),
    ("recordings_bucket", Form::Object, None),
    (
        "recordings_template",
        Form::Text,
        Some(Unsaid::Text("{domain_name}/{room_name}/{epoch_time}")),
    ),
    ("rtmp_geo", Form::Text, None),
    ("sfu_switchover", Form::Number, Some(Unsaid::Half)),
    ("signaling_imp", Form::Text, Some(Unsaid::Text("ws"))),
    ("sip", Form::Object, None),
    ("start_audio_off", Form::Flag, OFF),
    ("start_video_off", Form::Flag, OFF),
    ("streaming_endpoints", Form::Objects, None),
    ("transcription_bucket", Form::Object, None),
    (
        "transcription_template",
        Form::Text,
        Some(Unsaid::Text("{domain_name}/{room_name}/{epoch_time}.vtt")),
    ),
    ("autojoin", Form::Flag, None),
    ("close_tab_on_exit", Form::Flag, None),
    ("enable_new_call_ui", Form::Flag, None),
    ("redirect_on_meeting_exit", Form::Text, None),
    ("signaling_impl", Form::Text, None),
    ("switchover_impl", Form::Text, None),
];
const ON: Option<Unsaid> = Some(Unsaid::Flag(true));
const OFF: Option<Unsaid> = Some(Unsaid::Flag(false));
