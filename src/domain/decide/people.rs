//! Rules for keeping people out and sending them away: remove, ban, unban, revoke.
//! Apart because removal that holds is what the vendors lack.

use std::sync::Arc;

use super::draft::Draft;
use super::target::numbers;
use crate::domain::command::{Remove, Target};
use crate::domain::event::{
    CloseCause, Closing, FormerBan, FormerRevocation, ParticipantBanned, ParticipantUnbanned,
    Reference, RemovalRequested, RevocationLifted, Selector, TokensRevoked, Who,
};
use crate::domain::id::{Identity, ParticipantNumber, Version};
use crate::domain::ranges::Ranges;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Connection, Revocation};
use crate::domain::time::Timestamp;

impl Draft<'_> {
    /// Disconnects now; on request also keeps out, and refuses older tokens. These two hold for
    /// somebody who is not inside as well: the answer is no then, and says what was done.
    pub(super) fn remove(&mut self, it: &Remove) -> Result<(), Rejection> {
        self.require_room()?;
        self.require_near(it.revoke_before)?;
        match self.resolve(&it.target) {
            Ok(found) => self.remove_found(it, &found),
            Err(no) => match self.absent(it) {
                Some(identity) => {
                    self.keep_out(it, &identity);
                    self.refused = Some(Rejection::Absent {
                        room: self.name(),
                        participant: identity.as_str().to_owned(),
                        banned: it.ban,
                        revoked_before: it.revoke_before,
                        because: self.gone(&it.target),
                    });
                }
                None => return Err(no),
            },
        }
        Ok(())
    }

    /// As [`Self::remove`] for each in turn; somebody who is not inside hinders nothing.
    pub(super) fn remove_each(&mut self, all: &[Remove]) -> Result<(), Rejection> {
        self.require_room()?;
        for it in all {
            self.require_near(it.revoke_before)?;
        }
        for it in all {
            if let Ok(found) = self.resolve(&it.target) {
                self.remove_found(it, &found);
            } else if let Some(identity) = self.absent(it) {
                let before = self.events.len();
                self.keep_out(it, &identity);
                if self.events.len() == before {
                    let who = self.who(&it.target, &[]);
                    self.no_effect(Some(who), "the identity is kept out so already");
                }
            } else {
                let who = self.who(&it.target, &[]);
                self.no_effect(Some(who), "nobody is inside");
            }
        }
        Ok(())
    }

    /// Whom a removal means who is not inside, where it also keeps them out.
    fn absent(&self, it: &Remove) -> Option<Identity> {
        if !it.ban && it.revoke_before.is_none() {
            return None;
        }
        match &it.target {
            Target::Everyone => None,
            Target::Identity(identity) => Some(identity.clone()),
            Target::Connection(id) => {
                let closed = self.room.connection_by_ref(id)?;
                let person = self.room.person(closed.participant)?;
                Some(person.identity.clone())
            }
        }
    }

    fn keep_out(&mut self, it: &Remove, identity: &Identity) {
        let participant = self.register(identity);
        if it.ban {
            self.ban_for_good(participant, None);
        }
        if let Some(before) = it.revoke_before {
            self.revoke(Some(participant), before, None);
        }
    }

    fn remove_found(&mut self, it: &Remove, found: &[Arc<Connection>]) {
        let who = self.who(&it.target, found);
        if found.is_empty() {
            // `*` with nobody inside: a ban needs people, a revocation of everybody's tokens none.
            let before = it.revoke_before;
            if !before.is_some_and(|before| self.revoke(None, before, None)) {
                self.no_effect(Some(who), "nobody is inside");
            }
            return;
        }
        let mut people: Vec<ParticipantNumber> = found
            .iter()
            .map(|connection| connection.participant)
            .collect();
        people.sort_unstable();
        people.dedup();
        let asked = who.asked.clone();
        let request = self.push(RemovalRequested {
            who,
            ban: it.ban,
            revoke_before: it.revoke_before,
        });
        if it.ban {
            for participant in &people {
                self.ban_for_good(*participant, Some(request));
            }
        }
        if let Some(before) = it.revoke_before {
            self.revoke_each(&people, it.target == Target::Everyone, before, request);
        }
        let closing = Closing {
            cause: CloseCause::Removed,
            reported_reason: None,
            due_at: None,
        };
        self.close(asked, &numbers(found), closing, Some(request));
    }

    /// A ban for good that stands already is not set again.
    fn ban_for_good(&mut self, participant: ParticipantNumber, request: Option<Version>) {
        let stands = self.room.person(participant).and_then(|person| person.ban);
        if stands.is_none_or(|ban| ban.until.is_some()) {
            let banned = ParticipantBanned {
                participant,
                until: None,
                former: self.standing_ban(participant),
            };
            self.push_event(banned.into(), request.map(Reference::here));
        }
    }

    pub(super) fn ban(
        &mut self,
        identity: &Identity,
        until: Option<Timestamp>,
    ) -> Result<(), Rejection> {
        self.require_room()?;
        if until.is_some_and(|until| until <= self.context.now) {
            let problem = "a ban must end in the future: give a later time or none".to_owned();
            return Err(Rejection::Invalid {
                what: "until".into(),
                problem,
            });
        }
        let participant = self.register(identity);
        let stands = self.room.person(participant).and_then(|person| person.ban);
        if stands.is_some_and(|ban| ban.until == until) {
            self.no_effect(
                Some(nobody(participant)),
                "the identity is banned so already",
            );
        } else {
            let former = self.standing_ban(participant);
            self.push(ParticipantBanned {
                participant,
                until,
                former,
            });
        }
        Ok(())
    }

    pub(super) fn unban(&mut self, identity: &Identity) -> Result<(), Rejection> {
        self.require_room()?;
        let known = self.room.person_by_identity(identity);
        let known = known.map(|(participant, _)| participant);
        let banned = known.and_then(|number| Some((number, self.standing_ban(number)?)));
        let asked = Target::Identity(identity.clone());
        if let Some((participant, former)) = banned {
            self.push(ParticipantUnbanned {
                participant,
                former,
            });
        } else {
            let who = self.who(&asked, &[]);
            self.no_effect(Some(who), "the identity is not banned");
        }
        Ok(())
    }

    pub(super) fn revoke_tokens(
        &mut self,
        identity: Option<&Identity>,
        before: Timestamp,
    ) -> Result<(), Rejection> {
        self.require_room()?;
        self.require_near(Some(before))?;
        let participant = identity.map(|identity| self.register(identity));
        if !self.revoke(participant, before, None) {
            let stands = self.revocation_of(participant);
            let stands = stands.map_or(before, |stands| stands.before);
            let why = format!(
                "tokens issued before {stands} are revoked already: lift that revocation first \
                 for an earlier moment"
            );
            self.no_effect(participant.map(nobody), &why);
        }
        Ok(())
    }

    pub(super) fn lift_revocation(&mut self, identity: Option<&Identity>) -> Result<(), Rejection> {
        self.require_room()?;
        let known = identity.map(|identity| self.room.by_identity.get(identity).copied());
        let stands = match known {
            None => self.room.revoked_all,
            Some(number) => number.and_then(|number| self.revocation_of(Some(number))),
        };
        if let Some(stands) = stands {
            let participant = known.flatten();
            self.push(RevocationLifted {
                participant,
                former: former_revocation(stands),
            });
        } else {
            let asked = identity.map(|identity| Target::Identity(identity.clone()));
            let who = asked.map(|target| self.who(&target, &[]));
            self.no_effect(who, "no such revocation stands");
        }
        Ok(())
    }

    /// A revocation lies in the past, or a little ahead where clocks differ: one that lies far
    /// ahead would keep out tokens that are yet to be issued.
    fn require_near(&self, before: Option<Timestamp>) -> Result<(), Rejection> {
        let now = self.context.now;
        match before.filter(|before| *before > now.plus_seconds(REVOCATION_AHEAD_S)) {
            None => Ok(()),
            Some(before) => Err(Rejection::Invalid {
                what: "the moment of a revocation".into(),
                problem: format!(
                    "{before} is more than a day ahead of now, {now}: give the moment before \
                     which issued tokens are refused"
                ),
            }),
        }
    }

    /// The ban of somebody that has not lapsed.
    fn standing_ban(&self, participant: ParticipantNumber) -> Option<FormerBan> {
        let now = self.context.now;
        let ban = self.room.person(participant)?.ban?;
        let stands = ban.until.is_none_or(|until| until > now);
        stands.then_some(FormerBan {
            until: ban.until,
            set: ban.set,
        })
    }

    fn revoke_each(
        &mut self,
        people: &[ParticipantNumber],
        everybody: bool,
        before: Timestamp,
        request: Version,
    ) {
        if everybody {
            self.revoke(None, before, Some(request));
            return;
        }
        for number in people {
            self.revoke(Some(*number), before, Some(request));
        }
    }

    /// A revocation never moves back in time: whether this one says more than the one that stands.
    fn revoke(
        &mut self,
        participant: Option<ParticipantNumber>,
        before: Timestamp,
        request: Option<Version>,
    ) -> bool {
        let stands = self.revocation_of(participant);
        if stands.is_some_and(|stands| stands.before >= before) {
            return false;
        }
        let revoked = TokensRevoked {
            participant,
            before,
            former: stands.map(former_revocation),
        };
        self.push_event(revoked.into(), request.map(Reference::here));
        true
    }

    fn revocation_of(&self, participant: Option<ParticipantNumber>) -> Option<Revocation> {
        match participant {
            Some(number) => self.room.person(number)?.revoked,
            None => self.room.revoked_all,
        }
    }
}

const fn former_revocation(stood: Revocation) -> FormerRevocation {
    FormerRevocation {
        before: stood.before,
        set: stood.set,
    }
}

/// A person, without any connection.
fn nobody(participant: ParticipantNumber) -> Who {
    Who {
        asked: Selector::Participant(participant),
        connections: Ranges::new(),
    }
}

/// How far ahead a revocation may lie: a day covers every time zone and a clock that is wrong by
/// hours, and ends by itself before anybody looks for the reason.
const REVOCATION_AHEAD_S: u32 = 86_400;
