//! Who leaves, who is kept out, and what people say of themselves. Apart because all of it lasts
//! beyond one command.

use super::{Ruling, Turn, bounded, require};
use crate::domain::command::{ProfileUpdate, Remove};
use crate::domain::event::{CloseCause, Kind};
use crate::domain::limits::{
    ATTRIBUTES_BYTES_MAX, METADATA_BYTES_MAX, NOTE_BYTES_MAX, PARTICIPANT_NAME_BYTES_MAX,
};
use crate::domain::{Code, Identity, Target, Timestamp};
use crate::testing::facts::{Closed, Named};

impl Turn<'_> {
    /// Ends stints: first their tracks, then all of them in one event.
    pub(super) fn close(&mut self, numbers: &[u32], cause: CloseCause, reason: Option<&str>) {
        for number in numbers {
            let tracks: Vec<u32> = self.get(*number).tracks.keys().copied().collect();
            self.take_tracks(*number, &tracks);
        }
        if !numbers.is_empty() {
            self.record(Kind::ConnectionsClosed);
        }
        let at = self.now;
        for number in numbers {
            let connection = self.edit(*number);
            connection.closed = Some(Closed {
                at,
                cause,
                reason: reason.map(str::to_owned),
                confirmed: false,
            });
            connection.subscriptions.clear();
            if connection.counts() {
                self.session().last_left_at = Some(at);
            }
        }
    }

    /// The first leave after a removal confirms it; any other of somebody who is gone is old news.
    pub(super) fn leave(&mut self, id: &str, reason: Option<&str>) -> Ruling {
        bounded(reason, NOTE_BYTES_MAX)?;
        let Some(number) = self.room.connection_named(id) else {
            let is_of_before = matches!(self.room.aliases.get(id), Some(Named::Connection(_)));
            return require(is_of_before, Code::NoSuchConnection);
        };
        match &mut self.edit(number).closed {
            None => self.close(&[number], CloseCause::Left, reason),
            Some(closed) if closed.cause == CloseCause::Removed && !closed.confirmed => {
                closed.confirmed = true;
                self.record(Kind::CloseConfirmed);
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// A media server that lists its people has lost the others, but for those who came later.
    pub(super) fn close_lost(&mut self, reporter: &str, as_of: u64, listed: &[String]) {
        let listed = listed
            .iter()
            .filter_map(|id| self.room.connection_named(id));
        let listed: Vec<u32> = listed.collect();
        let lost = self.room.live().filter(|(number, it)| {
            let is_its_own = it.reporter.as_deref() == Some(reporter);
            is_its_own && it.opened <= as_of && !listed.contains(number)
        });
        let lost: Vec<u32> = lost.map(|(number, _)| number).collect();
        self.close(&lost, CloseCause::ReporterLost, None);
    }

    /// Where nobody is there the answer is no, and a ban or a revocation holds all the same.
    pub(super) fn remove(&mut self, it: &Remove) -> Ruling {
        self.near(it.revoke_before)?;
        if let Err(codes) = self.meant(&it.target) {
            let keeps_out = it.ban || it.revoke_before.is_some();
            if !keeps_out || self.whom(&it.target).is_empty() {
                return Err(codes);
            }
            self.refused = Some(Code::NoSuchParticipant);
        }
        self.remove_and_keep_out(it);
        Ok(())
    }

    /// Each for itself, those too who are not inside.
    pub(super) fn remove_each(&mut self, all: &[Remove]) -> Ruling {
        all.iter().try_for_each(|it| self.near(it.revoke_before))?;
        for it in all {
            let before = self.kinds.len();
            self.remove_and_keep_out(it);
            if self.kinds.len() == before {
                self.record(Kind::NoEffect);
            }
        }
        Ok(())
    }

    fn remove_and_keep_out(&mut self, it: &Remove) {
        let numbers = self.inside(&it.target);
        if !numbers.is_empty() {
            self.record(Kind::RemovalRequested);
        }
        let people = self.whom(&it.target);
        for identity in people.iter().filter(|_| it.ban) {
            self.set_ban(identity, None);
        }
        if let Some(before) = it.revoke_before {
            if it.target == Target::Everyone {
                self.revoke(None, before);
            } else {
                for identity in &people {
                    self.revoke(Some(identity), before);
                }
            }
        }
        self.close(&numbers, CloseCause::Removed, None);
    }

    pub(super) fn ban(&mut self, identity: &Identity, until: Option<Timestamp>) -> Ruling {
        require(self.stands(until), Code::Invalid)?;
        self.set_ban(identity, until);
        Ok(())
    }

    fn set_ban(&mut self, identity: &Identity, until: Option<Timestamp>) {
        let person = self.register(identity);
        if person.ban != Some(until) {
            person.ban = Some(until);
            self.record(Kind::ParticipantBanned);
        }
    }

    /// Whether a ban holds.
    pub(super) fn stands(&self, until: Option<Timestamp>) -> bool {
        until.is_none_or(|until| until > self.now)
    }

    /// A ban that is over needs no lifting.
    pub(super) fn unban(&mut self, identity: &Identity) {
        let person = self.room.people.get(identity);
        if let Some(until) = person.and_then(|person| person.ban)
            && self.stands(until)
        {
            self.register(identity).ban = None;
            self.record(Kind::ParticipantUnbanned);
        }
    }

    pub(super) fn revoke_tokens(&mut self, of: Option<&Identity>, before: Timestamp) -> Ruling {
        self.near(Some(before))?;
        self.revoke(of, before);
        Ok(())
    }

    /// A moment that lies far ahead would keep out tokens that are yet to be issued.
    fn near(&self, before: Option<Timestamp>) -> Ruling {
        let latest = self.now.plus_seconds(REVOCATION_AHEAD_MAX_S);
        require(before.is_none_or(|before| before <= latest), Code::Invalid)
    }

    /// Of one person or of everybody, each by itself. A revocation never moves back.
    fn revoke(&mut self, of: Option<&Identity>, before: Timestamp) {
        let standing = match of {
            None => &mut self.room.revoked_all,
            Some(identity) => &mut self.register(identity).revoked,
        };
        if standing.is_none_or(|standing| standing < before) {
            *standing = Some(before);
            self.record(Kind::TokensRevoked);
        }
    }

    pub(super) fn lift_revocation(&mut self, of: Option<&Identity>) {
        let standing = match of {
            None => self.room.revoked_all.take(),
            Some(identity) => {
                let person = self.room.people.get_mut(identity);
                person.and_then(|person| person.revoked.take())
            }
        };
        if standing.is_some() {
            self.record(Kind::RevocationLifted);
        }
    }

    pub(super) fn update_own_profile(&mut self, id: &str, profile: &ProfileUpdate) -> Ruling {
        let number = self.connection_live(id)?;
        require(
            self.get(number).permission.update_own_metadata,
            Code::NoRight,
        )?;
        self.set_profile(&[number], profile)
    }

    /// All attributes that a participant gathers are bounded as metadata is.
    pub(super) fn set_profile(&mut self, numbers: &[u32], profile: &ProfileUpdate) -> Ruling {
        bounded_profile(profile)?;
        let before = self.room.connections.clone();
        for number in numbers {
            let connection = self.edit(*number);
            let name = profile.name.as_ref();
            connection.name = name.unwrap_or(&connection.name).clone();
            let metadata = profile.metadata.as_ref();
            connection.metadata = metadata.unwrap_or(&connection.metadata).clone();
            let attributes = connection.attributes.clone();
            for (key, value) in &profile.attributes {
                match value.clone() {
                    Some(value) => connection.attributes.insert(key.clone(), value),
                    None => connection.attributes.remove(key),
                };
            }
            let all = connection.attributes.iter();
            let bytes: usize = all.map(|(key, value)| key.len() + value.len()).sum();
            let fits = bytes <= METADATA_BYTES_MAX || connection.attributes == attributes;
            require(fits, Code::TooLarge)?;
        }
        if self.room.connections != before {
            self.record(Kind::ProfileChanged);
        }
        Ok(())
    }
}

/// Bounds of what one request says of a profile.
pub(super) fn bounded_profile(profile: &ProfileUpdate) -> Ruling {
    bounded(profile.name.as_deref(), PARTICIPANT_NAME_BYTES_MAX)?;
    bounded(profile.metadata.as_deref(), METADATA_BYTES_MAX)?;
    let attributes = profile.attributes.iter();
    let bytes = attributes.map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len));
    require(bytes.sum::<usize>() <= ATTRIBUTES_BYTES_MAX, Code::TooLarge)
}

/// A revocation that lies more than a day ahead is a mistake.
const REVOCATION_AHEAD_MAX_S: u32 = 86_400;
