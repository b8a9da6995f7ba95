//! VideoSDK's tokens: what one says, whether it may call, and as whom somebody joins with it. Apart
//! from the signature, which all dialects' tokens share; it never looks at a room.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::limits::KeyLimits;
use crate::dialect::auth::token::{Dates, Signed, TokenError, names_key};
use crate::dialect::caller::header_text;
use crate::dialect::videosdk::error::{ApiError, VendorCode, cut};
use crate::dialect::videosdk::state::DIALECT;
use crate::domain::command::{ConfigPatch, Join, PermissionUpdate, ProfileUpdate};
use crate::domain::event::{ConnectionKind, Credential};
use crate::domain::{AdminRight, Digest, Identity, PermissionPatch, Timestamp};

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The key that signed it (`apikey`).
    pub key_id: String,
    /// `permissions`.
    pub permissions: BTreeSet<Grant>,
    /// `roles`; none means both.
    pub roles: BTreeSet<Role>,
    /// `roomId`: the only room that it is for, in any form of its id.
    pub room: Option<String>,
    /// `participantId`: the only participant that it is for.
    pub participant: Option<String>,
    /// When it is valid.
    pub dates: Dates,
    /// SHA-256 of the token as it came.
    pub sha256: Digest,
    /// What its key is narrowed to.
    pub limits: Arc<KeyLimits>,
}

/// A permission of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// `allow_join`: join without asking.
    AllowJoin,
    /// `ask_join`: ask to be let in.
    AskJoin,
    /// `allow_mod`: moderate.
    AllowMod,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `crawler`: this API.
    Crawler,
    /// `rtc`: rooms.
    Rtc,
}

impl Token {
    /// The token of a request, bare as the vendor has it or after `Bearer`, as two of its samples
    /// have it.
    ///
    /// # Errors
    /// As [`Token::verify`].
    pub fn of(keys: &KeyRing, headers: &HeaderMap, now_s: i64) -> Result<Self, TokenFault> {
        let header = header_text(headers, &AUTHORIZATION).unwrap_or_default();
        let bare = match header.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
            _ => header.trim(),
        };
        Self::verify(keys, bare, now_s)
    }

    /// Checks a token and reads it; `now_s` is in seconds since 1970.
    ///
    /// # Errors
    /// [`TokenFault::Token`] for what is no token of a known key, or out of its time; `Refused` for
    /// permissions that contradict each other, and for what nobody knows.
    pub fn verify(keys: &KeyRing, token: &str, now_s: i64) -> Result<Self, TokenFault> {
        let signed = Signed::open(keys, token, KEY_CLAIM)?;
        signed.check_dialect(DIALECT)?;
        let text = |claim| {
            signed
                .text(claim)
                .map(|text| text.filter(|it| !it.is_empty()))
        };
        let (room, participant) = (text("roomId")?, text("participantId")?);
        let permissions = signed.texts("permissions")?.unwrap_or_default();
        let roles = signed.texts("roles")?.unwrap_or_default();
        let dates = signed.dates(now_s)?;
        Ok(Self {
            permissions: grants(&permissions)?,
            roles: roles
                .iter()
                .map(|role| role_named(role))
                .collect::<Result<_, _>>()?,
            room,
            participant,
            dates,
            sha256: signed.token_sha256,
            limits: signed.limits,
            key_id: signed.key_id,
        })
    }

    /// Whether it may call this API at all. A token of a client in a room must not: one without
    /// roles counts as the application's own only if it moderates.
    ///
    /// # Errors
    /// [`TokenFault::Refused`] under the vendor's code.
    pub fn may_call(&self) -> Result<(), TokenFault> {
        if self.roles.contains(&Role::Crawler) {
            return Ok(());
        }
        if !self.roles.is_empty() {
            let words = "the token is for rooms: mint one with the role crawler";
            return Err(refused(VendorCode::UnauthorizedRole, words));
        }
        if self.permissions.contains(&Grant::AllowMod) {
            return Ok(());
        }
        let words = "the token neither has the role crawler nor the permission allow_mod";
        Err(refused(VendorCode::UnauthorizedRequest, words))
    }

    /// Somebody joins with it, as whom it says or, where it does not say, as `said`.
    ///
    /// # Errors
    /// [`TokenFault::Refused`] under the vendor's code: it is none to join with, or not for them.
    pub fn join(&self, said: Option<&Identity>) -> Result<Join, TokenFault> {
        if !self.roles.is_empty() && !self.roles.contains(&Role::Rtc) {
            let words = "the token is not for rooms: mint one with the role rtc";
            return Err(refused(VendorCode::UnauthorizedRole, words));
        }
        if !self.permissions.contains(&Grant::AllowJoin) {
            let words = "the token does not grant allow_join: whoever may only ask is let in by \
                         a moderator, with a token that grants it";
            return Err(refused(VendorCode::InvalidPermissions, words));
        }
        let identity =
            match &self.participant {
                None => said.cloned(),
                Some(own) if said.is_some_and(|said| said.as_str() != own) => {
                    let words = format!("the token is for participant {:?}", cut(own));
                    return Err(refused(VendorCode::UnauthorizedParticipantId, words));
                }
                Some(own) => Some(Identity::new(own).map_err(|error| {
                    refused(VendorCode::InvalidParticipantId, error.to_string())
                })?),
            };
        if identity.as_ref().is_some_and(has_space) {
            let words = "participantId must not have whitespace";
            return Err(refused(VendorCode::InvalidParticipantId, words));
        }
        let admin = self.permissions.contains(&Grant::AllowMod);
        let patch = PermissionPatch {
            admin: admin.then(|| BTreeSet::from([AdminRight::Participants])),
            ..PermissionPatch::default()
        };
        Ok(Join {
            identity,
            alias: None,
            active: true,
            kind: ConnectionKind::Standard,
            profile: ProfileUpdate::default(),
            permission: Some(PermissionUpdate {
                patch,
                ..PermissionUpdate::default()
            }),
            credential: self.credential(),
            reporter: None,
            eject_at: None,
            eject_after_s: None,
            config: ConfigPatch::default(),
            room_metadata: None,
            unheeded: BTreeMap::new(),
            moved_from: None,
        })
    }

    fn credential(&self) -> Credential {
        Credential {
            kind: "videosdk".to_owned(),
            key_id: Some(self.key_id.clone()),
            token_digest: Some(self.sha256),
            not_before: self.dates.not_before_s.map(Timestamp::from_seconds),
            issued_at: self.dates.issued_at_s.map(Timestamp::from_seconds),
            expires_at: Some(Timestamp::from_seconds(self.dates.expires_at_s)),
            token_id: None,
        }
    }
}

/// Whether the vendor takes it for no `participantId` at all.
pub fn has_space(identity: &Identity) -> bool {
    identity.as_str().contains(char::is_whitespace)
}

/// Whether a token names its key as this vendor's do: only for choosing who verifies it.
pub fn is_ours(token: &str) -> bool {
    names_key(token, KEY_CLAIM)
}

/// The vendor's rule: who may only ask is not let in, and moderates nobody.
fn grants(names: &[String]) -> Result<BTreeSet<Grant>, TokenFault> {
    let wrong = |words: String| refused(VendorCode::InvalidPermissions, words);
    let known = |name: &String| match name.as_str() {
        "allow_join" => Ok(Grant::AllowJoin),
        "ask_join" => Ok(Grant::AskJoin),
        "allow_mod" => Ok(Grant::AllowMod),
        _ => Err(wrong(format!("there is no permission {:?}", cut(name)))),
    };
    let grants: BTreeSet<Grant> = names.iter().map(known).collect::<Result<_, _>>()?;
    if grants.contains(&Grant::AskJoin) && grants.len() > 1 {
        let words = "ask_join cannot stand beside allow_join or allow_mod";
        return Err(wrong(words.to_owned()));
    }
    Ok(grants)
}

/// The vendor's pages write roles in both letter cases.
fn role_named(name: &str) -> Result<Role, TokenFault> {
    match name.to_ascii_lowercase().as_str() {
        "crawler" => Ok(Role::Crawler),
        "rtc" => Ok(Role::Rtc),
        _ => {
            let words = format!("there is no role {:?}", cut(name));
            Err(refused(VendorCode::UnauthorizedRole, words))
        }
    }
}

fn refused(code: VendorCode, words: impl Into<String>) -> TokenFault {
    let words = words.into();
    TokenFault::Refused { code, words }
}

/// Why a token does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// It is no token of ours, or out of its time.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// It is valid, but not for this.
    #[error("{words}")]
    Refused {
        /// The vendor's code.
        code: VendorCode,
        /// What it lacks.
        words: String,
    },
}

impl From<TokenFault> for ApiError {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Token(error) => error.into(),
            TokenFault::Refused { code, words } => Self::forbidden(code, words),
        }
    }
}

/// The setting of a room that lists who may join with a token of this vendor's.
pub const ALLOWED: &str = "allowedParticipantIds";

/// The claim that names the key.
const KEY_CLAIM: &str = "apikey";
