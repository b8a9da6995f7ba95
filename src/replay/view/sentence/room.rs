//! What rooms, sessions and the ledger itself did, in words. Apart because nobody is named here.

use serde_json::Value;

use super::clause::Clause;
use crate::domain::Version;
use crate::domain::event::{
    ApiKeysChanged, ApiTokenRevocationLifted, ApiTokensRevoked, ClockHeld, ConfigChange, EndReason,
    EngineStarted, HistoryRepaired, LossAccepted, RefusalsSuppressed, RoomConfigChanged,
    SessionEnded,
};
use crate::replay::view::config::ConfigView;
use crate::replay::view::resolve::Resolver;

pub(super) fn config_changed(it: &RoomConfigChanged, resolver: &Resolver<'_>) -> Clause {
    let of_room = it.room.as_ref().map(|change| differences(change, resolver));
    let of_session = it
        .session
        .as_ref()
        .map(|change| differences(change, resolver));
    let (whose, what) = match (of_room, of_session) {
        (Some(room), Some(session)) if room != session => (
            "the room",
            format!(
                "{}; of its session: {}",
                room.join(", "),
                session.join(", ")
            ),
        ),
        (Some(changes), _) => ("the room", changes.join(", ")),
        (None, Some(changes)) => ("the session", changes.join(", ")),
        (None, None) => ("the room", String::new()),
    };
    Clause::Told(format!("changed the settings of {whose}"), what)
}

/// Each setting that changed, with its old and its new value.
fn differences(change: &ConfigChange, resolver: &Resolver<'_>) -> Vec<String> {
    let view = |config| serde_json::to_value(ConfigView::of(config, resolver));
    let (Ok(before), Ok(after)) = (view(&change.before), view(&change.after)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    differ("", &before, &after, &mut found);
    found
}

fn differ(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        found.push(format!("{path} {} to {}", short(before), short(after)));
        return;
    };
    let added = new.keys().filter(|key| !old.contains_key(*key));
    for key in old.keys().chain(added) {
        let [old, new] = [old, new].map(|all| all.get(key).unwrap_or(&Value::Null));
        let below = [path, key].into_iter().filter(|part| !part.is_empty());
        differ(&below.collect::<Vec<_>>().join("."), old, new, found);
    }
}

fn short(value: &Value) -> String {
    let text = if value.is_null() {
        "none".to_owned()
    } else {
        value.to_string()
    };
    match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

pub(super) fn engine_started(it: &EngineStarted) -> String {
    let how = if it.clean {
        ""
    } else {
        ", not closed in order before"
    };
    format!("{} opened the ledger{how}", it.software)
}

pub(super) fn clock_held(it: &ClockHeld) -> String {
    format!(
        "the wall clock jumped to {}: timers rest at {}",
        it.wall, it.held_at
    )
}

pub(super) fn api_tokens_revoked(it: &ApiTokensRevoked) -> String {
    match it.before {
        Some(before) => format!(
            "revoked the tokens of key {} issued before {before}",
            it.key
        ),
        None => format!("revoked a token of key {}", it.key),
    }
}

pub(super) fn api_tokens_believed(it: &ApiTokenRevocationLifted) -> String {
    let what = if it.tag.is_some() {
        "the revocation of a token"
    } else {
        "all revocations of tokens"
    };
    format!("lifted {what} of key {}", it.key)
}

pub(super) fn api_keys_changed(it: &ApiKeysChanged) -> String {
    let lists = [
        ("added", &it.added),
        ("removed", &it.removed),
        ("changed", &it.changed),
    ];
    let lists = lists.iter().filter(|(_, keys)| !keys.is_empty());
    let lists: Vec<String> = lists
        .map(|(what, keys)| format!("{what} {}", keys.join(", ")))
        .collect();
    format!("the API keys were read anew: {}", lists.join("; "))
}

pub(super) fn refusals_suppressed(it: &RefusalsSuppressed) -> String {
    let till = if it.ended {
        format!("from {} to {}", it.from, it.to)
    } else {
        format!("since {}", it.from)
    };
    let shown = it.counts.iter().take(COUNTS_SHOWN_MAX).map(|counted| {
        let call = counted.call.as_deref().unwrap_or("other calls");
        let room = counted.room.as_ref();
        let room = room.map_or_else(|| "other rooms".to_owned(), |room| format!("room {room}"));
        format!("{} of {call} in {room} ({})", counted.count, counted.code)
    });
    let shown: Vec<String> = shown.collect();
    let hidden = it.counts.len() - shown.len();
    let more = if hidden == 0 {
        String::new()
    } else {
        format!(", and {hidden} kinds more")
    };
    format!(
        "{} more refusals of {} were counted {till}: {}{more}",
        it.count(),
        it.actor.as_str(),
        shown.join(", ")
    )
}

pub(super) fn history_repaired(it: &HistoryRepaired) -> String {
    if it.copy == "backup" {
        return format!(
            "positions {} to {} were restored from a backup",
            it.from, it.to
        );
    }
    format!(
        "positions {} to {} of the {} copy were restored from the other one",
        it.from, it.to, it.copy
    )
}

pub(super) fn loss_accepted(it: &LossAccepted) -> String {
    format!("accepted that positions {} to {} are lost", it.from, it.to)
}

pub(super) fn session_opened(at: Version, resolver: &Resolver<'_>) -> String {
    format!("session {} began", session(at, resolver))
}

pub(super) fn session_ended(it: &SessionEnded, at: Version, resolver: &Resolver<'_>) -> String {
    let why = match it.reason {
        EndReason::Requested => "it was asked for",
        EndReason::RoomDeleted => "the room was deleted",
        EndReason::Empty => "nobody ever came",
        EndReason::Departed => "the last one had left",
        EndReason::Expired => "the room expired",
        EndReason::ServerShutdown => "the server stopped for good",
    };
    format!("session {} ended: {why}", session(at, resolver))
}

fn session(at: Version, resolver: &Resolver<'_>) -> String {
    resolver.session(at).unwrap_or_else(|| "?".to_owned())
}

/// More kinds than these make a line hard to read.
const COUNTS_SHOWN_MAX: usize = 4;

/// Longer values make a line hard to read; `data` has them whole.
const VALUE_CHARACTERS_MAX: usize = 80;
