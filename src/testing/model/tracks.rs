//! Connections at work: media, tracks, messages, notes. Apart because none of it lets anybody in.

use super::facts::{Named, Track};
use super::rights::may_send;
use super::{Ruling, Turn, bounded, refuse};
use crate::domain::command::{MuteTrack, NoteTarget, PublishTrack, SendData};
use crate::domain::event::{Kind, TrackShape};
use crate::domain::limits::{
    ACTIVITY_ITEMS_MAX, DATA_BYTES_MAX, NOTE_BYTES_MAX, TRACKS_PER_CONNECTION_MAX,
};
use crate::domain::{Code, Command, Target};

impl Turn<'_> {
    pub(super) fn rule_of_tracks(&mut self, command: &Command) -> Ruling {
        if let Command::PublishTrack(it) = command {
            self.publish(it)
        } else if let Command::UpdateTrack {
            connection,
            track,
            muted,
            name,
            shape,
        } = command
        {
            self.update_track((connection, track), *muted, name.as_ref(), shape.as_ref())
        } else if let Command::UnpublishTrack { connection, track } = command {
            self.unpublish(connection, track)
        } else if let Command::MuteTrack(it) = command {
            self.mute(it)
        } else if let Command::UpdateSubscriptions {
            target,
            tracks,
            subscribe,
        } = command
        {
            self.subscribe(target, tracks, *subscribe)
        } else if let Command::SendData(it) = command {
            self.send(it)
        } else if let Command::AddNote { about, text } = command {
            self.note(about, text)
        } else if let Command::ReportActivity { items } = command {
            let about: Vec<_> = items.iter().map(|(_, about)| about.as_deref()).collect();
            self.report(&about)
        } else {
            refuse(Code::Invalid)
        }
    }

    /// The open connection with that id.
    pub(super) fn connection_live(&self, id: &str) -> Ruling<u32> {
        let Some(number) = self.room.connection_named(id) else {
            return refuse(Code::NoSuchConnection);
        };
        let connection = self.room.connections.get(&number);
        if connection.is_none_or(|it| !it.is_live()) {
            return refuse(Code::ConnectionClosed);
        }
        Ok(number)
    }

    /// Media that flows for the first time, also while the transport is broken.
    pub(super) fn activate(&mut self, id: &str) -> Ruling {
        let number = self.connection_live(id)?;
        let now = self.now;
        let connection = self.room.connections.get_mut(&number);
        if let Some(connection) = connection.filter(|it| it.activated_at.is_none()) {
            connection.activated_at = Some(now);
            connection.interrupted = false;
            self.record(Kind::ConnectionActivated);
        }
        Ok(())
    }

    pub(super) fn interrupt(&mut self, id: &str) -> Ruling {
        let number = self.connection_live(id)?;
        let connection = self.room.connections.get_mut(&number);
        if let Some(connection) = connection.filter(|it| !it.interrupted) {
            connection.interrupted = true;
            self.record(Kind::ConnectionInterrupted);
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, id: &str) -> Ruling {
        let number = self.connection_live(id)?;
        let connection = self.room.connections.get_mut(&number);
        if let Some(connection) = connection.filter(|it| it.interrupted) {
            connection.interrupted = false;
            self.record(Kind::ConnectionResumed);
        }
        Ok(())
    }

    fn publish(&mut self, it: &PublishTrack) -> Ruling {
        let owner = self.connection_live(&it.connection)?;
        bounded(Some(&it.name), NOTE_BYTES_MAX)?;
        let alias = it.alias.as_ref().map(|alias| alias.as_str().to_owned());
        let owned = self.room.connections.get(&owner);
        let moved = owned.filter(|it| it.moved_from.is_some());
        let moved = moved.map(|it| it.identity.clone());
        let free = |alias: &str| !self.is_taken(alias) || self.comes_back(alias, moved.as_ref());
        if !alias.as_deref().is_none_or(free) {
            return refuse(Code::IdReused);
        }
        let number = self.room.tracks_ever + 1;
        let minted = self.minted.tracks.get(&(self.name.clone(), number));
        let track = Track {
            id: minted.copied().unwrap_or_default(),
            alias: alias.clone(),
            kind: it.kind,
            source: it.source,
            name: it.name.clone(),
            muted: it.muted,
            shape: it.shape.clone(),
            published_at: self.now,
        };
        let Some(connection) = self.room.connections.get_mut(&owner) else {
            return refuse(Code::NoSuchConnection);
        };
        if !may_send(&connection.permission, &track) {
            return refuse(Code::NoRight);
        }
        if connection.tracks.len() >= TRACKS_PER_CONNECTION_MAX {
            return refuse(Code::TooMany);
        }
        connection.tracks.insert(number, track);
        connection.is_publisher = true;
        self.room.tracks_ever = number;
        if let Some(alias) = alias {
            self.room.moved_ids.remove(&alias);
            self.room.aliases.insert(alias, Named::Track(number));
        }
        self.record(Kind::TrackPublished);
        Ok(())
    }

    /// The open track with that id among those of some connections.
    fn track_of(&mut self, owners: &[u32], id: &str) -> Ruling<&mut Track> {
        let found = self.room.track_named(id);
        let Some((owner, number)) = found.filter(|(owner, _)| owners.contains(owner)) else {
            return refuse(Code::NoSuchTrack);
        };
        let connection = self.room.connections.get_mut(&owner);
        match connection.and_then(|it| it.tracks.get_mut(&number)) {
            Some(track) => Ok(track),
            None => refuse(Code::NoSuchTrack),
        }
    }

    fn update_track(
        &mut self,
        (connection, track): (&str, &str),
        muted: Option<bool>,
        name: Option<&String>,
        shape: Option<&TrackShape>,
    ) -> Ruling {
        let owner = self.connection_live(connection)?;
        let track = self.track_of(&[owner], track)?;
        bounded(name.map(String::as_str), NOTE_BYTES_MAX)?;
        let before = track.clone();
        track.muted = muted.unwrap_or(track.muted);
        track.name.clone_from(name.unwrap_or(&before.name));
        track.shape.clone_from(shape.unwrap_or(&before.shape));
        let muted = track.muted != before.muted;
        let updated = track.name != before.name || track.shape != before.shape;
        if muted {
            self.record(Kind::TrackMuteChanged);
        }
        if updated {
            self.record(Kind::TrackUpdated);
        }
        Ok(())
    }

    fn unpublish(&mut self, connection: &str, track: &str) -> Ruling {
        let owner = self.connection_live(connection)?;
        self.track_of(&[owner], track)?;
        let number = self.room.track_named(track).map(|(_, number)| number);
        let connection = self.room.connections.get_mut(&owner);
        if let (Some(connection), Some(number)) = (connection, number) {
            connection.tracks.remove(&number);
            self.forget_tracks(&[number]);
            self.record(Kind::TracksUnpublished);
        }
        Ok(())
    }

    /// An admin mutes; to unmute somebody else needs a setting of the room.
    fn mute(&mut self, it: &MuteTrack) -> Ruling {
        self.exists()?;
        let owners = self.meant(&it.target)?;
        let may_unmute = self.room.config().is_some_and(|it| it.enable_remote_unmute);
        if !it.muted && !may_unmute {
            return refuse(Code::RemoteUnmuteDisabled);
        }
        let track = self.track_of(&owners, &it.track)?;
        if track.muted == it.muted {
            return self.no_effect();
        }
        track.muted = it.muted;
        self.record(Kind::TrackMuteChanged);
        Ok(())
    }

    /// Tracks that the room does not know are recorded as such.
    fn subscribe(&mut self, target: &Target, tracks: &[String], on: bool) -> Ruling {
        self.exists()?;
        let people = self.meant(target)?;
        let found: Vec<Option<u32>> = tracks
            .iter()
            .map(|id| self.room.track_named(id).map(|(_, number)| number))
            .collect();
        let mut changed = found.contains(&None);
        for number in people {
            let Some(connection) = self.room.connections.get_mut(&number) else {
                continue;
            };
            for track in found.iter().flatten() {
                changed |= connection.subscriptions.insert(*track, on) != Some(on);
            }
        }
        if !changed {
            return self.no_effect();
        }
        self.record(Kind::SubscriptionsChanged);
        Ok(())
    }

    fn send(&mut self, it: &SendData) -> Ruling {
        self.exists()?;
        bounded(it.topic.as_deref(), NOTE_BYTES_MAX)?;
        if usize::try_from(it.bytes).unwrap_or(usize::MAX) > DATA_BYTES_MAX {
            return refuse(Code::TooLarge);
        }
        if !self.room.is_open() {
            return refuse(Code::NoOpenSession);
        }
        self.record(Kind::DataSent);
        Ok(())
    }

    /// The history of a room that is gone can still be written about.
    fn note(&mut self, about: &NoteTarget, text: &str) -> Ruling {
        if self.room.version == 0 {
            return refuse(Code::NoSuchRoom);
        }
        bounded(Some(text), NOTE_BYTES_MAX)?;
        match about {
            NoteTarget::Event(version) if !(1..=self.room.version).contains(&version.0) => {
                return refuse(Code::NoSuchVersion);
            }
            NoteTarget::Target(Target::Identity(identity))
                if !self.room.people.contains_key(identity) =>
            {
                return refuse(Code::NoSuchParticipant);
            }
            NoteTarget::Target(Target::Connection(id))
                if self.room.connection_named(id).is_none() =>
            {
                return refuse(Code::NoSuchParticipant);
            }
            NoteTarget::Room | NoteTarget::Event(_) | NoteTarget::Target(_) => {}
        }
        self.record(Kind::NoteAdded);
        Ok(())
    }

    fn report(&mut self, about: &[Option<&str>]) -> Ruling {
        self.exists()?;
        if about.len() > ACTIVITY_ITEMS_MAX {
            return refuse(Code::TooMany);
        }
        let unknown = |id: &&str| self.room.connection_named(id).is_none();
        if about.iter().flatten().any(unknown) {
            return refuse(Code::NoSuchConnection);
        }
        if !about.is_empty() {
            self.record(Kind::ActivityReported);
        }
        Ok(())
    }
}
