//! Who leaves and who is kept out. Apart because both last beyond one command.

use super::facts::{Closed, Named};
use super::{Ruling, Turn, bounded, refuse};
use crate::domain::command::{ProfileUpdate, Remove};
use crate::domain::event::{CloseCause, Kind};
use crate::domain::limits::{
    ATTRIBUTES_BYTES_MAX, METADATA_BYTES_MAX, NOTE_BYTES_MAX, PARTICIPANT_NAME_BYTES_MAX,
};
use crate::domain::{Code, Identity, Target, Timestamp};

impl Turn<'_> {
    /// Ends stints: first their tracks, then all of them in one event.
    pub(super) fn close(&mut self, numbers: &[u32], cause: CloseCause, reason: Option<&str>) {
        for number in numbers {
            let tracks = self
                .room
                .connections
                .get_mut(number)
                .map(|it| &mut it.tracks);
            let gone: Vec<u32> = tracks
                .map(std::mem::take)
                .into_iter()
                .flatten()
                .map(|(track, _)| track)
                .collect();
            if !gone.is_empty() {
                self.forget_tracks(&gone);
                self.record(Kind::TracksUnpublished);
            }
        }
        if numbers.is_empty() {
            return;
        }
        self.record(Kind::ConnectionsClosed);
        let now = self.now;
        for number in numbers {
            let Some(connection) = self.room.connections.get_mut(number) else {
                continue;
            };
            connection.closed = Some(Closed {
                at: now,
                cause,
                reason: reason.map(str::to_owned),
                confirmed: false,
            });
            connection.subscriptions.clear();
            let counted = connection.counts();
            if let Some(session) = self.room.open_session().filter(|_| counted) {
                session.last_left_at = Some(now);
            }
        }
    }

    /// The first leave after a removal confirms it; any other of somebody who is gone is old news.
    pub(super) fn leave(&mut self, id: &str, reason: Option<&str>) -> Ruling {
        bounded(reason, NOTE_BYTES_MAX)?;
        let known = matches!(self.room.aliases.get(id), Some(Named::Connection(_)));
        let Some(number) = self.room.connection_named(id) else {
            return if known {
                Ok(())
            } else {
                refuse(Code::NoSuchConnection)
            };
        };
        let connection = self.room.connections.get_mut(&number);
        match connection.and_then(|it| it.closed.as_mut()) {
            None => self.close(&[number], CloseCause::Left, reason),
            Some(closed) if closed.cause == CloseCause::Removed && !closed.confirmed => {
                closed.confirmed = true;
                self.record(Kind::CloseConfirmed);
            }
            Some(_) => {}
        }
        Ok(())
    }

    pub(super) fn close_lost(&mut self, reporter: &str, as_of: u64, listed: &[String]) {
        let listed: Vec<u32> = listed
            .iter()
            .filter_map(|id| self.room.connection_named(id))
            .collect();
        let lost = self.room.live().filter(|(number, it)| {
            it.reporter.as_deref() == Some(reporter)
                && it.opened <= as_of
                && !listed.contains(number)
        });
        let lost: Vec<u32> = lost.map(|(number, _)| number).collect();
        self.close(&lost, CloseCause::ReporterLost, None);
    }

    pub(super) fn remove(&mut self, it: &Remove) -> Ruling {
        self.exists()?;
        self.near(it.revoke_before)?;
        match self.meant(&it.target) {
            // Everybody is meant, and nobody is inside.
            Ok(inside) if inside.is_empty() => {
                let before = it.revoke_before;
                if !before.is_some_and(|before| self.revoke_of(None, before)) {
                    return self.no_effect();
                }
            }
            Ok(_) => self.remove_inside(it),
            // The answer is no, and a ban or a revocation holds all the same.
            Err(codes) => match self.absent(it) {
                None => return Err(codes),
                Some(identity) => {
                    self.keep_out(it, &identity);
                    self.refused = Some(Code::NoSuchParticipant);
                }
            },
        }
        Ok(())
    }

    /// Each for itself; an identity that is not inside is still kept out where that is asked.
    pub(super) fn remove_each(&mut self, all: &[Remove]) -> Ruling {
        self.exists()?;
        for it in all {
            self.near(it.revoke_before)?;
        }
        for it in all {
            if !self.inside(&it.target).is_empty() {
                self.remove_inside(it);
                continue;
            }
            let before = self.kinds.len();
            if let Some(identity) = self.absent(it) {
                self.keep_out(it, &identity);
            } else if it.target == Target::Everyone
                && let Some(moment) = it.revoke_before
            {
                self.revoke_of(None, moment);
            }
            if self.kinds.len() == before {
                self.record(Kind::NoEffect);
            }
        }
        Ok(())
    }

    /// Somebody who is not inside, and whom a removal is to keep out.
    fn absent(&self, it: &Remove) -> Option<Identity> {
        let keeps_out = it.ban || it.revoke_before.is_some();
        match &it.target {
            Target::Identity(identity) => Some(identity.clone()).filter(|_| keeps_out),
            Target::Connection(id) if keeps_out => {
                let number = self.room.connection_named(id)?;
                Some(self.room.connections.get(&number)?.identity.clone())
            }
            Target::Connection(_) | Target::Everyone => None,
        }
    }

    fn keep_out(&mut self, it: &Remove, identity: &Identity) {
        if it.ban {
            self.ban_for_good(identity);
        }
        if let Some(before) = it.revoke_before {
            self.revoke_of(Some(identity), before);
        }
    }

    /// A moment that lies far ahead would keep out tokens that are yet to be issued.
    fn near(&self, before: Option<Timestamp>) -> Ruling {
        if before.is_some_and(|before| before > self.after(REVOCATION_AHEAD_MAX_S)) {
            return refuse(Code::Invalid);
        }
        Ok(())
    }

    pub(super) fn lift_revocation(&mut self, identity: Option<&Identity>) -> Ruling {
        self.exists()?;
        let standing = match identity {
            None => Some(&mut self.room.revoked_all),
            Some(identity) => self.room.people.get_mut(identity).map(|it| &mut it.revoked),
        };
        if standing.and_then(Option::take).is_none() {
            return self.no_effect();
        }
        self.record(Kind::RevocationLifted);
        Ok(())
    }

    fn remove_inside(&mut self, it: &Remove) {
        let numbers = self.inside(&it.target);
        self.record(Kind::RemovalRequested);
        let people = numbers
            .iter()
            .filter_map(|number| self.room.connections.get(number));
        let mut people: Vec<Identity> = people.map(|it| it.identity.clone()).collect();
        people.sort_by_key(|identity| self.room.people.get(identity).map(|it| it.number));
        people.dedup();
        if it.ban {
            for identity in &people {
                self.ban_for_good(identity);
            }
        }
        if let Some(before) = it.revoke_before {
            if it.target == Target::Everyone {
                self.revoke_of(None, before);
            } else {
                for identity in &people {
                    self.revoke_of(Some(identity), before);
                }
            }
        }
        self.close(&numbers, CloseCause::Removed, None);
    }

    pub(super) fn ban(&mut self, identity: &Identity, until: Option<Timestamp>) -> Ruling {
        self.exists()?;
        if !self.stands(until) {
            return refuse(Code::Invalid);
        }
        if self.set_ban(identity, until) {
            Ok(())
        } else {
            self.no_effect()
        }
    }

    fn ban_for_good(&mut self, identity: &Identity) {
        self.set_ban(identity, None);
    }

    fn set_ban(&mut self, identity: &Identity, until: Option<Timestamp>) -> bool {
        self.register(identity);
        let person = self.room.people.get_mut(identity);
        let Some(person) = person.filter(|person| person.ban != Some(until)) else {
            return false;
        };
        person.ban = Some(until);
        self.record(Kind::ParticipantBanned);
        true
    }

    /// A ban that is over needs no lifting.
    pub(super) fn unban(&mut self, identity: &Identity) -> Ruling {
        self.exists()?;
        let now = self.now;
        let person = self.room.people.get_mut(identity);
        let ban = person.filter(|it| it.ban.is_some_and(|until| until.is_none_or(|at| at > now)));
        let Some(person) = ban else {
            return self.no_effect();
        };
        person.ban = None;
        self.record(Kind::ParticipantUnbanned);
        Ok(())
    }

    pub(super) fn revoke(&mut self, identity: Option<&Identity>, before: Timestamp) -> Ruling {
        self.exists()?;
        self.near(Some(before))?;
        if self.revoke_of(identity, before) {
            Ok(())
        } else {
            self.no_effect()
        }
    }

    /// A revocation never moves back.
    fn revoke_of(&mut self, identity: Option<&Identity>, before: Timestamp) -> bool {
        if let Some(identity) = identity {
            self.register(identity);
        }
        let standing = match identity {
            None => Some(&mut self.room.revoked_all),
            Some(identity) => self.room.people.get_mut(identity).map(|it| &mut it.revoked),
        };
        let Some(standing) = standing.filter(|it| it.is_none_or(|at| at < before)) else {
            return false;
        };
        *standing = Some(before);
        self.record(Kind::TokensRevoked);
        true
    }

    /// Whether an id was moved away with that person.
    pub(super) fn comes_back(&self, id: &str, person: Option<&Identity>) -> bool {
        person.is_some() && self.room.moved_ids.get(id) == person
    }

    pub(super) fn is_taken(&self, id: &str) -> bool {
        self.room.aliases.contains_key(id)
            || self.room.connection_named(id).is_some()
            || self.room.track_named(id).is_some()
    }
}

/// Bounds of what one request says of a profile.
pub(super) fn bounded_profile(profile: &ProfileUpdate) -> Ruling {
    bounded(profile.name.as_deref(), PARTICIPANT_NAME_BYTES_MAX)?;
    bounded(profile.metadata.as_deref(), METADATA_BYTES_MAX)?;
    let attributes = profile.attributes.iter();
    let bytes = attributes.map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len));
    if bytes.sum::<usize>() > ATTRIBUTES_BYTES_MAX {
        return refuse(Code::TooLarge);
    }
    Ok(())
}

/// A revocation that lies more than a day ahead is a mistake.
const REVOCATION_AHEAD_MAX_S: u32 = 86_400;
