//! Connections at work: media, tracks, messages, notes. Apart because none of it lets anybody in.

use super::rights::may_send;
use super::{Ruling, Turn, bounded, known, refuse, require};
use crate::domain::command::{MuteTrack, NoteTarget, PublishTrack, SendData};
use crate::domain::event::{ActivityItem, Kind, TrackShape};
use crate::domain::limits::{
    ACTIVITY_ITEMS_MAX, DATA_BYTES_MAX, NOTE_BYTES_MAX, TRACKS_PER_CONNECTION_MAX,
};
use crate::domain::{Code, Target};
use crate::testing::facts::{Named, Track};

impl Turn<'_> {
    /// The open connection with that id.
    pub(super) fn connection_live(&self, id: &str) -> Ruling<u32> {
        let Some(number) = self.room.connection_named(id) else {
            return refuse(Code::NoSuchConnection);
        };
        require(self.get(number).is_live(), Code::ConnectionClosed)?;
        Ok(number)
    }

    /// Media that flows for the first time, also while the transport is broken.
    pub(super) fn activate(&mut self, id: &str) -> Ruling {
        let number = self.connection_live(id)?;
        let now = self.now;
        let connection = self.edit(number);
        if connection.activated_at.is_none() {
            connection.activated_at = Some(now);
            connection.interrupted = false;
            self.record(Kind::ConnectionActivated);
        }
        Ok(())
    }

    /// The transport breaks or comes back.
    pub(super) fn interrupt(&mut self, id: &str, is_broken: bool) -> Ruling {
        let number = self.connection_live(id)?;
        let connection = self.edit(number);
        if connection.interrupted != is_broken {
            connection.interrupted = is_broken;
            self.record(if is_broken {
                Kind::ConnectionInterrupted
            } else {
                Kind::ConnectionResumed
            });
        }
        Ok(())
    }

    /// Somebody who was moved may bring the ids along with which they came before.
    pub(super) fn publish(&mut self, it: &PublishTrack) -> Ruling {
        let owner = self.connection_live(&it.connection)?;
        bounded(Some(&it.name), NOTE_BYTES_MAX)?;
        let connection = self.get(owner);
        let number = self.room.tracks_ever + 1;
        let minted = self.minted.tracks.get(&(self.name.clone(), number));
        let track = Track {
            id: minted.copied().unwrap_or_default(),
            alias: it.alias.as_ref().map(|alias| alias.as_str().to_owned()),
            kind: it.kind,
            source: it.source,
            name: it.name.clone(),
            muted: it.muted,
            shape: it.shape.clone(),
            published_at: self.now,
        };
        let moved = connection.moved_from.as_ref().map(|_| &connection.identity);
        self.may_take(track.alias.as_deref(), moved)?;
        require(may_send(&connection.permission, &track), Code::NoRight)?;
        require(
            connection.tracks.len() < TRACKS_PER_CONNECTION_MAX,
            Code::TooMany,
        )?;
        self.take(track.alias.clone(), Named::Track(number));
        self.edit(owner).tracks.insert(number, track);
        self.edit(owner).is_publisher = true;
        self.room.tracks_ever = number;
        self.record(Kind::TrackPublished);
        Ok(())
    }

    /// The open track with that id, and before it its owner, who must be one of these.
    fn track_of(&self, owners: &[u32], id: &str) -> Ruling<(u32, u32)> {
        let found = self.room.track_named(id);
        let found = found.filter(|(owner, _)| owners.contains(owner));
        found.ok_or_else(|| vec![Code::NoSuchTrack])
    }

    fn track(&mut self, (owner, track): (u32, u32)) -> &mut Track {
        known(self.edit(owner).tracks.get_mut(&track))
    }

    pub(super) fn update_track(
        &mut self,
        (connection, track): (&str, &str),
        muted: Option<bool>,
        name: Option<&String>,
        shape: Option<&TrackShape>,
    ) -> Ruling {
        let owner = self.connection_live(connection)?;
        let found = self.track_of(&[owner], track)?;
        bounded(name.map(String::as_str), NOTE_BYTES_MAX)?;
        let track = self.track(found);
        let before = track.clone();
        track.muted = muted.unwrap_or(before.muted);
        track.name.clone_from(name.unwrap_or(&before.name));
        track.shape = shape.unwrap_or(&before.shape).clone();
        let is_muted = track.muted != before.muted;
        let is_updated = track.name != before.name || track.shape != before.shape;
        if is_muted {
            self.record(Kind::TrackMuteChanged);
        }
        if is_updated {
            self.record(Kind::TrackUpdated);
        }
        Ok(())
    }

    pub(super) fn unpublish(&mut self, connection: &str, track: &str) -> Ruling {
        let owner = self.connection_live(connection)?;
        let (_, number) = self.track_of(&[owner], track)?;
        self.take_tracks(owner, &[number]);
        Ok(())
    }

    /// Closes tracks. No subscription to a track outlives it.
    pub(super) fn take_tracks(&mut self, owner: u32, gone: &[u32]) {
        self.edit(owner)
            .tracks
            .retain(|track, _| !gone.contains(track));
        for connection in self.room.connections.values_mut() {
            connection
                .subscriptions
                .retain(|track, _| !gone.contains(track));
        }
        if !gone.is_empty() {
            self.record(Kind::TracksUnpublished);
        }
    }

    /// An admin mutes; to unmute somebody else needs a setting of the room.
    pub(super) fn mute(&mut self, it: &MuteTrack) -> Ruling {
        let owners = self.meant(&it.target)?;
        let may_unmute = self.room.config().is_some_and(|it| it.enable_remote_unmute);
        require(it.muted || may_unmute, Code::RemoteUnmuteDisabled)?;
        let found = self.track_of(&owners, &it.track)?;
        let track = self.track(found);
        if track.muted != it.muted {
            track.muted = it.muted;
            self.record(Kind::TrackMuteChanged);
        }
        Ok(())
    }

    /// Tracks that the room does not know are recorded as such.
    pub(super) fn subscribe(&mut self, target: &Target, tracks: &[String], on: bool) -> Ruling {
        let numbers = self.meant(target)?;
        let found = tracks.iter().map(|id| self.room.track_named(id));
        let found: Vec<Option<(u32, u32)>> = found.collect();
        let before = self.room.connections.clone();
        for number in numbers {
            let subscriptions = &mut self.edit(number).subscriptions;
            subscriptions.extend(found.iter().flatten().map(|(_, track)| (*track, on)));
        }
        if found.contains(&None) || self.room.connections != before {
            self.record(Kind::SubscriptionsChanged);
        }
        Ok(())
    }

    pub(super) fn send(&mut self, it: &SendData) -> Ruling {
        bounded(it.topic.as_deref(), NOTE_BYTES_MAX)?;
        let bytes = usize::try_from(it.bytes).unwrap_or(usize::MAX);
        require(bytes <= DATA_BYTES_MAX, Code::TooLarge)?;
        require(self.room.open().is_some(), Code::NoOpenSession)?;
        self.record(Kind::DataSent);
        Ok(())
    }

    /// The history of a room that is gone can still be written about.
    pub(super) fn note(&mut self, about: &NoteTarget, text: &str) -> Ruling {
        require(self.room.version > 0, Code::NoSuchRoom)?;
        bounded(Some(text), NOTE_BYTES_MAX)?;
        match about {
            NoteTarget::Event(version) => {
                let is_there = (1..=self.room.version).contains(&version.0);
                require(is_there, Code::NoSuchVersion)?;
            }
            NoteTarget::Target(Target::Identity(identity)) => {
                let is_there = self.room.people.contains_key(identity);
                require(is_there, Code::NoSuchParticipant)?;
            }
            NoteTarget::Target(Target::Connection(id)) => {
                let is_there = self.room.connection_named(id).is_some();
                require(is_there, Code::NoSuchParticipant)?;
            }
            NoteTarget::Room | NoteTarget::Target(Target::Everyone) => {}
        }
        self.record(Kind::NoteAdded);
        Ok(())
    }

    pub(super) fn report(&mut self, items: &[(ActivityItem, Option<String>)]) -> Ruling {
        self.exists()?;
        require(items.len() <= ACTIVITY_ITEMS_MAX, Code::TooMany)?;
        let mut people = items.iter().filter_map(|(_, id)| id.as_deref());
        let is_known = people.all(|id| self.room.connection_named(id).is_some());
        require(is_known, Code::NoSuchConnection)?;
        if !items.is_empty() {
            self.record(Kind::ActivityReported);
        }
        Ok(())
    }
}
