//! `roomledger token`, and the tokens with which the read commands ask a server. Apart, because
//! both fill in the same claims. Never prints a secret.

use crate::cli::args::KeyArgs;
use crate::cli::failure::{Exit, Failure};

/// A key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The key id, which tokens name as their issuer.
    pub id: String,
    /// What signs them.
    pub secret: String,
}

impl Key {
    /// The key of `--dev`, or the one of the flags and the environment.
    ///
    /// # Errors
    /// `Refused`, when there is none or only half of one.
    pub fn find(is_dev: bool, key: &KeyArgs) -> Result<Self, Failure> {
        if is_dev {
            return Ok(Key::dev());
        }
        match (&key.api_key, &key.api_secret) {
            (Some(id), Some(secret)) => Ok(Key {
                id: id.clone(),
                secret: secret.clone(),
            }),
            _ => Err(Failure::new(Exit::Refused, "no key to sign with").hint(
                "set LIVEKIT_API_KEY and LIVEKIT_API_SECRET \
                 (for serve --dev: devkey and secret)",
            )),
        }
    }

    /// The key of `serve --dev`: what LiveKit's own tools take for granted.
    pub fn dev() -> Self {
        Key {
            id: "devkey".to_owned(),
            secret: "secret".to_owned(),
        }
    }
}
