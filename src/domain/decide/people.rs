//! Rules for keeping people out and sending them away: remove, ban, unban, revoke.
//! Apart because removal that holds is what the vendors lack.

use std::sync::Arc;

use super::draft::Draft;
use super::limits;
use super::target::numbers;
use crate::domain::command::{Remove, Target};
use crate::domain::event::{
    CloseCause, Closing, ParticipantBanned, ParticipantUnbanned, RemovalRequested, Selector,
    TokensRevoked, Who,
};
use crate::domain::id::{Identity, ParticipantNumber, Version};
use crate::domain::limits::TARGETS_MAX;
use crate::domain::ranges::Ranges;
use crate::domain::rejection::Rejection;
use crate::domain::state::Connection;
use crate::domain::time::Timestamp;

impl Draft<'_> {
    /// Disconnects now; on request also keeps out, and refuses older tokens.
    pub(super) fn remove(&mut self, it: &Remove) -> Result<(), Rejection> {
        self.require_room()?;
        let found = self.resolve(&it.target)?;
        self.remove_found(it, &found);
        Ok(())
    }

    /// As [`Self::remove`] for each in turn; an identity that is not inside is kept out all the
    /// same where that is asked.
    pub(super) fn remove_each(&mut self, all: &[Remove]) -> Result<(), Rejection> {
        self.require_room()?;
        limits::count("targets", all.len(), TARGETS_MAX)?;
        for it in all {
            match (self.resolve(&it.target), &it.target) {
                (Ok(found), _) => self.remove_found(it, &found),
                (Err(_), Target::Identity(identity)) if it.ban => self.ban(identity, None)?,
                (Err(_), target) => {
                    let who = self.who(target, &[]);
                    self.no_effect(Some(who), "nobody is inside");
                }
            }
        }
        Ok(())
    }

    fn remove_found(&mut self, it: &Remove, found: &[Arc<Connection>]) {
        let who = self.who(&it.target, found);
        if found.is_empty() {
            self.no_effect(Some(who), "nobody is inside");
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
                self.push_because(
                    ParticipantBanned {
                        participant: *participant,
                        until: None,
                    },
                    request,
                );
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

    pub(super) fn ban(
        &mut self,
        identity: &Identity,
        until: Option<Timestamp>,
    ) -> Result<(), Rejection> {
        self.require_room()?;
        if until.is_some_and(|until| until <= self.context.now) {
            let problem = "a ban must end in the future: give a later time or none".to_owned();
            return Err(Rejection::Invalid {
                what: "until",
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
            self.push(ParticipantBanned { participant, until });
        }
        Ok(())
    }

    pub(super) fn unban(&mut self, identity: &Identity) -> Result<(), Rejection> {
        self.require_room()?;
        let now = self.context.now;
        let known = self.room.person_by_identity(identity);
        let banned = known.filter(|(_, person)| {
            person
                .ban
                .is_some_and(|ban| ban.until.is_none_or(|until| until > now))
        });
        let banned = banned.map(|(participant, _)| participant);
        let asked = Target::Identity(identity.clone());
        if let Some(participant) = banned {
            self.push(ParticipantUnbanned { participant });
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
        let participant = identity.map(|identity| self.register(identity));
        let stands = match participant {
            Some(number) => self.room.person(number).and_then(|person| person.revoked),
            None => self.room.revoked_all,
        };
        if stands.is_some_and(|revocation| revocation.before >= before) {
            let who = participant.map(nobody);
            self.no_effect(who, "tokens issued before that moment are revoked already");
        } else {
            self.push(TokensRevoked {
                participant,
                before,
            });
        }
        Ok(())
    }

    /// A revocation never moves back in time.
    fn revoke_each(
        &mut self,
        people: &[ParticipantNumber],
        everybody: bool,
        before: Timestamp,
        request: Version,
    ) {
        if everybody {
            if self
                .room
                .revoked_all
                .is_none_or(|stands| stands.before < before)
            {
                self.push_because(
                    TokensRevoked {
                        participant: None,
                        before,
                    },
                    request,
                );
            }
            return;
        }
        for number in people {
            let stands = self.room.person(*number).and_then(|person| person.revoked);
            if stands.is_none_or(|stands| stands.before < before) {
                let participant = Some(*number);
                self.push_because(
                    TokensRevoked {
                        participant,
                        before,
                    },
                    request,
                );
            }
        }
    }
}

/// A person, without any connection.
fn nobody(participant: ParticipantNumber) -> Who {
    Who {
        asked: Selector::Participant(participant),
        connections: Ranges::new(),
    }
}
