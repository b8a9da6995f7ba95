//! What a line that begins with `see` shows: the fold, in a few words that a table can hold.

use std::fmt::Write as _;

use roomledger::domain::state::{Connection, Track};
use roomledger::domain::{Allowed, Identity, Room, Timestamp};

/// The room, its latest session, or somebody's newest connection.
pub(super) fn seen(room: &Room, what: &str, now: Timestamp) -> String {
    match what {
        "room" => life(room),
        "session" => session(room, now),
        who => {
            let person = Identity::new(who)
                .ok()
                .and_then(|who| Some(room.person_by_identity(&who)?.1));
            let Some(person) = person else {
                return "unknown".to_owned();
            };
            let mut said = person
                .newest
                .and_then(|number| room.connection(number))
                .map_or_else(|| "never".to_owned(), |it| connection(it));
            push(&mut said, person.ban.is_some(), "banned");
            push(&mut said, person.revoked.is_some(), "revoked");
            if person.live.len() > 1 {
                let _ = write!(said, " x{}", person.live.len());
            }
            said
        }
    }
}

fn life(room: &Room) -> String {
    let Some(life) = &room.life else {
        return format!("gone after {}", room.generation);
    };
    let mut said = format!("life {}", room.generation);
    push(&mut said, life.explicit, "explicit");
    push(&mut said, room.revoked_all.is_some(), "revoked");
    push(&mut said, life.config.disabled, "disabled");
    for alias in &life.aliases {
        let _ = write!(said, " alias={alias}");
    }
    for (key, value) in &life.config.properties {
        let _ = write!(said, " {key}={value}");
    }
    if life.config.max_participants > 0 {
        let _ = write!(said, " max={}", life.config.max_participants);
    }
    if !life.metadata.value.is_empty() {
        let _ = write!(
            said,
            " metadata={}#{}",
            life.metadata.value, life.metadata.set.0
        );
    }
    said
}

fn session(room: &Room, now: Timestamp) -> String {
    let Some(session) = &room.session else {
        return "none".to_owned();
    };
    let mut said = match session.ended {
        Some(ended) => format!("ended {:?}", ended.reason).to_lowercase(),
        None => format!("open {}", session.number.0),
    };
    let _ = write!(said, " {}/{}", session.publishers, session.counted);
    if session.config.max_participants > 0 {
        let _ = write!(said, " max={}", session.config.max_participants);
    }
    for (name, text) in [("metadata", &session.metadata), ("data", &session.data)] {
        if let Some(text) = text {
            let _ = write!(said, " {name}={}#{}", text.value, text.set.0);
        }
    }
    if let Some(due) = room.next_due() {
        let _ = write!(said, " due={}", due.seconds() - now.seconds());
    }
    said
}

fn connection(it: &Connection) -> String {
    let mut said = format!("{:?}", it.state).to_lowercase();
    if let Some(closed) = &it.closed {
        let _ = write!(said, " {}", closed.cause.as_str());
        push(&mut said, closed.confirmed, "confirmed");
        if closed.because != closed.version {
            let _ = write!(said, "<{}", closed.version.0 - closed.because.0);
        }
    }
    if let Some(alias) = &it.alias {
        let _ = write!(said, " alias={}", alias.as_str());
    }
    push(&mut said, it.is_publisher, "publisher");
    push(&mut said, it.is_dependent(), "dependent");
    push(&mut said, !it.permission.data, "no-data");
    push(&mut said, !it.permission.send.enabled, "no-send");
    let listed = matches!(it.permission.send.allowed, Allowed::Listed(_));
    push(&mut said, listed, "listed");
    for (name, text) in [("name", &it.name), ("metadata", &it.metadata)] {
        if !text.value.is_empty() {
            let _ = write!(said, " {name}={}#{}", text.value, text.set.0);
        }
    }
    for (key, value) in it.attributes.iter() {
        let _ = write!(said, " {key}={value}");
    }
    for track in &it.tracks {
        let _ = write!(said, " {}", shown(track));
    }
    for (track, on) in &it.subscriptions {
        let _ = write!(said, " {}{}", if *on { '+' } else { '-' }, track.0);
    }
    if let Some(moved) = &it.moved_from {
        let _ = write!(said, " from={}", moved.room.as_str());
    }
    let _ = write!(said, " ~{}", it.changes);
    said
}

fn shown(track: &Track) -> String {
    let muted = if track.muted { "!" } else { "" };
    let name = &track.name;
    let shape = track.shape.width;
    format!("[{muted}{}{name}{shape}]", track.source.as_str())
}

fn push(said: &mut String, holds: bool, word: &str) {
    if holds {
        let _ = write!(said, " {word}");
    }
}
