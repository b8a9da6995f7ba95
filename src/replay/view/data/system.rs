//! What events of the ledger itself say. Apart because they belong to no room.

use serde::Serialize;

use crate::domain::event::{
    ClockHeld, ClockReleased, DefaultsChanged, EngineStarted, RefusalsSuppressed,
};
use crate::domain::{Digest, Personal, Timestamp};
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
    /// The defaults from now on.
    config: ConfigView,
}

pub(super) fn defaults_changed(it: &DefaultsChanged, resolver: &Resolver<'_>) -> Defaults {
    Defaults {
        config: ConfigView::of(&it.config, resolver),
    }
}

/// Refusals of one actor that were counted instead of recorded one by one.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Suppressed<'a> {
    /// The actor's id.
    actor: &'a str,
    /// The person behind the call, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<&'a str>,
    /// How many.
    count: u64,
    /// When the first was counted.
    from: Timestamp,
    /// When the last was counted.
    to: Timestamp,
}

pub(super) fn refusals_suppressed(it: &RefusalsSuppressed) -> Suppressed<'_> {
    Suppressed {
        actor: &it.actor,
        on_behalf_of: it.on_behalf_of.as_ref().map(Personal::as_str),
        count: it.count,
        from: it.from,
        to: it.to,
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
