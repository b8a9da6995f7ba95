//! Who was there and who could send: the questions of a review about one moment.
//!
//! Apart because a room's state tells what somebody may do, not since when: that is read from the
//! records of the session. Each answer names the event that is its reason.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::domain::event::TrackKind;
use crate::domain::state::{Connection, Session, Track};
use crate::domain::{
    Allowed, ConnectionNumber, Event, Permission, Room, Source, Timestamp, Version,
};
use crate::replay::fold::{Moment, each_after};
use crate::replay::names::Names;
use crate::replay::view::resolve::Resolver;
use crate::replay::view::{Presence, PresencePage};
use crate::store::{EventStore, StoreError};

/// Something that a permission may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Publish tracks: of this source, or of any.
    Publish(Option<Source>),
    /// Send data messages.
    SendData,
}

/// A page of those who were there, as far as the room's state tells: since when they had the
/// right is still to be [read](Present::complete).
#[derive(Clone, Debug)]
pub struct Present {
    room: Room,
    ability: Option<Ability>,
    found: Vec<(ConnectionNumber, Presence)>,
    cursor: Option<u32>,
}

impl Ability {
    /// Reads `publish`, `publish:SOURCE` or `data`.
    ///
    /// # Errors
    /// What can be written instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "publish" => Ok(Self::Publish(None)),
            None if text == "data" => Ok(Self::SendData),
            Some(("publish", name)) => {
                let found = SOURCES.iter().find(|source| source.as_str() == name);
                let names = SOURCES.map(Source::as_str).join(", ");
                found
                    .map(|source| Self::Publish(Some(*source)))
                    .ok_or(format!("sources are {names}"))
            }
            Some(_) | None => Err("rights are publish, publish:SOURCE and data".to_owned()),
        }
    }

    /// Whether a permission allows it.
    pub fn is_in(self, permission: &Permission) -> bool {
        let send = &permission.send;
        match self {
            Self::Publish(Some(source)) => send.allows(source),
            Self::Publish(None) => send.enabled && send.allowed != Allowed::Listed(Vec::new()),
            Self::SendData => permission.data,
        }
    }

    /// Whether it is used: by a track that is open and not muted.
    fn is_live(self, tracks: &[Arc<Track>]) -> Option<bool> {
        let Self::Publish(wanted) = self else {
            return None;
        };
        let is_wanted = |track: &Track| {
            let source = match (track.source, track.kind) {
                // Who has no custom sources reports such tracks as unknown.
                (Source::Unknown, TrackKind::Audio) => Source::CustomAudio,
                (Source::Unknown, TrackKind::Video) => Source::CustomVideo,
                (source, _) => source,
            };
            wanted.is_none_or(|wanted| wanted == source)
        };
        let mut audible = tracks.iter().filter(|track| !track.muted);
        Some(audible.any(|track| is_wanted(track)))
    }
}

impl fmt::Display for Ability {
    /// As [`Ability::parse`] reads it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Publish(None) => out.write_str("publish"),
            Self::Publish(Some(source)) => write!(out, "publish:{}", source.as_str()),
            Self::SendData => out.write_str("data"),
        }
    }
}

impl Present {
    /// The open connections of a room, or those whose permission allows something: at most `limit`,
    /// after the one that `cursor` stands for.
    pub fn of(
        room: &Room,
        names: &Names,
        ability: Option<Ability>,
        cursor: Option<u32>,
        limit: usize,
    ) -> Self {
        let resolver = Resolver::new(names, Some(&room.name));
        let session = room.open_session().into_iter();
        let mut live: Vec<_> = session.flat_map(Session::live).collect();
        live.retain(|one| ability.is_none_or(|ability| ability.is_in(&one.permission)));
        live.sort_by_key(|one| (one.participant, Reverse(one.number)));
        let first = cursor.map_or(0, |cursor| {
            // It may have left meanwhile: its place in the order is known all the same.
            let number = ConnectionNumber(cursor);
            let kept = room.connection(number).map(|one| one.participant);
            let named = || names.connection(number).map(|one| one.participant);
            let shown = kept.or_else(named).map(|whose| (whose, Reverse(number)));
            shown.map_or(live.len(), |shown| {
                live.partition_point(|one| (one.participant, Reverse(one.number)) <= shown)
            })
        });
        let rest = live.get(first..).unwrap_or_default();
        let page = rest.get(..limit).unwrap_or(rest);
        let last = page.last().map(|one| one.number.0);
        let found = page.iter();
        Self {
            found: found
                .map(|one| (one.number, presence(room, one, ability, &resolver)))
                .collect(),
            room: room.clone(),
            ability,
            cursor: last.filter(|_| page.len() < rest.len()),
        }
    }

    /// Reads since when each of them had the right: one pass over the records of the session.
    ///
    /// # Errors
    /// As [`EventStore::read_room`]; `Incomplete` behind an accepted loss in the session.
    pub fn complete(self, store: &dyn EventStore) -> Result<PresencePage, StoreError> {
        let Self {
            room,
            ability,
            mut found,
            cursor,
        } = self;
        if let Some(ability) = ability.filter(|_| !found.is_empty()) {
            let numbers = found.iter().map(|(number, _)| *number);
            let began = began(store, &room, ability, numbers)?;
            for (number, one) in &mut found {
                if let Some((since, position)) = began.get(number).copied().flatten() {
                    one.since = since;
                    one.because = Some(position);
                }
            }
        }
        Ok(PresencePage {
            present: found.into_iter().map(|(_, one)| one).collect(),
            cursor,
        })
    }
}

fn presence(
    room: &Room,
    one: &Connection,
    ability: Option<Ability>,
    resolver: &Resolver<'_>,
) -> Presence {
    Presence {
        identity: resolver.identity(one.participant),
        name: one.name.value.to_string(),
        session: room.session.as_ref().map(Session::sid).unwrap_or_default(),
        connection: one.name_id(),
        sid: one.sid(),
        joined_at: one.opened_at,
        since: one.opened_at,
        because: resolver.position(one.opened),
        live: ability.and_then(|ability| ability.is_live(&one.tracks)),
    }
}

/// Since when each of these connections has an ability without a break, and the position of the
/// event that gave it.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a right begins and ends with these kinds alone"
)]
fn began(
    store: &dyn EventStore,
    room: &Room,
    ability: Ability,
    numbers: impl Iterator<Item = ConnectionNumber>,
) -> Result<BTreeMap<ConnectionNumber, Option<(Timestamp, u64)>>, StoreError> {
    let mut began: BTreeMap<_, _> = numbers.map(|number| (number, None)).collect();
    let opened = room.session.as_ref().map_or(Version(0), |it| it.opened);
    let before = Version(opened.0.saturating_sub(1));
    each_after(
        store,
        &room.name,
        before,
        Moment::Version(room.version),
        |record| {
            let here = (record.command.recorded_at, record.position.0);
            let mut set = |number, permission: &Permission| {
                if let Some(since) = began.get_mut(&number) {
                    *since = ability.is_in(permission).then(|| since.unwrap_or(here));
                }
            };
            match &record.event.event {
                Event::ConnectionOpened(it) => set(it.number, &it.permission),
                Event::PermissionsChanged(it) => {
                    for group in &it.groups {
                        for number in group.connections.iter() {
                            set(number, &group.after);
                        }
                    }
                }
                _ => {}
            }
            Ok(())
        },
    )?;
    Ok(began)
}

/// The sources that a permission can name.
const SOURCES: [Source; 6] = [
    Source::Camera,
    Source::Microphone,
    Source::ScreenShare,
    Source::ScreenShareAudio,
    Source::CustomAudio,
    Source::CustomVideo,
];
