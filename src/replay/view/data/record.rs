//! What events of tracks say, and those that only keep a record. Apart for their number.

use serde_json::{Map, Value, json};

use super::json::{object, put};
use crate::domain::Personal;
use crate::domain::event::{
    ActivityItem, ActivityReported, CloseCause, CommandRefused, DataSent, NoEffect, NoteAbout,
    NoteAdded, Selector, TrackMuteChanged, TrackPublished, TrackShape, TrackUpdated,
    TracksUnpublished,
};
use crate::replay::view::resolve::{Resolver, json_of};

pub(super) fn track_published(it: &TrackPublished, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = resolver.connection(it.connection);
    let mut track = resolver.track(it.number);
    track.insert("name".to_owned(), it.name.as_str().into());
    track.insert("muted".to_owned(), it.muted.into());
    shape(&mut track, &it.shape);
    data.insert("track".to_owned(), track.into());
    data
}

pub(super) fn track_mute_changed(
    it: &TrackMuteChanged,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let mut data = resolver.connection(it.connection);
    data.append(&mut object(json!({
        "track": resolver.track(it.track),
        "before": !it.muted,
        "after": it.muted,
        "by": it.by,
    })));
    data
}

pub(super) fn track_updated(it: &TrackUpdated, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = resolver.connection(it.connection);
    let mut track = resolver.track(it.track);
    track.insert("name".to_owned(), it.name.as_str().into());
    shape(&mut track, &it.shape);
    data.insert("track".to_owned(), track.into());
    data
}

pub(super) fn tracks_unpublished(
    it: &TracksUnpublished,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let mut data = resolver.connection(it.connection);
    data.insert("tracks".to_owned(), resolver.tracks(&it.tracks));
    data.insert("count".to_owned(), it.tracks.len().into());
    put(&mut data, "cause", it.closing.map(CloseCause::as_str));
    data
}

pub(super) fn data_sent(it: &DataSent, resolver: &Resolver<'_>) -> Map<String, Value> {
    let recipients = it.who.iter().map(|who| {
        let mut shown = Map::new();
        resolver.who(&mut shown, who, "targets");
        shown
    });
    let mut data = object(json!({
        "lossy": it.lossy,
        "bytes": it.bytes,
        "digest": it.digest,
        "recipients": recipients.collect::<Value>(),
    }));
    put(&mut data, "topic", it.topic.as_ref().map(Personal::as_str));
    data
}

pub(super) fn activity_reported(
    it: &ActivityReported,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let items = it.items.iter().map(|item| activity(item, resolver));
    object(json!({ "items": items.collect::<Value>() }))
}

fn activity(item: &ActivityItem, resolver: &Resolver<'_>) -> Map<String, Value> {
    let connection = item.connection.map(|number| resolver.connection(number));
    let mut shown = connection.unwrap_or_default();
    shown.insert("kind".to_owned(), item.kind.clone().into());
    shown.insert("detail".to_owned(), json_of(item.detail.as_str()));
    put(
        &mut shown,
        "occurred_at",
        item.occurred_at.map(|at| json!(at)),
    );
    shown
}

pub(super) fn note_added(it: &NoteAdded, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = object(json!({ "text": it.text.as_str() }));
    let about = match it.about {
        NoteAbout::Room => "room",
        NoteAbout::Event(version) => {
            data.insert("position".to_owned(), json!(resolver.position(version)));
            "event"
        }
        NoteAbout::Participant(number) => {
            data.insert("identity".to_owned(), resolver.identity(number).into());
            "participant"
        }
        NoteAbout::Connection(number) => {
            data.append(&mut resolver.connection(number));
            "connection"
        }
    };
    data.insert("about".to_owned(), about.into());
    data
}

pub(super) fn no_effect(it: &NoEffect, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = object(json!({ "command": it.command, "why": it.why }));
    if let Some(who) = &it.who {
        resolver.who(&mut data, who, "targets");
    }
    data
}

pub(super) fn command_refused(it: &CommandRefused, resolver: &Resolver<'_>) -> Map<String, Value> {
    let because = it.because.iter().filter_map(|at| resolver.place(at));
    let mut data = object(json!({
        "command": it.command,
        "code": it.codes.first().map_or("", String::as_str),
        "codes": it.codes,
        "detail": it.detail.as_str(),
        "because": because.collect::<Vec<u64>>(),
        "request_digest": it.request_digest,
        "request_bytes": it.request_bytes,
    }));
    match &it.who {
        Some(Selector::Participant(number)) => {
            data.insert("identity".to_owned(), resolver.identity(*number).into());
        }
        Some(Selector::Connection(number)) => data.append(&mut resolver.connection(*number)),
        Some(Selector::Everyone | Selector::Chosen | Selector::Unknown(_)) | None => {}
    }
    let asked = it.who.as_ref().and_then(|who| resolver.asked(who));
    put(&mut data, "asked", asked);
    data
}

fn shape(into: &mut Map<String, Value>, shape: &TrackShape) {
    if !shape.mime_type.is_empty() {
        into.insert("mime_type".to_owned(), shape.mime_type.clone().into());
    }
    if shape.width > 0 || shape.height > 0 {
        into.insert("width".to_owned(), shape.width.into());
        into.insert("height".to_owned(), shape.height.into());
    }
}
