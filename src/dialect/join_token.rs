//! Vendors' join tokens as joins of ours: our own API takes them in reports. Apart from the tokens'
//! verification; it never looks at a room, so that whether the join is admitted stays one decision
//! of the domain.
//!
//! What a LiveKit token does not say stays open, and the room's default decides; where a room has
//! none, that comes to LiveKit's own defaults.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dialect::auth::claims::{Claims, Right, VideoGrant};
use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::limits::KeyLimits;
use crate::dialect::auth::token::{self, TokenError};
use crate::dialect::daily;
use crate::dialect::livekit::json::message;
use crate::dialect::livekit::proto::service::RoomConfiguration;
use crate::dialect::videosdk::token::{self as videosdk, TokenFault};
use crate::domain::command::{ConfigPatch, Join, PermissionUpdate, ProfileUpdate};
use crate::domain::event::{ConnectionKind, Credential};
use crate::domain::{
    Allowed, Identity, NameError, PermissionPatch, Personal, RoomName, Source, Timestamp,
};

/// A join that a token grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The only room that it is for, by any of its ids; any room where the token does not say.
    pub room: Option<String>,
    /// The setting of the room that lists who may come with such a token, as JSON; no list, or an
    /// empty one, keeps nobody out.
    pub listed_in: Option<&'static str>,
    /// Who joins as what.
    pub join: Join,
    /// What the key that signed it is narrowed to.
    pub limits: Arc<KeyLimits>,
}

/// Verifies a join token of any vendor, of whoever joins as `said` where the token leaves that
/// open. A token whose time is over is read all the same: admission refuses it, with a record of
/// who came with it.
///
/// # Errors
/// Why nobody can join with it, in words.
pub fn granted(
    keys: &KeyRing,
    token: &str,
    said: Option<&Identity>,
    now_s: i64,
) -> Result<Granted, String> {
    if videosdk::is_ours(token) {
        let read = |now_s| videosdk::Token::verify(keys, token, now_s);
        let token = match read(now_s) {
            Err(TokenFault::Token(TokenError::Expired { expires_at_s, .. })) => {
                read(expires_at_s.saturating_sub(1))
            }
            verified => verified,
        };
        let token = token.map_err(|error| error.to_string())?;
        let join = token.join(said).map_err(|error| error.to_string())?;
        return Ok(Granted {
            room: token.room,
            listed_in: Some(videosdk::ALLOWED),
            join,
            limits: token.limits,
        });
    }
    let (room, mut join, limits) = elsewhere(keys, token, now_s)?;
    match (&join.identity, said) {
        (Some(own), Some(said)) if own != said => {
            return Err(format!("the token is for {own:?}, not for {said:?}"));
        }
        (None, Some(said)) => join.identity = Some(said.clone()),
        (_, None) | (Some(_), Some(_)) => {}
    }
    Ok(Granted {
        room: room.map(|room| room.to_string()),
        listed_in: None,
        join,
        limits,
    })
}

/// The same for vendors whose tokens say all themselves.
fn elsewhere(keys: &KeyRing, token: &str, now_s: i64) -> Result<Elsewhere, String> {
    let claims = match token::verify(keys, token, now_s) {
        // Only LiveKit's tokens name the key that issued them.
        Err(TokenError::UnknownKey { key_id }) if key_id.is_empty() => {
            return daily::token::join_of(keys, token, now_s).map_err(|error| error.to_string());
        }
        Err(TokenError::Expired { expires_at_s, .. }) => {
            token::verify(keys, token, expires_at_s.saturating_sub(1))
        }
        verified => verified,
    };
    let claims = claims.map_err(|error| error.to_string())?;
    token::check_dialect(&claims.limits, &claims.key_id, LIVEKIT).map_err(|it| it.to_string())?;
    let (room, join) = join_of(&claims).map_err(|error| error.to_string())?;
    Ok((Some(room), join, claims.limits))
}

/// The only room, if it is for one, who joins as what, and what the key is narrowed to.
type Elsewhere = (Option<RoomName>, Join, Arc<KeyLimits>);

/// Who joins which room as what. The join is active; alias and reporter are the caller's to add.
///
/// # Errors
/// [`JoinTokenError`]: the token is valid, but is none to join with.
pub fn join_of(claims: &Claims) -> Result<(RoomName, Join), JoinTokenError> {
    let grants = &claims.grants;
    let video = grants.video.as_ref().ok_or(JoinTokenError::NotGranted)?;
    if !video.room_join {
        return Err(JoinTokenError::NotGranted);
    }
    let room = RoomName::new(&video.room)?;
    if !claims.may(Right::Join(&video.room)) {
        return Err(JoinTokenError::NotGranted);
    }
    let identity = Identity::new(&grants.identity)?;
    if !grants.room_preset.is_empty() {
        let name = grants.room_preset.chars().take(ECHO_CHARS_MAX).collect();
        return Err(JoinTokenError::Preset { name });
    }
    let settings = match &grants.room_config {
        Some(config) => Some(room_configuration(&config.to_string())?),
        None => None,
    };
    // As it was written: nobody here reads it.
    let egress = grants.room_config.as_ref().and_then(|it| it.get("egress"));
    let egress = egress.filter(|egress| !egress.is_null());
    let egress = egress.map(|egress| ("egress".to_owned(), egress.to_string()));
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let attributes = grants.attributes.iter();
    let join = Join {
        identity: Some(identity),
        alias: None,
        active: true,
        kind: connection_kind(&grants.kind, video.agent),
        profile: ProfileUpdate {
            name: said(&grants.name),
            metadata: said(&grants.metadata),
            attributes: attributes
                .map(|(key, value)| (key.clone(), Some(value.clone())))
                .collect(),
        },
        permission: Some(PermissionUpdate {
            patch: permission_patch(video)?,
            ..PermissionUpdate::default()
        }),
        credential: credential(claims),
        reporter: None,
        eject_at: None,
        eject_after_s: None,
        unheeded: egress.into_iter().collect(),
        room_metadata: settings.as_ref().and_then(|it| said(&it.metadata)),
        config: settings
            .map(SessionSettings::from)
            .unwrap_or_default()
            .patch(),
        moved_from: None,
    };
    Ok((room, join))
}

/// The settings that LiveKit gives a session, by a call or by the token of whoever joins first.
/// Zero, empty and false mean: not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSettings {
    /// In seconds.
    pub empty_timeout_s: u32,
    /// In seconds.
    pub departure_timeout_s: u32,
    /// Who count.
    pub max_participants: u32,
    /// In milliseconds.
    pub min_playout_delay_ms: u32,
    /// In milliseconds.
    pub max_playout_delay_ms: u32,
    /// Whether a participant's audio and video are kept in step.
    pub sync_streams: bool,
    /// The application's own labels.
    pub tags: BTreeMap<String, String>,
    /// The agents to be sent for, each as JSON. Nobody sends for them here: they are kept.
    pub agents: Vec<String>,
}

impl SessionSettings {
    /// As a change to the room's settings; what only LiveKit knows is kept as properties.
    pub fn patch(self) -> ConfigPatch {
        let said = |number: u32| Some(number).filter(|number| *number > 0);
        let own = [
            (
                "min_playout_delay",
                said(self.min_playout_delay_ms).map(|ms| ms.to_string()),
            ),
            (
                "max_playout_delay",
                said(self.max_playout_delay_ms).map(|ms| ms.to_string()),
            ),
            ("sync_streams", self.sync_streams.then(|| "true".to_owned())),
        ];
        let own = own
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let agents = self.agents.into_iter().enumerate();
        let agents = agents.map(|(at, agent)| (format!("agents.{at}"), agent));
        let tags = self
            .tags
            .into_iter()
            .map(|(key, value)| (format!("tags.{key}"), value));
        ConfigPatch {
            empty_timeout_s: said(self.empty_timeout_s),
            departure_timeout_s: said(self.departure_timeout_s),
            max_participants: said(self.max_participants),
            properties: own.chain(agents).chain(tags).collect(),
            ..ConfigPatch::default()
        }
    }
}

impl From<RoomConfiguration> for SessionSettings {
    fn from(it: RoomConfiguration) -> Self {
        Self {
            empty_timeout_s: it.empty_timeout,
            departure_timeout_s: it.departure_timeout,
            max_participants: it.max_participants,
            min_playout_delay_ms: it.min_playout_delay,
            max_playout_delay_ms: it.max_playout_delay,
            sync_streams: it.sync_streams,
            tags: it.tags,
            agents: it.agents.iter().map(message::encode).collect(),
        }
    }
}

/// Why nobody can join with a token that is valid otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinTokenError {
    /// It grants no join.
    #[error("the token does not grant roomJoin: mint one with roomJoin and room")]
    NotGranted,
    /// Its room or identity is no name.
    #[error("the token cannot be joined with: {0}")]
    Name(#[from] NameError),
    /// It names a source that nobody knows. LiveKit drops it, and would widen the right by that.
    #[error("canPublishSources of the token names {name:?}, which is no track source")]
    UnknownSource {
        /// As written, cut.
        name: String,
    },
    /// It asks for a configuration that this server does not have: it has none.
    #[error("unknown room configuration in join token: roomPreset is {name:?}, and there are none")]
    Preset {
        /// As written, cut.
        name: String,
    },
    /// Its `roomConfig` is not LiveKit's message.
    #[error("roomConfig of the token is no RoomConfiguration")]
    RoomConfiguration,
}

/// What the token says of rights, and nothing else.
fn permission_patch(video: &VideoGrant) -> Result<PermissionPatch, JoinTokenError> {
    let sources: Result<Vec<Source>, _> = video
        .can_publish_sources
        .iter()
        .map(|name| source(name))
        .collect();
    let sources = Some(sources?).filter(|sources| !sources.is_empty());
    let marked = |on: bool| on.then_some(true);
    Ok(PermissionPatch {
        presence: video.hidden.then_some(false),
        send_enabled: video.can_publish,
        send_allowed: sources.map(Allowed::Listed),
        send_is_coarse: true,
        // Who may not publish may not send data either, unless the token says so.
        data: video.can_publish_data.or(video.can_publish),
        receive_any: video.can_subscribe,
        update_own_metadata: video.can_update_own_metadata,
        subscribe_metrics: video.can_subscribe_metrics,
        manage_agent_session: video.can_manage_agent_session,
        recorder: marked(video.recorder),
        agent: marked(video.agent),
        ..PermissionPatch::default()
    })
}

fn source(name: &str) -> Result<Source, JoinTokenError> {
    match name.to_ascii_lowercase().as_str() {
        "camera" => Ok(Source::Camera),
        "microphone" => Ok(Source::Microphone),
        "screen_share" => Ok(Source::ScreenShare),
        "screen_share_audio" => Ok(Source::ScreenShareAudio),
        "unknown" => Ok(Source::Unknown),
        _ => Err(JoinTokenError::UnknownSource {
            name: name.chars().take(ECHO_CHARS_MAX).collect(),
        }),
    }
}

/// The older flag beats the kind; a kind that LiveKit does not know is a standard participant.
fn connection_kind(kind: &str, is_agent: bool) -> ConnectionKind {
    if is_agent {
        return ConnectionKind::Agent;
    }
    match kind.to_ascii_lowercase().as_str() {
        "ingress" => ConnectionKind::Ingress,
        "egress" => ConnectionKind::Egress,
        "sip" => ConnectionKind::Sip,
        "agent" => ConnectionKind::Agent,
        "connector" => ConnectionKind::Connector,
        "bridge" => ConnectionKind::Bridge,
        _ => ConnectionKind::Standard,
    }
}

fn credential(claims: &Claims) -> Credential {
    Credential {
        kind: LIVEKIT.to_owned(),
        key_id: Some(claims.key_id.clone()),
        token_digest: Some(claims.token_sha256),
        not_before: claims.not_before_s.map(Timestamp::from_seconds),
        issued_at: claims.issued_at_s.map(Timestamp::from_seconds),
        expires_at: Some(Timestamp::from_seconds(claims.expires_at_s)),
        token_id: claims.token_id.clone().map(Personal::new),
    }
}

fn room_configuration(json: &str) -> Result<RoomConfiguration, JoinTokenError> {
    message::decode(json.as_bytes())
        .map(|read| read.message)
        .map_err(|_| JoinTokenError::RoomConfiguration)
}

/// How a credential of that dialect is named.
const LIVEKIT: &str = "livekit";
/// Longer words of a token are cut before they are repeated.
const ECHO_CHARS_MAX: usize = 64;
