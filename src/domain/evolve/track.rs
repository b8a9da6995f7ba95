//! Folding what happens to tracks. Apart because they are a list inside their connection.

use std::sync::Arc;

use super::connection::{change, forget_track, leave_alias, release_alias, take_alias};
use super::place::Place;
use crate::domain::event::{
    CloseCause, TrackMuteChanged, TrackPublished, TrackUpdated, TracksUnpublished,
};
use crate::domain::id::{ConnectionNumber, TrackNumber};
use crate::domain::state::{Aliased, Room, Track};

pub(super) fn published(room: &mut Room, place: Place, it: &TrackPublished) {
    if it.number != room.next_track {
        return;
    }
    let track = Track {
        number: it.number,
        id: it.track_id,
        alias: it.alias.clone(),
        kind: it.kind,
        source: it.source,
        name: Arc::from(it.name.as_str()),
        muted: it.muted,
        shape: it.shape.clone(),
        published_at: place.at,
        published_reported_at: place.reported_at,
        published: place.version,
    };
    change(room, it.connection, |connection| {
        connection.tracks.push(Arc::new(track));
        connection.is_publisher = true;
        connection.changes = connection.changes.saturating_add(1);
    });
    if let Some(session) = &mut room.session {
        session
            .track_owners
            .insert_mut(it.track_id.short_key(), it.connection);
    }
    room.next_track = TrackNumber(it.number.0.saturating_add(1));
    if let Some(alias) = &it.alias {
        let by = Aliased::Track(it.number, it.connection);
        take_alias(room, place, alias, by);
    }
}

pub(super) fn mute_changed(room: &mut Room, it: &TrackMuteChanged) {
    change_track(room, it.connection, it.track, |track| {
        track.muted = it.muted;
    });
}

pub(super) fn updated(room: &mut Room, it: &TrackUpdated) {
    change_track(room, it.connection, it.track, |track| {
        track.name = Arc::from(it.name.as_str());
        track.shape = it.shape.clone();
    });
}

pub(super) fn unpublished(room: &mut Room, place: Place, it: &TracksUnpublished) {
    let Some(connection) = room.connection(it.connection) else {
        return;
    };
    let participant = connection.participant;
    let gone = connection.tracks.iter();
    let gone = gone.filter(|track| it.tracks.contains(track.number));
    let gone: Vec<Arc<Track>> = gone.cloned().collect();
    if let Some(session) = &mut room.session {
        for track in &gone {
            let key = track.id.short_key();
            session.track_owners.remove_mut(&key);
            session.gone_tracks.insert_mut(key, place.version);
        }
    }
    for track in &gone {
        forget_track(room, track.number);
        if let Some(alias) = &track.alias {
            leave_alias(room, place, alias);
        }
    }
    if it.closing == Some(CloseCause::Moved) {
        for alias in gone.iter().filter_map(|track| track.alias.as_ref()) {
            release_alias(room, alias, participant);
        }
    }
    change(room, it.connection, |connection| {
        connection
            .tracks
            .retain(|track| !it.tracks.contains(track.number));
        connection.changes = connection.changes.saturating_add(1);
    });
}

fn change_track(
    room: &mut Room,
    connection: ConnectionNumber,
    number: TrackNumber,
    alter: impl FnOnce(&mut Track),
) {
    change(room, connection, |connection| {
        if let Some(track) = connection
            .tracks
            .iter_mut()
            .find(|track| track.number == number)
        {
            alter(Arc::make_mut(track));
            connection.changes = connection.changes.saturating_add(1);
        }
    });
}
