//! Webhooks as LiveKit sends them: the body in its own JSON, signed with an API key. Apart from
//! the answers to calls, since nobody asks for these; it never sends one: the outbox does.

mod events;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::auth::claims::Grants;
use crate::dialect::auth::token;
use crate::dialect::auth::trust::Keys;
use crate::dialect::livekit::json::lean::encode_lean;
use crate::domain::{Digest, Kind};
use crate::outbox::{Notices, Told};

/// LiveKit's webhooks, signed by one key.
#[derive(Clone, Debug)]
pub struct Webhooks {
    keys: Keys,
    key_id: String,
}

impl Webhooks {
    /// Signs with the key of that id, else with the first that may; `None` when there is none.
    pub fn new(keys: impl Into<Keys>, key_id: Option<&str>) -> Option<Self> {
        let keys = keys.into();
        let key_id = keys.ring().signer(key_id)?.to_owned();
        Some(Self { keys, key_id })
    }
}

impl Notices for Webhooks {
    fn concerns(&self, kind: Kind) -> bool {
        events::concerns(kind)
    }

    fn body(&self, told: &Told<'_>, number: u32) -> Option<String> {
        events::notice(told, number).map(|event| encode_lean(&event))
    }

    /// The token stands there bare, without `Bearer`, as LiveKit's receivers want it.
    fn headers(&self, body: &str, now_s: i64) -> Result<Vec<(&'static str, String)>, String> {
        let grants = Grants {
            sha256: STANDARD.encode(Digest::of(body.as_bytes()).0),
            ..Grants::default()
        };
        let ring = self.keys.ring();
        let secret = ring.secret(&self.key_id);
        let secret = secret.ok_or_else(|| format!("there is no key {:?}", self.key_id))?;
        let token = token::mint(&grants, &self.key_id, secret, now_s, VALID_S);
        let token = token.map_err(|error| error.to_string())?;
        Ok(vec![
            ("content-type", "application/webhook+json".to_owned()),
            ("user-agent", "LiveKit".to_owned()),
            ("authorization", token),
        ])
    }
}

/// LiveKit's figure.
const VALID_S: i64 = 300;
