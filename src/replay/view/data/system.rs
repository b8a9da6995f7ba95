//! What events of the ledger itself say. Apart because they belong to no room.

use serde::Serialize;

use crate::domain::event::{
    ApiKeysChanged, ApiTokenRevocationLifted, ApiTokensRevoked, ClockHeld, ClockReleased,
    DefaultsChanged, EngineStarted, RefusalsSuppressed,
};
use crate::domain::{Digest, Personal, RoomName, Timestamp};
use crate::replay::view::config::ConfigView;
use crate::replay::view::resolve::Resolver;

/// The ledger was opened.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Started<'a> {
    /// Name and version of the program.
    software: &'a str,
    /// The rules that its decisions follow.
    ruleset: u16,
    /// Digest of the effective configuration, without secrets.
    config_digest: Digest,
    /// The ids of the API keys it accepts.
    key_ids: &'a [String],
    /// Whether the log had been closed in order.
    clean: bool,
}

pub(super) fn engine_started(it: &EngineStarted) -> Started<'_> {
    Started {
        software: &it.software,
        ruleset: it.ruleset,
        config_digest: it.config_digest,
        key_ids: &it.key_ids,
        clean: it.clean,
    }
}

/// The wall clock jumped: no timer fires.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Held {
    /// What the wall clock says.
    wall: Timestamp,
    /// Where the ledger's time stands.
    held_at: Timestamp,
}

pub(super) const fn clock_held(it: &ClockHeld) -> Held {
    Held {
        wall: it.wall,
        held_at: it.held_at,
    }
}

/// The clock is trusted again: timers run.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Released {
    /// Whether an operator said so, rather than ten steady minutes.
    by_operator: bool,
}

pub(super) const fn clock_released(it: &ClockReleased) -> Released {
    Released {
        by_operator: it.by_operator,
    }
}

/// The server's defaults for new rooms differ from those of the last start.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Defaults {
    /// The defaults as recorded last.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<ConfigView>,
    /// The defaults from now on.
    config: ConfigView,
}

pub(super) fn defaults_changed(it: &DefaultsChanged, resolver: &Resolver<'_>) -> Defaults {
    Defaults {
        before: it
            .before
            .as_ref()
            .map(|config| ConfigView::of(config, resolver)),
        config: ConfigView::of(&it.config, resolver),
    }
}

/// Tokens of an API key are believed no more.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct TokensRevoked<'a> {
    /// The id of the key.
    key: &'a str,
    /// The one token, by a tag of its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Digest>,
    /// Tokens issued before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Timestamp>,
}

pub(super) fn api_tokens_revoked(it: &ApiTokensRevoked) -> TokensRevoked<'_> {
    TokensRevoked {
        key: &it.key,
        tag: it.tag,
        before: it.before,
    }
}

/// Tokens of an API key are believed again.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct TokensBelieved<'a> {
    /// The id of the key.
    key: &'a str,
    /// The one token, by a tag of its id; absent for all of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<Digest>,
}

pub(super) fn api_tokens_believed(it: &ApiTokenRevocationLifted) -> TokensBelieved<'_> {
    TokensBelieved {
        key: &it.key,
        tag: it.tag,
    }
}

/// The API keys were read anew.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct KeysChanged<'a> {
    /// The ids of the keys that are accepted from now on.
    key_ids: &'a [String],
    /// Those of them that are new.
    added: &'a [String],
    /// Those that are accepted no more.
    removed: &'a [String],
    /// Those whose secret or limits are others now.
    changed: &'a [String],
}

pub(super) fn api_keys_changed(it: &ApiKeysChanged) -> KeysChanged<'_> {
    KeysChanged {
        key_ids: &it.key_ids,
        added: &it.added,
        removed: &it.removed,
        changed: &it.changed,
    }
}

/// Refusals of one actor that were counted instead of recorded one by one.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Suppressed<'a> {
    /// The actor's id.
    actor: &'a str,
    /// The id of the key that the calls came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// The person behind the calls, where one was named, and the same in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a str>,
    /// How many were counted so far.
    count: u64,
    /// What was counted so far.
    counts: Vec<Counted<'a>>,
    /// When the first was counted.
    from: Timestamp,
    /// When the last was counted.
    to: Timestamp,
    /// Whether counting is over.
    ended: bool,
}

/// Refusals that have room, call and code in common.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
struct Counted<'a> {
    /// The room that was named; absent where there were too many to tell apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    /// The call; absent where there were too many to tell apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'a str>,
    code: &'a str,
    count: u64,
}

pub(super) fn refusals_suppressed(it: &RefusalsSuppressed) -> Suppressed<'_> {
    let counts = it.counts.iter().map(|counted| Counted {
        room: counted.room.as_ref().map(RoomName::as_str),
        call: counted.call.as_deref(),
        code: &counted.code,
        count: counted.count,
    });
    Suppressed {
        actor: it.actor.as_str(),
        key: it.key.as_deref(),
        on_behalf_of: it.on_behalf_of.as_ref().map(Personal::as_str),
        count: it.count(),
        counts: counts.collect(),
        from: it.from,
        to: it.to,
        ended: it.ended,
    }
}

/// A stretch of positions of one copy of the log.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Stretch<'a> {
    /// The first position.
    from: u64,
    /// The last position.
    to: u64,
    /// Which copy was damaged.
    copy: &'a str,
}

pub(super) const fn stretch(from: u64, to: u64, copy: &str) -> Stretch<'_> {
    Stretch { from, to, copy }
}
