//! What rooms, sessions and the ledger itself did, in words. Apart because nobody is named here.

use crate::domain::Version;
use crate::domain::event::{
    ClockHeld, EndReason, EngineStarted, HistoryRepaired, LossAccepted, RefusalsSuppressed,
    SessionEnded,
};
use crate::replay::view::resolve::Resolver;

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
