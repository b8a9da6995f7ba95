//! Tokens: signed by a key, verified as LiveKit verifies them, and what other vendors' tokens share
//! with these. Apart from the signature itself; it never puts a token into an error.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::dialect::auth::claims::{Claims, Grants};
use crate::dialect::auth::hs256;
use crate::dialect::auth::keys::{Key, KeyRing, Secret};
use crate::dialect::auth::limits::{KeyLimits, WebhookUse};
use crate::dialect::auth::payload::{Reader, WrongClaim};
use crate::dialect::javascript;
use crate::domain::{Digest, Timestamp};

/// The token in an `Authorization` header.
///
/// # Errors
/// [`TokenError::NotBearer`] for any other scheme (it is compared to the letter), or no token.
pub fn bearer(header: &str) -> Result<&str, TokenError> {
    header
        .strip_prefix("Bearer ")
        .filter(|token| !token.is_empty())
        .ok_or(TokenError::NotBearer)
}

/// Checks a token (HS256 only) and reads its claims. `now_s` is in seconds since 1970; dates have
/// a leeway of [`LEEWAY_S`].
///
/// # Errors
/// [`TokenError`]: the algorithm is looked at first, then the key, the signature, the types of the
/// claims, and the dates.
pub fn verify(keys: &KeyRing, token: &str, now_s: i64) -> Result<Claims, TokenError> {
    let signed = Signed::open(keys, token, "iss")?;
    let grants = signed.reader().grants()?;
    let token_id = signed.text("jti")?;
    let subject = signed.text("sub")?.filter(|text| !text.is_empty());
    let dates = signed.dates(now_s)?;
    Ok(Claims {
        subject,
        grants,
        not_before_s: dates.not_before_s,
        issued_at_s: dates.issued_at_s,
        expires_at_s: dates.expires_at_s,
        token_id,
        limits: signed.limits,
        key_id: signed.key_id,
        token_sha256: signed.token_sha256,
    })
}

/// The first second, since 1970, at which a token with these claims is no longer good.
pub const fn ends_at_s(claims: &Claims) -> i64 {
    claims.expires_at_s.saturating_add(LEEWAY_S)
}

/// A token whose key signed it, before anything of what it says is believed: what the tokens of
/// all dialects have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed {
    /// The key that signed it.
    pub key_id: String,
    /// SHA-256 of the whole token as it was sent.
    pub token_sha256: Digest,
    /// What its key is narrowed to.
    pub limits: Arc<KeyLimits>,
    payload: Map<String, Value>,
}

impl Signed {
    /// Checks a token (HS256 only) whose key is named by the claim `key_claim`.
    ///
    /// # Errors
    /// [`TokenError`]: the algorithm is looked at first, then the key, then the signature.
    pub fn open(keys: &KeyRing, token: &str, key_claim: &str) -> Result<Self, TokenError> {
        let parts = Parts::of(token)?;
        let key_id = parts.payload.get(key_claim).and_then(Value::as_str);
        let key_id = key_id.unwrap_or_default().to_owned();
        let key = keys.key(&key_id).ok_or_else(|| unknown_key(&key_id))?;
        if !parts.are_signed_by(&key.secret) {
            return Err(TokenError::Signature);
        }
        let signed = parts.signed(token, key_id, key)?;
        signed.check_revoked(keys, key)?;
        Ok(signed)
    }

    /// Checks a token that names no key: the one that signed it is looked for among all.
    ///
    /// # Errors
    /// [`TokenError`]: the algorithm is looked at first, then the signature.
    pub fn search(keys: &KeyRing, token: &str) -> Result<Self, TokenError> {
        let parts = Parts::of(token)?;
        let mut pairs = keys.ids().filter_map(|id| Some((id, keys.key(id)?)));
        let found = pairs.find(|(_, key)| parts.are_signed_by(&key.secret));
        let (key_id, key) = found.ok_or(TokenError::Signature)?;
        let signed = parts.signed(token, key_id.to_owned(), key)?;
        signed.check_revoked(keys, key)?;
        Ok(signed)
    }

    /// All claims.
    pub const fn payload(&self) -> &Map<String, Value> {
        &self.payload
    }

    /// A claim that is a date, in seconds since 1970.
    ///
    /// # Errors
    /// [`TokenError::Claim`] for any other type.
    pub fn date(&self, claim: &str) -> Result<Option<i64>, TokenError> {
        Ok(self.reader().date(claim)?)
    }

    /// A claim that is a string.
    ///
    /// # Errors
    /// [`TokenError::Claim`] for any other type.
    pub fn text(&self, claim: &str) -> Result<Option<String>, TokenError> {
        Ok(self.reader().optional_text(claim)?)
    }

    /// A claim that is a list of strings; `None` where there is none.
    ///
    /// # Errors
    /// [`TokenError::Claim`] for any other type.
    pub fn texts(&self, claim: &str) -> Result<Option<Vec<String>>, TokenError> {
        Ok(self.reader().optional_texts(claim)?)
    }

    /// Refuses a token that was taken back. It was issued at `iat`, else at `nbf`.
    fn check_revoked(&self, keys: &KeyRing, key: &Key) -> Result<(), TokenError> {
        let Some(revoked) = keys.revoked(&self.key_id) else {
            return Ok(());
        };
        let (jti, reader) = (self.text("jti")?, self.reader());
        let issued = reader.date("iat")?.or(reader.date("nbf")?);
        let tag = jti.and_then(|jti| key.token_tag(&jti));
        if revoked.has(tag, issued.map(Timestamp::from_seconds)) {
            let key_id = printable(&self.key_id);
            return Err(TokenError::Revoked { key_id });
        }
        Ok(())
    }

    /// Refuses a token whose key is not known in a dialect.
    ///
    /// # Errors
    /// [`TokenError::Dialect`].
    pub fn check_dialect(&self, dialect: &'static str) -> Result<(), TokenError> {
        check_dialect(&self.limits, &self.key_id, dialect)
    }

    /// Refuses a token that lasts longer than its key allows: from `nbf`, else from `iat`, else
    /// from now, until `exp`. `now_s` is in seconds since 1970.
    ///
    /// # Errors
    /// [`TokenError::TooLong`], or [`TokenError::Endless`] where it must end; [`TokenError::Claim`]
    /// for what is no date.
    pub fn check_life(&self, now_s: i64) -> Result<(), TokenError> {
        let Some(life_max_s) = self.limits.token_life_max_s else {
            return Ok(());
        };
        let (reader, exp) = (self.reader(), self.date("exp")?);
        let begins_s = reader.date("nbf")?.or(reader.date("iat")?).unwrap_or(now_s);
        let life_s = exp.ok_or(TokenError::Endless)?.saturating_sub(begins_s);
        if life_s > life_max_s {
            return Err(TokenError::TooLong {
                key_id: printable(&self.key_id),
                life_s,
                life_max_s,
            });
        }
        Ok(())
    }

    /// When it is valid; `now_s` is in seconds since 1970, with a leeway of [`LEEWAY_S`].
    ///
    /// # Errors
    /// [`TokenError::Endless`], [`TokenError::Expired`], [`TokenError::NotYet`],
    /// [`TokenError::TooLong`], or [`TokenError::Claim`] for what is no date.
    pub fn dates(&self, now_s: i64) -> Result<Dates, TokenError> {
        let reader = self.reader();
        let dates = Dates {
            not_before_s: reader.date("nbf")?,
            issued_at_s: reader.date("iat")?,
            expires_at_s: reader.date("exp")?.ok_or(TokenError::Endless)?,
        };
        check_dates(&dates, now_s)?;
        self.check_life(now_s)?;
        Ok(dates)
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(&self.payload)
    }
}

/// Refuses a key that is not known in a dialect.
///
/// # Errors
/// [`TokenError::Dialect`].
pub fn check_dialect(
    limits: &KeyLimits,
    key_id: &str,
    dialect: &'static str,
) -> Result<(), TokenError> {
    if limits.admits(dialect) {
        return Ok(());
    }
    let key_id = printable(key_id);
    Err(TokenError::Dialect { key_id, dialect })
}

/// Whether a token has that claim with text in it, be it signed or not: only for choosing which
/// dialect verifies it.
pub fn names_key(token: &str, key_claim: &str) -> bool {
    let payload = token
        .split('.')
        .nth(1)
        .and_then(|part| json_part(part).ok());
    payload.is_some_and(|payload| payload.get(key_claim).is_some_and(Value::is_string))
}

/// A token taken apart, and nothing of it believed.
struct Parts<'a> {
    message: &'a str,
    payload: Map<String, Value>,
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Unreadable)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Unreadable)?;
        check_header(&json_part(header)?)?;
        let payload = json_part(payload)?;
        let signature = URL_SAFE_NO_PAD.decode(signature);
        Ok(Self {
            message,
            payload,
            signature: signature.map_err(|_| TokenError::Unreadable)?,
        })
    }

    fn are_signed_by(&self, secret: &Secret) -> bool {
        hs256::is_signed_by(secret, self.message.as_bytes(), &self.signature)
    }

    /// The token of a key that signed it, unless the key is for no calls.
    fn signed(self, token: &str, key_id: String, key: &Key) -> Result<Signed, TokenError> {
        if key.limits.webhooks == WebhookUse::Only {
            let key_id = printable(&key_id);
            return Err(TokenError::OnlyWebhooks { key_id });
        }
        Ok(Signed {
            key_id,
            token_sha256: Digest::of(token.as_bytes()),
            limits: Arc::clone(&key.limits),
            payload: self.payload,
        })
    }
}

/// When a token is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// `nbf`.
    pub not_before_s: Option<i64>,
    /// `iat`.
    pub issued_at_s: Option<i64>,
    /// `exp`.
    pub expires_at_s: i64,
}

/// Signs a token that is valid from `now_s` (seconds since 1970) for `ttl_s` seconds.
///
/// # Errors
/// [`TokenError::Unsigned`] when the signing library refuses the secret.
pub fn mint(
    grants: &Grants,
    key_id: &str,
    secret: &Secret,
    now_s: i64,
    ttl_s: i64,
) -> Result<String, TokenError> {
    let mut claims = grants.to_claims();
    claims.insert(String::from("iss"), json!(key_id));
    claims.insert(String::from("nbf"), json!(now_s));
    claims.insert(String::from("exp"), json!(now_s.saturating_add(ttl_s)));
    sign(claims, secret)
}

/// Signs claims as they are, numbers as JavaScript writes them.
///
/// # Errors
/// As [`mint`].
pub fn sign(claims: Map<String, Value>, secret: &Secret) -> Result<String, TokenError> {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(javascript::json(value));
    let message = format!("{}.{}", part(&header), part(&Value::Object(claims)));
    let signature = hs256::sign(secret, message.as_bytes()).ok_or(TokenError::Unsigned)?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// What a token may not say about itself: `none` and the other algorithms are refused whatever the
/// signature is; so are extensions that a reader must understand (RFC 7515, section 4.1.11). A
/// `kid`, `jku` or `jwk` has no say: the key is the one of `iss`.
fn check_header(header: &Map<String, Value>) -> Result<(), TokenError> {
    let algorithm = header
        .get("alg")
        .and_then(Value::as_str)
        .ok_or(TokenError::Unreadable)?;
    if algorithm != "HS256" {
        return Err(TokenError::Algorithm {
            algorithm: printable(algorithm),
        });
    }
    if header.contains_key("crit") {
        Err(TokenError::Unreadable)
    } else {
        Ok(())
    }
}

/// As LiveKit compares: valid from `nbf` less the leeway on, and until just before `exp` plus it.
fn check_dates(dates: &Dates, now_s: i64) -> Result<(), TokenError> {
    let expires_at_s = dates.expires_at_s;
    if now_s >= expires_at_s.saturating_add(LEEWAY_S) {
        return Err(TokenError::Expired {
            expires_at_s,
            now_s,
        });
    }
    match dates.not_before_s {
        Some(not_before_s) if now_s < not_before_s.saturating_sub(LEEWAY_S) => {
            Err(TokenError::NotYet {
                not_before_s,
                now_s,
            })
        }
        _ => Ok(()),
    }
}

fn json_part(part: &str) -> Result<Map<String, Value>, TokenError> {
    let bytes = URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenError::Unreadable)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Unreadable)
}

fn unknown_key(key_id: &str) -> TokenError {
    TokenError::UnknownKey {
        key_id: printable(key_id),
    }
}

/// A caller's word, short and harmless enough to be repeated to it and in a log.
fn printable(text: &str) -> String {
    text.chars()
        .take(ECHO_CHARS_MAX)
        .collect::<String>()
        .escape_debug()
        .collect()
}

impl From<WrongClaim> for TokenError {
    fn from(WrongClaim { path, expected }: WrongClaim) -> Self {
        Self::Claim { path, expected }
    }
}

/// Why a token was refused: LiveKit's first words, as clients know them, but never the token,
/// which LiveKit repeats.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The `Authorization` header has another scheme, or no token.
    #[error("invalid authorization header. Must start with Bearer ")]
    NotBearer,
    /// It is not three parts of base64url with JSON objects in the first two.
    #[error("invalid authorization token")]
    Unreadable,
    /// Nobody here has the key that is named as its issuer.
    #[error("invalid API key: {key_id}")]
    UnknownKey {
        /// `iss`, cut to 64 characters, control characters escaped.
        key_id: String,
    },
    /// It says that it is signed in another way than HS256.
    #[error(
        "invalid token, error: token signature is invalid: signing method {algorithm} is invalid"
    )]
    Algorithm {
        /// `alg`, cut and escaped likewise.
        algorithm: String,
    },
    /// The secret of its key did not sign it.
    #[error("invalid token, error: token signature is invalid: signature is invalid")]
    Signature,
    /// A claim has the wrong type.
    #[error("invalid token, error: token is malformed: claim {path} has to be {expected}")]
    Claim {
        /// The claim, such as `video.roomAdmin`.
        path: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// It never expires: LiveKit 1.13.4 takes such a token, later builds and we do not.
    #[error("invalid token, error: token has invalid claims: it has no exp; mint one that expires")]
    Endless,
    /// Its time is over.
    #[error(
        "invalid token, error: token has invalid claims: token is expired: exp is {expires_at_s}, \
         the clock here says {now_s}; mint a new one"
    )]
    Expired {
        /// `exp`.
        expires_at_s: i64,
        /// What time it was here.
        now_s: i64,
    },
    /// Its time has not come.
    #[error(
        "invalid token, error: token has invalid claims: token is not valid yet: nbf is \
         {not_before_s}, the clock here says {now_s}; compare the clocks"
    )]
    NotYet {
        /// `nbf`.
        not_before_s: i64,
        /// What time it was here.
        now_s: i64,
    },
    /// Its key signs webhooks and nothing else.
    #[error("invalid API key: {key_id} signs webhooks alone, and is for no calls")]
    OnlyWebhooks {
        /// The key, cut and escaped likewise.
        key_id: String,
    },
    /// Its key is kept to other interfaces.
    #[error("invalid API key: {key_id} is not for {dialect}: use a key whose `dialects` name it")]
    Dialect {
        /// The key, cut and escaped likewise.
        key_id: String,
        /// The interface that was called.
        dialect: &'static str,
    },
    /// It was taken back.
    #[error("invalid token, error: the token of key {key_id} is revoked; mint a new one")]
    Revoked {
        /// The key, cut and escaped likewise.
        key_id: String,
    },
    /// It lasts longer than its key allows.
    #[error(
        "invalid token, error: token has invalid claims: it lasts {life_s} s, and tokens of key \
         {key_id} at most {life_max_s} s; mint a shorter one"
    )]
    TooLong {
        /// The key, cut and escaped likewise.
        key_id: String,
        /// How long it lasts, in seconds.
        life_s: i64,
        /// How long it may last, in seconds.
        life_max_s: i64,
    },
    /// Minting failed.
    #[error("the token could not be signed with this secret")]
    Unsigned,
}

/// How far the clocks of signer and verifier may differ (LiveKit's figure).
pub const LEEWAY_S: i64 = 60;

/// Longer words of a caller are cut before they are repeated.
const ECHO_CHARS_MAX: usize = 64;
