//! What events of tracks say, and those that only keep a record. Apart for their number.

use serde::Serialize;
use serde_json::Value;

use crate::domain::event::{
    ActivityItem, ActivityReported, ByWhom, CloseCause, CommandRefused, DataSent, NoEffect,
    NoteAbout, NoteAdded, Selector, TrackMuteChanged, TrackPublished, TrackShape, TrackUpdated,
    TracksUnpublished,
};
use crate::domain::{Digest, Personal, RoomName, Timestamp};
use crate::replay::view::refer::{ConnectionReference, TargetsReference, TrackReference};
use crate::replay::view::resolve::{Resolver, json_of, spans};

/// A track with what was told of it.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Track<'a> {
    #[serde(flatten)]
    one: ConnectionReference,
    track: Told<'a>,
}

/// A track.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "TrackDetails"))]
struct Told<'a> {
    #[serde(flatten)]
    track: TrackReference,
    #[serde(skip_serializing_if = "Option::is_none")]
    muted: Option<bool>,
    /// The codec.
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
}

pub(super) fn track_published<'a>(it: &'a TrackPublished, resolver: &Resolver<'_>) -> Track<'a> {
    let track = named(resolver.track(it.number), &it.name);
    Track {
        one: resolver.connection(it.connection),
        track: told(track, Some(it.muted), &it.shape),
    }
}

/// A track changed its name or its form.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct TrackChanged<'a> {
    #[serde(flatten)]
    one: ConnectionReference,
    track: Told<'a>,
    before: Form<'a>,
    after: Form<'a>,
}

/// The name and the form of a track.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "TrackForm"))]
struct Form<'a> {
    name: &'a str,
    /// The codec.
    mime_type: &'a str,
    /// In pixels.
    width: u32,
    /// In pixels.
    height: u32,
}

pub(super) fn track_updated<'a>(it: &'a TrackUpdated, resolver: &Resolver<'_>) -> TrackChanged<'a> {
    let track = named(resolver.track(it.track), &it.name);
    TrackChanged {
        one: resolver.connection(it.connection),
        track: told(track, None, &it.shape),
        before: form(&it.before.name, &it.before.shape),
        after: form(&it.name, &it.shape),
    }
}

fn form<'a>(name: &'a Personal<String>, shape: &'a TrackShape) -> Form<'a> {
    Form {
        name: name.as_str(),
        mime_type: &shape.mime_type,
        width: shape.width,
        height: shape.height,
    }
}

fn named(track: TrackReference, name: &Personal<String>) -> TrackReference {
    TrackReference {
        name: Some(name.as_str().to_owned()),
        ..track
    }
}

fn told(track: TrackReference, muted: Option<bool>, shape: &TrackShape) -> Told<'_> {
    let has_size = shape.width > 0 || shape.height > 0;
    Told {
        track,
        muted,
        mime_type: Some(shape.mime_type.as_str()).filter(|text| !text.is_empty()),
        width: has_size.then_some(shape.width),
        height: has_size.then_some(shape.height),
    }
}

/// A track was muted or unmuted.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Muted {
    #[serde(flatten)]
    one: ConnectionReference,
    track: TrackReference,
    /// Whether it was muted.
    before: bool,
    /// Whether it is.
    after: bool,
    by: ByWhom,
}

pub(super) fn track_mute_changed(it: &TrackMuteChanged, resolver: &Resolver<'_>) -> Muted {
    Muted {
        one: resolver.connection(it.connection),
        track: resolver.track(it.track),
        before: !it.muted,
        after: it.muted,
        by: it.by,
    }
}

/// Tracks ended.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Unpublished {
    #[serde(flatten)]
    one: ConnectionReference,
    /// The first of them, by name; `numbers` has all of them.
    tracks: Vec<TrackReference>,
    /// How many there are.
    count: usize,
    /// All of them, as pairs of a first and a last number.
    numbers: Vec<(u32, u32)>,
    /// Why, where the connection closed with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CloseCause>,
}

pub(super) fn tracks_unpublished(it: &TracksUnpublished, resolver: &Resolver<'_>) -> Unpublished {
    Unpublished {
        one: resolver.connection(it.connection),
        tracks: resolver.tracks(&it.tracks),
        count: it.tracks.len(),
        numbers: spans(&it.tracks),
        cause: it.closing,
    }
}

/// Data was sent to people; what it was is not kept.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Sent<'a> {
    /// Whether it may be lost.
    lossy: bool,
    /// Its size.
    bytes: u64,
    /// Its SHA-256.
    digest: Digest,
    recipients: Vec<TargetsReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
}

pub(super) fn data_sent<'a>(it: &'a DataSent, resolver: &Resolver<'_>) -> Sent<'a> {
    Sent {
        lossy: it.lossy,
        bytes: it.bytes,
        digest: it.digest,
        recipients: it.who.iter().map(|who| resolver.targets(who)).collect(),
        topic: it.topic.as_ref().map(Personal::as_str),
    }
}

/// Speaking, quality and the like.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Activity<'a> {
    items: Vec<Item<'a>>,
}

/// One thing that was told.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "ActivityItem"))]
struct Item<'a> {
    #[serde(flatten)]
    one: Option<ConnectionReference>,
    /// Which kind, in the reporter's words.
    kind: &'a str,
    /// The rest, as it was told.
    detail: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
}

pub(super) fn activity_reported<'a>(
    it: &'a ActivityReported,
    resolver: &Resolver<'_>,
) -> Activity<'a> {
    let item = |item: &'a ActivityItem| Item {
        one: item.connection.map(|number| resolver.connection(number)),
        kind: &item.kind,
        detail: json_of(item.detail.as_str()),
        occurred_at: item.occurred_at,
    };
    Activity {
        items: it.items.iter().map(item).collect(),
    }
}

/// Somebody wrote a note.
#[derive(Default, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Note<'a> {
    text: &'a str,
    /// `room`, `event`, `participant` or `connection`.
    about: &'static str,
    /// Where the event is that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

pub(super) fn note_added<'a>(it: &'a NoteAdded, resolver: &Resolver<'_>) -> Note<'a> {
    let note = Note {
        text: it.text.as_str(),
        about: "room",
        ..Note::default()
    };
    match it.about {
        NoteAbout::Room => note,
        NoteAbout::Event(version) => Note {
            about: "event",
            position: resolver.position(version),
            ..note
        },
        NoteAbout::Participant(number) => Note {
            about: "participant",
            identity: Some(resolver.identity(number)),
            ..note
        },
        NoteAbout::Connection(number) => {
            let one = resolver.connection(number);
            Note {
                about: "connection",
                identity: Some(one.identity),
                connection: Some(one.connection),
                sid: Some(one.sid),
                ..note
            }
        }
    }
}

/// A command changed nothing.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Nothing<'a> {
    command: &'a str,
    why: &'a str,
    #[serde(flatten)]
    whom: Option<TargetsReference>,
}

pub(super) fn no_effect<'a>(it: &'a NoEffect, resolver: &Resolver<'_>) -> Nothing<'a> {
    Nothing {
        command: &it.command,
        why: &it.why,
        whom: it.who.as_ref().map(|who| resolver.targets(who)),
    }
}

/// A command was refused.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Refused<'a> {
    command: &'a str,
    /// The room that was named, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    /// The destination of a move, where there is no room to move from.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_room: Option<&'a str>,
    /// The reason that decided the answer.
    code: &'a str,
    /// Every reason.
    codes: &'a [String],
    detail: String,
    /// Where the events are that are the reasons.
    because: Vec<u64>,
    /// The SHA-256 of the request.
    request_digest: Digest,
    request_bytes: u64,
    /// The target as it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

pub(super) fn command_refused<'a>(it: &'a CommandRefused, resolver: &Resolver<'_>) -> Refused<'a> {
    let because = it.because.iter().filter_map(|at| resolver.place(at));
    let refused = Refused {
        command: &it.command,
        room: it.room.as_ref().map(RoomName::as_str),
        to_room: it.to_room.as_ref().map(RoomName::as_str),
        code: it.codes.first().map_or("", String::as_str),
        codes: &it.codes,
        detail: it.reason.value().to_string(),
        because: because.collect(),
        request_digest: it.request_digest,
        request_bytes: it.request_bytes,
        asked: it.who.as_ref().and_then(|who| resolver.asked(who)),
        identity: None,
        connection: None,
        sid: None,
    };
    match &it.who {
        Some(Selector::Participant(number)) => Refused {
            identity: Some(resolver.identity(*number)),
            ..refused
        },
        Some(Selector::Connection(number)) => {
            let one = resolver.connection(*number);
            Refused {
                identity: Some(one.identity),
                connection: Some(one.connection),
                sid: Some(one.sid),
                ..refused
            }
        }
        Some(Selector::Everyone | Selector::Chosen | Selector::Unknown(_)) | None => refused,
    }
}
