//! Requests that bring one word or list of a given size. Apart because the table is long as it is.

use roomledger::domain::command::{
    Join, MuteTrack, NoteTarget, ProfileUpdate, PublishTrack, SendData, UpdateParticipant,
};
use roomledger::domain::event::{ActivityItem, TrackKind, TrackShape};
use roomledger::domain::{Command, Digest, Identity, Personal, Request, Source, Target, Version};

use super::{request, text};

pub(super) fn mute(target: Target, track: &str) -> Request {
    request(Command::MuteTrack(MuteTrack {
        target,
        track: track.to_owned(),
        muted: true,
    }))
}

pub(super) fn subscriptions(target: Target, track: &str) -> Request {
    request(Command::UpdateSubscriptions {
        target,
        tracks: vec![track.to_owned()],
        subscribe: true,
    })
}

pub(super) fn data(targets: Vec<Target>, topic: Option<String>, bytes: usize) -> Request {
    request(Command::SendData(SendData {
        topic,
        lossy: false,
        bytes: bytes as u64,
        digest: Digest::of(b""),
        targets,
    }))
}

pub(super) fn note(about: NoteTarget, bytes: usize) -> Request {
    let text = text(bytes);
    request(Command::AddNote { about, text })
}

pub(super) fn profile(profile: ProfileUpdate) -> Request {
    request(Command::UpdateParticipant(UpdateParticipant {
        target: Target::Everyone,
        profile,
        permission: None,
    }))
}

pub(super) fn join(change: impl FnOnce(&mut Join)) -> Request {
    let mut join = Join::new(Identity::new("bob").unwrap());
    change(&mut join);
    request(Command::Join(join))
}

pub(super) fn leave(connection: String, reason_bytes: usize) -> Request {
    let reason = Some(text(reason_bytes));
    request(Command::Leave { connection, reason })
}

pub(super) fn publish(change: impl FnOnce(&mut PublishTrack)) -> Request {
    let mut publish = PublishTrack {
        connection: "c".to_owned(),
        alias: None,
        kind: TrackKind::Audio,
        source: Source::Microphone,
        name: String::new(),
        muted: false,
        shape: TrackShape::default(),
    };
    change(&mut publish);
    request(Command::PublishTrack(publish))
}

pub(super) fn update_track(
    connection: &str,
    track: &str,
    name: Option<String>,
    shape: Option<TrackShape>,
) -> Request {
    request(Command::UpdateTrack {
        connection: connection.to_owned(),
        track: track.to_owned(),
        muted: None,
        name,
        shape,
    })
}

pub(super) fn unpublish(connection: &str, track: &str) -> Request {
    request(Command::UnpublishTrack {
        connection: connection.to_owned(),
        track: track.to_owned(),
    })
}

pub(super) fn activity(
    kind_bytes: usize,
    detail_bytes: usize,
    connection: Option<String>,
) -> Request {
    let item = ActivityItem {
        kind: text(kind_bytes),
        connection: None,
        occurred_at: None,
        detail: Personal::new(text(detail_bytes)),
    };
    request(Command::ReportActivity {
        items: vec![(item, connection)],
    })
}

pub(super) fn sync(reporter: &str, listed: Vec<String>) -> Request {
    request(Command::CloseLost {
        reporter: reporter.to_owned(),
        as_of: Version(0),
        listed,
    })
}
