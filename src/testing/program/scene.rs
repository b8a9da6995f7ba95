//! What a step finds: the two rooms, and whom and what a command can mean there. Apart because
//! every command picks its targets in the same way: mostly somebody who is there, now and then
//! somebody who left, and now and then nobody.

use std::sync::Arc;

use super::choices::Draw;
use crate::domain::event::CloseCause;
use crate::domain::state::{Connection, Session, Track};
use crate::domain::{Identity, Room, Target, Timestamp};

/// The rooms as a step finds them.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// The room of the step.
    pub(super) room: &'a Room,
    /// The other one, where a move leads.
    pub(super) other: &'a Room,
    /// The time of the step.
    pub(super) now: Timestamp,
    /// Who is inside, oldest first.
    pub(super) live: Vec<&'a Arc<Connection>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new([room, other]: [&'a Room; 2], now: Timestamp) -> Self {
        let live = room.open_session().into_iter().flat_map(Session::live);
        Self {
            room,
            other,
            now,
            live: live.collect(),
        }
    }

    /// Whether anybody inside is like that.
    pub(super) fn has(&self, like: impl Fn(&Connection) -> bool) -> bool {
        self.live.iter().any(|connection| like(connection))
    }

    /// Mostly somebody inside who is like that, sometimes anybody inside.
    pub(super) fn somebody(
        &self,
        draw: &mut Draw,
        like: impl Fn(&Connection) -> bool,
    ) -> Option<&'a Arc<Connection>> {
        let all = self.live.iter().copied();
        let alike: Vec<_> = all.filter(|connection| like(connection)).collect();
        if alike.is_empty() || draw.one_in(8) {
            return draw.pick(&self.live).copied();
        }
        draw.pick(&alike).copied()
    }

    /// An id of [`Self::somebody`], now and then of a connection that is closed or of none.
    pub(super) fn connection(&self, draw: &mut Draw, like: impl Fn(&Connection) -> bool) -> String {
        if draw.one_in(16) {
            return self.closed_connection(draw);
        }
        let found = self.somebody(draw, like);
        found.map_or_else(nobody, |connection| connection_id(connection, draw))
    }

    /// An id of a connection of the kept session that is closed, mostly one that was removed and
    /// that nobody has reported as gone since.
    pub(super) fn closed_connection(&self, draw: &mut Draw) -> String {
        let kept = self.room.session.iter().flat_map(|it| &it.connections);
        let closed: Vec<_> = kept.filter(|connection| !connection.is_live()).collect();
        let awaited = closed.iter().copied().filter(|connection| {
            let closed = connection.closed.as_ref();
            closed.is_some_and(|it| it.cause == CloseCause::Removed && !it.confirmed)
        });
        let awaited: Vec<_> = awaited.collect();
        let all = if awaited.is_empty() || draw.one_in(3) {
            closed
        } else {
            awaited
        };
        let found = draw.pick(&all);
        found.map_or_else(nobody, |connection| connection_id(connection, draw))
    }

    /// A connection and a track of it that is like that, mostly; each by any of its ids.
    pub(super) fn track(
        &self,
        draw: &mut Draw,
        like: impl Fn(&Track) -> bool,
    ) -> (Option<&'a Arc<Connection>>, String) {
        let owner = self.somebody(draw, |one| one.tracks.iter().any(|track| like(track)));
        let tracks = owner.map_or(&[][..], |owner| &owner.tracks[..]);
        let alike: Vec<_> = tracks.iter().filter(|track| like(track)).collect();
        let found = draw.pick(&alike).copied().or_else(|| tracks.first());
        let id = found.filter(|_| !draw.one_in(32));
        let id = id.map_or_else(|| "TR_nobody".to_owned(), |track| track_id(track, draw));
        (owner, id)
    }

    /// Everybody, one identity or one connection; of those inside where there are any.
    pub(super) fn target(&self, draw: &mut Draw) -> Target {
        match draw.below(8) {
            0..=2 => Target::Identity(self.present_identity(draw)),
            3..=5 => Target::Connection(self.connection(draw, |_| true)),
            6 => Target::Everyone,
            _ => Target::Identity(any_identity(draw)),
        }
    }

    /// The identity of somebody inside; any identity where nobody is.
    pub(super) fn present_identity(&self, draw: &mut Draw) -> Identity {
        match self.somebody(draw, |_| true) {
            Some(connection) => self.identity_of(connection),
            None => any_identity(draw),
        }
    }

    pub(super) fn identity_of(&self, connection: &Connection) -> Identity {
        let person = self.room.person(connection.participant);
        person.map_or_else(|| identity(0), |person| person.identity.clone())
    }

    /// Whether a ban keeps an identity out now.
    pub(super) fn is_banned(&self, identity: &Identity) -> bool {
        let ban = self.room.person_by_identity(identity);
        let ban = ban.and_then(|(_, person)| person.ban);
        ban.is_some_and(|ban| ban.until.is_none_or(|until| until > self.now))
    }

    /// Those whom a ban keeps out now.
    pub(super) fn banned(&self) -> Vec<Identity> {
        let people = self.room.people.iter().map(|person| &person.identity);
        let banned = people.filter(|identity| self.is_banned(identity));
        banned.cloned().collect()
    }

    /// Those whose tokens are revoked; none for everybody.
    pub(super) fn revoked(&self) -> Vec<Option<Identity>> {
        let people = self.room.people.iter();
        let people = people.filter(|person| person.revoked.is_some());
        let people = people.map(|person| Some(person.identity.clone()));
        let all = self.room.revoked_all.map(|_| None);
        people.chain(all).collect()
    }

    /// Whether a revocation for everybody stands beside one of a single person.
    pub(super) fn is_revoked_twice(&self) -> bool {
        let revoked = self.revoked();
        revoked.contains(&None) && revoked.iter().any(Option::is_some)
    }

    /// Whether another inside has rules about a connection of this session.
    pub(super) fn is_ruled(&self, one: &Connection) -> bool {
        self.has(|other| {
            let rules = &other.permission.receive.by_connection;
            other.number != one.number && rules.contains_key(&one.number)
        })
    }

    /// Whether a connection came from the other room, where somebody still has rules about it.
    pub(super) fn is_ruled_elsewhere(&self, one: &Connection) -> bool {
        let from = one.moved_from.as_ref();
        let Some(from) = from.filter(|from| from.room == self.other.name) else {
            return false;
        };
        let there = self.other.open_session().into_iter();
        let mut rules = there
            .flat_map(Session::live)
            .map(|it| &it.permission.receive.by_connection);
        rules.any(|rules| rules.contains_key(&from.connection))
    }

    /// Those whom a join would meet with two reasons to keep them out, if its token does not say
    /// when it was issued.
    pub(super) fn kept_out_twice(&self) -> Vec<Identity> {
        let people = self.room.people.iter().filter(|person| {
            let reasons = [
                self.is_banned(&person.identity),
                person.revoked.is_some(),
                self.room.revoked_all.is_some(),
            ];
            reasons.into_iter().filter(|keeps_out| *keeps_out).count() > 1
        });
        people.map(|person| person.identity.clone()).collect()
    }

    /// That many seconds from now, or before now.
    pub(super) fn at(&self, after_s: i64) -> Timestamp {
        Timestamp::from_micros(self.now.micros().saturating_add(after_s * 1_000_000))
    }
}

/// Any of a connection's ids.
pub(super) fn connection_id(connection: &Connection, draw: &mut Draw) -> String {
    match draw.below(4) {
        3 => connection.id.uuid().to_string(),
        2 => connection.sid(),
        _ => connection.name_id(),
    }
}

/// Any of the few identities that programs know.
pub(super) fn any_identity(draw: &mut Draw) -> Identity {
    identity(draw.below(IDENTITIES))
}

fn track_id(track: &Track, draw: &mut Draw) -> String {
    if draw.one_in(4) {
        track.id.uuid().to_string()
    } else {
        track.sid()
    }
}

fn identity(number: u8) -> Identity {
    let name = format!("p{number}");
    Identity::new(&name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn nobody() -> String {
    "PA_nobody".to_owned()
}

/// Few, so that the same ones come back.
const IDENTITIES: u8 = 5;
