//! Rules for tracks: what may be published, who may mute, what an admin has others receive.
//! Apart because the right to send is asked here and nowhere else.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::{Draft, may_publish};
use super::limits;
use super::target::{each_once, text_of};
use crate::domain::command::{MuteTrack, PublishTrack, Target};
use crate::domain::event::{
    ByWhom, SubscriptionsBefore, SubscriptionsChanged, TrackBefore, TrackKind, TrackMuteChanged,
    TrackPublished, TrackShape, TrackUpdated, TracksUnpublished,
};
use crate::domain::id::{ConnectionNumber, TrackNumber, Version};
use crate::domain::limits::{SUBSCRIPTION_PAIRS_MAX, TRACKS_PER_CONNECTION_MAX};
use crate::domain::permission::Source;
use crate::domain::personal::Personal;
use crate::domain::ranges::Ranges;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Connection, Track};

impl Draft<'_> {
    pub(super) fn publish_track(&mut self, it: &PublishTrack) -> Result<(), Rejection> {
        let connection = self.open_connection(&it.connection)?;
        limits::count(
            "tracks",
            connection.tracks.len() + 1,
            TRACKS_PER_CONNECTION_MAX,
        )?;
        let moved = connection.moved_from.as_ref();
        self.require_free(it.alias.as_ref(), moved.map(|_| connection.participant))?;
        let track_id = self.mint(|room, key| {
            room.session
                .as_ref()
                .is_some_and(|session| session.track_owners.contains_key(&key))
        });
        let track = Track {
            number: self.room.next_track,
            id: track_id,
            alias: it.alias.clone(),
            kind: it.kind,
            source: it.source,
            name: Arc::from(it.name.as_str()),
            muted: it.muted,
            shape: it.shape.clone(),
            published_at: self.context.now,
            published_reported_at: self.request.occurred_at,
            published: Version(0),
        };
        if !may_publish(&connection.permission, &track) {
            return Err(self.may_not_publish(&connection, it));
        }
        self.push(TrackPublished {
            track_id,
            number: track.number,
            connection: connection.number,
            alias: track.alias,
            kind: track.kind,
            source: track.source,
            name: Personal::from(it.name.as_str()),
            muted: track.muted,
            shape: track.shape,
        });
        Ok(())
    }

    /// A report: nothing is recorded where nothing changed.
    pub(super) fn update_track(
        &mut self,
        id: &str,
        track: &str,
        muted: Option<bool>,
        name: Option<&str>,
        shape: Option<&TrackShape>,
    ) -> Result<(), Rejection> {
        let connection = self.open_connection(id)?;
        let track = self.track_of(&connection, track)?;
        if let Some(muted) = muted.filter(|muted| *muted != track.muted) {
            self.push(TrackMuteChanged {
                connection: connection.number,
                track: track.number,
                muted,
                by: ByWhom::Itself,
            });
        }
        let name = name.unwrap_or(&track.name);
        let shape = shape.unwrap_or(&track.shape);
        if *name != *track.name || *shape != track.shape {
            self.push(TrackUpdated {
                connection: connection.number,
                track: track.number,
                name: Personal::from(name),
                shape: shape.clone(),
                before: TrackBefore {
                    name: Personal::from(&*track.name),
                    shape: track.shape.clone(),
                },
            });
        }
        Ok(())
    }

    pub(super) fn unpublish_track(&mut self, id: &str, track: &str) -> Result<(), Rejection> {
        let connection = self.open_connection(id)?;
        let track = self.track_of(&connection, track)?;
        self.push(TracksUnpublished {
            connection: connection.number,
            tracks: Ranges::one(track.number),
            closing: None,
        });
        Ok(())
    }

    /// An admin mutes anybody, and unmutes only where the room lets admins do that.
    pub(super) fn mute_track(&mut self, it: &MuteTrack) -> Result<(), Rejection> {
        self.require_room()?;
        let found = self.resolve(&it.target)?;
        let may_unmute = self
            .room
            .config()
            .is_some_and(|config| config.enable_remote_unmute);
        if !it.muted && !may_unmute {
            return Err(Rejection::RemoteUnmuteDisabled {
                room: self.name(),
                because: self.room.config_set().map(|set| set.enable_remote_unmute),
            });
        }
        let hit = found.iter().find_map(|connection| {
            connection
                .track_by_ref(&it.track)
                .map(|track| (connection.number, Arc::clone(track)))
        });
        let Some((connection, track)) = hit else {
            return Err(self.no_such_track(&text_of(&it.target), &it.track));
        };
        if track.muted == it.muted {
            let who = self.who(&it.target, &found);
            self.no_effect(Some(who), "the track was so already");
            return Ok(());
        }
        let track = track.number;
        self.push(TrackMuteChanged {
            connection,
            track,
            muted: it.muted,
            by: ByWhom::Admin,
        });
        Ok(())
    }

    pub(super) fn update_subscriptions(
        &mut self,
        target: &Target,
        tracks: &[String],
        subscribe: bool,
    ) -> Result<(), Rejection> {
        self.require_room()?;
        let found = self.resolve(target)?;
        let tracks: Vec<&String> = each_once(tracks).collect();
        limits::count(
            "connections times tracks",
            found.len().saturating_mul(tracks.len()),
            SUBSCRIPTION_PAIRS_MAX,
        )?;
        let who = self.who(target, &found);
        let mut known = Vec::new();
        let mut unknown_tracks = Vec::new();
        for id in tracks {
            match self.room.track_by_ref(id) {
                Some((_, track)) => known.push(track.number),
                None => unknown_tracks.push(Personal::from(id.as_str())),
            }
        }
        let changes = found.iter().any(|connection| {
            known
                .iter()
                .any(|track| connection.subscriptions.get(track) != Some(&subscribe))
        });
        if !changes && unknown_tracks.is_empty() {
            self.no_effect(Some(who), "the subscriptions were so already");
        } else {
            let before = subscribed_before(&found, &known);
            self.push(SubscriptionsChanged {
                who,
                tracks: known.into_iter().collect(),
                unknown_tracks,
                subscribe,
                before,
            });
        }
        Ok(())
    }

    fn track_of(&self, connection: &Connection, id: &str) -> Result<Arc<Track>, Rejection> {
        connection
            .track_by_ref(id)
            .cloned()
            .ok_or_else(|| self.no_such_track(&self.identity_of(connection), id))
    }

    fn no_such_track(&self, participant: &str, track: &str) -> Rejection {
        Rejection::NoSuchTrack {
            room: self.name(),
            participant: participant.to_owned(),
            track: track.to_owned(),
            because: self.room.track_gone(track),
        }
    }

    fn may_not_publish(&self, connection: &Connection, it: &PublishTrack) -> Rejection {
        let right = match it.kind {
            TrackKind::Data => "publish data".to_owned(),
            TrackKind::Audio | TrackKind::Video => format!("publish {}", source_text(it.source)),
        };
        Rejection::NoRight {
            room: self.name(),
            who: self.identity_of(connection),
            right,
            because: connection.permission_set,
        }
    }
}

/// What was said of the tracks before; connections that were told the same stand together.
fn subscribed_before(
    found: &[Arc<Connection>],
    tracks: &[TrackNumber],
) -> Vec<SubscriptionsBefore> {
    let mut groups: BTreeMap<(Vec<TrackNumber>, Vec<TrackNumber>), Vec<ConnectionNumber>> =
        BTreeMap::new();
    for connection in found {
        let said = |subscribed: bool| -> Vec<TrackNumber> {
            let tracks = tracks.iter().copied();
            let is_so =
                |track: &TrackNumber| connection.subscriptions.get(track) == Some(&subscribed);
            tracks.filter(is_so).collect()
        };
        let said = (said(true), said(false));
        if !said.0.is_empty() || !said.1.is_empty() {
            groups.entry(said).or_default().push(connection.number);
        }
    }
    let groups = groups.into_iter();
    let groups = groups.map(|((on, off), connections)| SubscriptionsBefore {
        connections: connections.into_iter().collect(),
        subscribed: on.into_iter().collect(),
        unsubscribed: off.into_iter().collect(),
    });
    groups.collect()
}

fn source_text(source: Source) -> &'static str {
    match source {
        Source::Camera => "a camera",
        Source::Microphone => "a microphone",
        Source::ScreenShare => "a screen share",
        Source::ScreenShareAudio => "a screen share's audio",
        Source::CustomAudio => "custom audio",
        Source::CustomVideo => "custom video",
        Source::Unknown => "an unknown source",
    }
}
