//! `roomledger token`, and the tokens with which the read commands ask a server. Apart, because
//! both fill in the same claims. Never prints a secret.

use std::env;

use crate::cli::args::{KeyArgs, TokenArgs};
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::dialect::auth::claims::{Grants, LedgerGrant, VideoGrant};
use crate::dialect::auth::keys::{SECRET_CHARS_MIN, Secret};
use crate::dialect::auth::token::mint;

/// Mints the token that was asked for, valid from `now_us` on, and prints it.
///
/// # Errors
/// `Usage` without a key, or with a secret that any token signed with it would give away.
pub fn token(args: &TokenArgs, now_us: i64, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let key = Key::find(args.dev, &args.key)?;
    let chars = key.secret.chars().count();
    if !args.dev && chars < SECRET_CHARS_MIN {
        let failure = format!("the secret of key '{}' has {chars} characters", key.id);
        return Err(Failure::new(Exit::Usage, failure)
            .because(format!(
                "fewer than {SECRET_CHARS_MIN} can be guessed from any token"
            ))
            .hint("make one with 'openssl rand -base64 36', or use --dev for serve --dev"));
    }
    let ttl_s = i64::try_from(args.ttl.as_secs()).unwrap_or(i64::MAX);
    let token = key.mint(&grants(args), now_us, ttl_s)?;
    Ok(writeln!(terminal.out, "{token}")?)
}

/// A key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// The key id, which tokens name as their issuer.
    pub id: String,
    /// What signs them.
    pub secret: String,
}

impl Key {
    /// A token with which the whole ledger can be read, for one call from `now_us` on.
    ///
    /// # Errors
    /// As [`mint`].
    pub fn reading(&self, now_us: i64) -> Result<String, Failure> {
        self.own(now_us, |ledger| ledger.audit = true)
    }

    /// A token with which the server itself can be told what to do, for one call from `now_us` on.
    ///
    /// # Errors
    /// As [`mint`].
    pub fn operating(&self, now_us: i64) -> Result<String, Failure> {
        self.own(now_us, |ledger| ledger.admin = true)
    }

    fn own(&self, now_us: i64, grant: fn(&mut LedgerGrant)) -> Result<String, Failure> {
        let mut grants = Grants {
            identity: READER.to_owned(),
            ..Grants::default()
        };
        grant(&mut grants.ledger);
        self.mint(&grants, now_us, READ_TTL_S)
    }

    fn mint(&self, grants: &Grants, now_us: i64, ttl_s: i64) -> Result<String, Failure> {
        let secret = Secret::new(self.secret.as_str());
        let now_s = now_us.div_euclid(US_PER_S);
        mint(grants, &self.id, &secret, now_s, ttl_s)
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()))
    }

    /// The key of `--dev`, or the one of the flags and the environment.
    ///
    /// # Errors
    /// `Usage`, when there is none or only half of one.
    pub fn find(is_dev: bool, key: &KeyArgs) -> Result<Self, Failure> {
        if is_dev {
            return Ok(Key::dev());
        }
        match (&key.api_key, &key.api_secret) {
            (Some(id), Some(secret)) => Ok(Key {
                id: id.clone(),
                secret: secret.clone(),
            }),
            _ => Err(no_key(Exit::Usage)),
        }
    }

    /// The key of the environment, for asking a server.
    ///
    /// # Errors
    /// `Refused`, as by a server that is asked without a token.
    pub fn of_environment() -> Result<Self, Failure> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        match (set("LIVEKIT_API_KEY"), set("LIVEKIT_API_SECRET")) {
            (Some(id), Some(secret)) => Ok(Key { id, secret }),
            _ => Err(no_key(Exit::Refused)),
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

fn no_key(exit: Exit) -> Failure {
    Failure::new(exit, "no key to sign with")
        .hint("set LIVEKIT_API_KEY and LIVEKIT_API_SECRET (for serve --dev: devkey and secret)")
}

fn grants(args: &TokenArgs) -> Grants {
    let room = args.room.clone().unwrap_or_default();
    let asks_video = args.join || args.admin || args.create || args.list;
    let video = VideoGrant {
        room_join: args.join,
        room_admin: args.admin,
        room_create: args.create,
        room_list: args.list,
        room: if args.join || args.admin {
            room
        } else {
            String::new()
        },
        ..VideoGrant::default()
    };
    Grants {
        identity: args.identity.clone().unwrap_or_default(),
        name: args.name.clone().unwrap_or_default(),
        video: asks_video.then_some(video),
        ledger: LedgerGrant {
            report: args.report,
            admin: false,
            audit: args.audit,
            room: args.room.clone().filter(|_| args.report || args.audit),
        },
        ..Grants::default()
    }
}

/// Who reads, in the logs of a server.
const READER: &str = "roomledger";

/// Long enough for one call between clocks that are a little apart.
const READ_TTL_S: i64 = 300;

const US_PER_S: i64 = 1_000_000;
