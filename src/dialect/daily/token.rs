//! Meeting tokens: made, looked into, joined with. Apart from the signature, which all dialects'
//! tokens share; it never looks at a room but to see whether there is one, so that whether a join
//! is admitted stays one decision of the domain.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::limits::KeyLimits;
use crate::dialect::auth::token::{LEEWAY_S, Signed, TokenError, sign};
use crate::dialect::daily::asked::{Answer, Asked};
use crate::dialect::daily::call::DIALECT;
use crate::dialect::daily::error::Error;
use crate::dialect::daily::fields::{Fields, Wrong};
use crate::dialect::daily::form::{Form, count, written};
use crate::dialect::daily::permission::{
    DailyPermissions, parse_compact, parse_permissions, render_compact,
};
use crate::dialect::daily::rooms::{DOMAIN_ID, found};
use crate::domain::command::{ConfigPatch, Join, ProfileUpdate};
use crate::domain::event::{ConnectionKind, Credential};
use crate::domain::{Identity, NameError, RoomName, Timestamp};

/// `POST /meeting-tokens`
pub(super) async fn create(asked: &Asked) -> Result<Answer, Error> {
    let mut claims = asked.read(read)?;
    if let Some(room) = claims.get("r").and_then(Value::as_str) {
        let name = RoomName::new(room).map_err(|error| Error::invalid(error.to_string()))?;
        if found(asked, &name).await?.is_none() {
            let info = format!("`properties.room_name`: room {room:?} not found");
            return Err(Error::invalid(info));
        }
    }
    claims.insert(String::from("d"), json!(DOMAIN_ID));
    claims.insert(String::from("iat"), json!(now_s(asked)));
    let ring = asked.daily.keys.ring();
    let secret = ring.secret(&asked.key.key_id);
    let token = secret.map(|secret| sign(claims, secret));
    let token = token.unwrap_or(Err(TokenError::Unsigned))?;
    Ok(Answer::read(json!({"token": token})))
}

/// `GET /meeting-tokens/:token`
pub(super) fn validate(asked: &Asked) -> Result<Answer, Error> {
    let mut query = asked.query()?;
    let ignores_nbf = query.parsed("ignoreNbf", |text| match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("has to be true or false"),
    })?;
    query.finish()?;
    let signed = Signed::search(&asked.daily.keys.ring(), asked.named())?;
    let (now_s, expires_at_s) = (now_s(asked), signed.date("exp")?);
    if let Some(expires_at_s) = expires_at_s.filter(|at| *at <= now_s) {
        return Err(TokenError::Expired {
            expires_at_s,
            now_s,
        }
        .into());
    }
    let not_before_s = signed.date("nbf")?;
    if let Some(not_before_s) = not_before_s.filter(|at| *at > now_s)
        && ignores_nbf != Some(true)
    {
        return Err(TokenError::NotYet {
            not_before_s,
            now_s,
        }
        .into());
    }
    let properties = properties(signed.payload())?;
    Ok(Answer::read(Value::Object(properties)))
}

/// Who joins with a token, the only room that it is for, if it is for one, and what its key is
/// narrowed to. Its time may be
/// over: that is admission's to refuse, with a record of who came with it. `now_s` is in seconds
/// since 1970.
///
/// # Errors
/// [`TokenError`] for what no key of ours signed, or what is none of Daily's.
pub fn join_of(
    keys: &KeyRing,
    token: &str,
    now_s: i64,
) -> Result<(Option<RoomName>, Join, Arc<KeyLimits>), TokenError> {
    let signed = Signed::search(keys, token)?;
    // An application may sign other things with its secret; only these have a domain.
    if signed.text("d")?.as_deref() != Some(DOMAIN_ID) {
        return Err(claim("d", "the domain id that `GET /` shows"));
    }
    signed.check_dialect(DIALECT)?;
    signed.check_life(now_s)?;
    let not_before_s = signed.date("nbf")?;
    if let Some(not_before_s) = not_before_s.filter(|at| now_s < at.saturating_sub(LEEWAY_S)) {
        return Err(TokenError::NotYet {
            not_before_s,
            now_s,
        });
    }
    let said = properties(signed.payload())?;
    let named = |error: NameError| TokenError::Claim {
        path: error.to_string(),
        expected: "a name",
    };
    let text = |name: &str| said.get(name).and_then(written);
    let is_on = |name: &str| said.get(name) == Some(&Value::Bool(true));
    if is_on("knocking") {
        let expected = "false: whoever knocks is let in with another token";
        return Err(claim("k", expected));
    }
    let room = text("room_name")
        .map(|name| RoomName::new(&name))
        .transpose();
    // An empty one is none, as in JavaScript.
    let user_id = text("user_id").filter(|id| !id.is_empty());
    let identity = user_id.map(|id| Identity::new(&id)).transpose();
    let expires_at_s = signed.date("exp")?;
    let at_exp = expires_at_s.filter(|_| is_on("eject_at_token_exp"));
    let permissions = if is_on("is_owner") {
        Some(DailyPermissions::everything())
    } else {
        said.get(PERMISSIONS)
            .map(parse_compact)
            .transpose()
            .map_err(|wrong| claim(&wrong.field, "what Daily's `p` may hold"))?
    };
    let join = Join {
        identity: identity.map_err(named)?,
        alias: None,
        active: true,
        kind: ConnectionKind::Standard,
        profile: ProfileUpdate {
            name: text("user_name"),
            ..ProfileUpdate::default()
        },
        permission: permissions.map(|permissions| permissions.update()),
        credential: Credential {
            kind: DIALECT.to_owned(),
            key_id: Some(signed.key_id.clone()),
            token_digest: Some(signed.token_sha256),
            not_before: not_before_s.map(Timestamp::from_seconds),
            issued_at: signed.date("iat")?.map(Timestamp::from_seconds),
            expires_at: expires_at_s.map(Timestamp::from_seconds),
            token_id: None,
        },
        reporter: None,
        eject_at: at_exp.map(Timestamp::from_seconds),
        eject_after_s: said.get("eject_after_elapsed").and_then(count),
        config: ConfigPatch::default(),
        room_metadata: None,
        unheeded: BTreeMap::new(),
        moved_from: None,
    };
    Ok((room.map_err(named)?, join, signed.limits))
}

/// The claims that a body asks for.
fn read(fields: &mut Fields) -> Result<Map<String, Value>, Wrong> {
    let mut claims = Map::new();
    let Some(mut properties) = fields.object("properties")? else {
        return Ok(claims);
    };
    for (name, short, form) in KNOWN {
        let Some(value) = properties.value(name).filter(|value| !value.is_null()) else {
            continue;
        };
        form.check(&value)
            .map_err(|problem| properties.wrong(name, problem))?;
        let value = if *name == PERMISSIONS {
            let read = parse_permissions(&value);
            render_compact(&read.map_err(|wrong| properties.wrong(name, wrong))?)
        } else {
            value
        };
        claims.insert((*short).to_owned(), value);
    }
    properties.finish()?;
    Ok(claims)
}

/// What a token says, under the names of the API; its permissions stay abbreviated, as in Daily's
/// own answers. What a token says beside that is none of our business.
fn properties(claims: &Map<String, Value>) -> Result<Map<String, Value>, TokenError> {
    let mut properties = Map::new();
    for (name, short, form) in KNOWN {
        let given = claims.get(*short).or_else(|| claims.get(*name));
        let Some(value) = given.filter(|value| !value.is_null()) else {
            continue;
        };
        let value = if *name == PERMISSIONS {
            let read = parse_compact(value);
            let read = read.map_err(|wrong| claim(&wrong.field, "what Daily's `p` may hold"))?;
            render_compact(&read)
        } else {
            form.check(value)
                .map_err(|_| claim(short, "of the type that Daily's documentation says"))?;
            value.clone()
        };
        properties.insert((*name).to_owned(), value);
    }
    Ok(properties)
}

fn claim(path: &str, expected: &'static str) -> TokenError {
    TokenError::Claim {
        path: path.to_owned(),
        expected,
    }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        Self::invalid(error.to_string())
    }
}

fn now_s(asked: &Asked) -> i64 {
    asked.daily.engine.clock().wall().seconds()
}

const PERMISSIONS: &str = "permissions";

/// Every property of a token, its claim (Daily's guide to self-signed tokens; by their own names
/// where the guide has none), and its form.
const KNOWN: &[(&str, &str, Form)] = &[
    ("room_name", "r", Form::Text),
    ("user_id", "ud", Form::TextOrNumber),
    ("user_name", "u", Form::TextOrNumber),
    ("is_owner", "o", Form::Flag),
    ("nbf", "nbf", Form::Moment),
    ("exp", "exp", Form::Moment),
    ("eject_at_token_exp", "ejt", Form::Flag),
    ("eject_after_elapsed", "eje", Form::Count),
    (PERMISSIONS, "p", Form::Rights),
    ("knocking", "k", Form::Flag),
    ("enable_screenshare", "ss", Form::Flag),
    ("start_video_off", "vo", Form::Flag),
    ("start_audio_off", "ao", Form::Flag),
    ("enable_recording", "er", Form::TextOrTexts),
    ("start_cloud_recording", "sr", Form::Flag),
    ("start_cloud_recording_opts", "sro", Form::Object),
    ("auto_start_transcription", "ast", Form::Flag),
    ("enable_recording_ui", "erui", Form::Flag),
    ("enable_prejoin_ui", "enable_prejoin_ui", Form::Flag),
    (
        "enable_live_captions_ui",
        "enable_live_captions_ui",
        Form::Flag,
    ),
    ("enable_terse_logging", "enable_terse_logging", Form::Flag),
    ("close_tab_on_exit", "ctoe", Form::Flag),
    ("redirect_on_meeting_exit", "rome", Form::Text),
    ("lang", "uil", Form::Text),
];
