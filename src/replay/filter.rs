//! Which events somebody wants to read: by kind, by who did it, by whom it was about.
//!
//! Apart because the server and the command line must agree on it. It looks at records before they
//! are shown, since most of them are not.

use crate::domain::event::{NoteAbout, Selector, Who};
use crate::domain::{Actor, ConnectionNumber, Event, Kind, ParticipantNumber, Personal, Ranges};
use crate::replay::names::Names;
use crate::store::Record;

/// What is wanted; a filter that says nothing lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these kinds; all when empty.
    pub kinds: Vec<Kind>,
    /// Only what this token's subject, key, participant, connection or person behind a call did. A
    /// name that is no identity of the room stands for everybody who ever showed it; so it does in
    /// `target`.
    pub actor: Option<String>,
    /// Only what is about this identity or connection, or was asked in these words; `identity:`,
    /// `connection:` and `name:` before it say which of them is meant.
    pub target: Option<String>,
    /// Only refusals, or none of them.
    pub refused: Option<bool>,
}

impl Filter {
    /// Whether [`Filter::matches`] looks at names at all.
    pub const fn needs_names(&self) -> bool {
        self.actor.is_some() || self.target.is_some()
    }

    /// Whether a record could be wanted that is a refusal.
    pub fn takes_refusals(&self) -> bool {
        let kinds = &self.kinds;
        let takes = |kind: &Kind| is_refusal(*kind);
        self.refused != Some(false) && (kinds.is_empty() || kinds.iter().any(takes))
    }

    /// Whether a record is wanted, by the directory of its stream.
    pub fn matches(&self, record: &Record, names: Option<&Names>) -> bool {
        let kind = record.event.event.kind();
        let is_kind = self.kinds.is_empty() || self.kinds.contains(&kind);
        let is_refused = self
            .refused
            .is_none_or(|refused| refused == is_refusal(kind));
        is_kind
            && is_refused
            && self.actor.as_deref().is_none_or(|wanted| {
                let actor = &record.command.provenance.actor;
                let wanted = Wanted::any(wanted, names);
                wanted.is_actor(actor) || wanted.is_summed(&record.event.event)
            })
            && self
                .target
                .as_deref()
                .is_none_or(|wanted| Wanted::parse(wanted, names).is_about(&record.event.event))
    }
}

const fn is_refusal(kind: Kind) -> bool {
    matches!(kind, Kind::CommandRefused | Kind::RefusalsSuppressed)
}

/// Somebody as a reader names them.
struct Wanted<'a> {
    /// All of what was written.
    whole: &'a str,
    identity: Option<&'a str>,
    connection: Option<&'a str>,
    /// Who ever showed that name.
    shown: &'a [ParticipantNumber],
    names: Option<&'a Names>,
}

impl<'a> Wanted<'a> {
    /// `identity:...`, `connection:...`, `name:...`, or any of them.
    fn parse(text: &'a str, names: Option<&'a Names>) -> Self {
        let mut wanted = Self::any(text, names);
        if let Some(identity) = text.strip_prefix("identity:") {
            (wanted.identity, wanted.connection) = (Some(identity), None);
            wanted.shown = &[];
        } else if let Some(name) = text.strip_prefix("name:") {
            (wanted.identity, wanted.connection) = (None, None);
            wanted.shown = shown_as(names, name);
        } else if let Some(connection) = text.strip_prefix("connection:") {
            (wanted.identity, wanted.connection) = (None, Some(connection));
            wanted.shown = &[];
        }
        wanted
    }

    fn any(text: &'a str, names: Option<&'a Names>) -> Self {
        let is_identity = names.is_some_and(|names| names.participant(text).is_some());
        Self {
            whole: text,
            identity: Some(text),
            connection: Some(text),
            // Whoever shows the identity of another is not found under it.
            shown: if is_identity {
                &[]
            } else {
                shown_as(names, text)
            },
            names,
        }
    }

    fn is_actor(&self, actor: &Actor) -> bool {
        let named = [
            Some(actor.id.as_str()),
            actor.key.as_deref(),
            actor.on_behalf_of.as_ref().map(Personal::as_str),
        ];
        let people = self.shown.iter();
        let mut people = people.filter_map(|number| self.names?.identity(*number));
        named.contains(&Some(self.whole))
            || people.any(|person| named.contains(&Some(person.as_str())))
            || actor.connection.is_some_and(|number| self.is(number))
    }

    /// Whether a sum counts refusals of this actor.
    fn is_summed(&self, event: &Event) -> bool {
        let Event::RefusalsSuppressed(it) = event else {
            return false;
        };
        let names = [
            Some(it.actor.as_str()),
            it.key.as_deref(),
            it.on_behalf_of.as_ref().map(Personal::as_str),
        ];
        names.contains(&Some(self.whole))
    }

    fn is_about(&self, event: &Event) -> bool {
        match event {
            Event::ParticipantRegistered(it) => {
                self.identity == Some(it.identity.value().as_str())
                    || self.is_person(it.participant)
            }
            Event::ParticipantBanned(it) => self.is_person(it.participant),
            Event::ParticipantUnbanned(it) => self.is_person(it.participant),
            Event::TokensRevoked(it) => it.participant.is_some_and(|one| self.is_person(one)),
            Event::RevocationLifted(it) => it.participant.is_some_and(|one| self.is_person(one)),
            Event::ConnectionOpened(it) => {
                self.is(it.number) || it.replaces.is_some_and(|old| self.is(old))
            }
            Event::ConnectionActivated(it) => self.is(it.connection),
            Event::ConnectionInterrupted(it) => self.is(it.connection),
            Event::ConnectionResumed(it) => self.is(it.connection),
            Event::CloseConfirmed(it) => self.is(it.connection),
            Event::TrackPublished(it) => self.is(it.connection),
            Event::TrackMuteChanged(it) => self.is(it.connection),
            Event::TrackUpdated(it) => self.is(it.connection),
            Event::TracksUnpublished(it) => self.is(it.connection),
            Event::RemovalRequested(it) => self.is_among(&it.who),
            Event::ConnectionsClosed(it) => self.is_among(&it.who),
            Event::MoveRequested(it) => self.is_among(&it.who),
            Event::ProfileChanged(it) => self.is_among(&it.who),
            Event::SubscriptionsChanged(it) => self.is_among(&it.who),
            Event::PermissionsChanged(it) => {
                let mut unknown = it.unknown_targets.iter();
                it.who.iter().any(|who| self.is_among(who))
                    || unknown.any(|target| self.is_written(target.as_str()))
            }
            Event::DataSent(it) => it.who.iter().any(|who| self.is_among(who)),
            Event::ActivityReported(it) => {
                let connections = it.items.iter().filter_map(|item| item.connection);
                connections.into_iter().any(|number| self.is(number))
            }
            Event::NoteAdded(it) => match it.about {
                NoteAbout::Participant(number) => self.is_person(number),
                NoteAbout::Connection(number) => self.is(number),
                NoteAbout::Room | NoteAbout::Event(_) => false,
            },
            Event::NoEffect(it) => it.who.as_ref().is_some_and(|who| self.is_among(who)),
            Event::CommandRefused(it) => it.who.as_ref().is_some_and(|who| self.is_asked(who)),
            Event::EngineStarted(_)
            | Event::EngineStopped(_)
            | Event::ClockHeld(_)
            | Event::ClockReleased(_)
            | Event::DefaultsChanged(_)
            | Event::ApiTokensRevoked(_)
            | Event::ApiTokenRevocationLifted(_)
            | Event::ApiKeysChanged(_)
            | Event::RefusalsSuppressed(_)
            | Event::HistoryRepaired(_)
            | Event::LossAccepted(_)
            | Event::RoomCreated(_)
            | Event::RoomConfigChanged(_)
            | Event::RoomMetadataChanged(_)
            | Event::RoomDeleted(_)
            | Event::SessionOpened(_)
            | Event::SessionEndRequested(_)
            | Event::SessionEnded(_)
            | Event::SessionDataChanged(_) => false,
        }
    }

    fn is_among(&self, who: &Who) -> bool {
        self.is_asked(&who.asked) || self.is_one_of(&who.connections)
    }

    fn is_asked(&self, selector: &Selector) -> bool {
        match selector {
            Selector::Participant(number) => self.is_person(*number),
            Selector::Connection(number) => self.is(*number),
            Selector::Unknown(text) => self.is_written(text.as_str()),
            Selector::Everyone => self.whole == "*",
            Selector::Chosen => false,
        }
    }

    fn is_one_of(&self, numbers: &Ranges<ConnectionNumber>) -> bool {
        // Nothing is known of a number beyond them.
        let last = self.names.map(Names::last_connection);
        let mut numbers = numbers.up_to(last.unwrap_or_default());
        numbers.any(|number| self.is(number))
    }

    fn is_person(&self, number: ParticipantNumber) -> bool {
        let identity = self.names.and_then(|names| names.identity(number));
        self.shown.contains(&number)
            || identity.is_some_and(|identity| self.identity == Some(identity.as_str()))
    }

    fn is(&self, number: ConnectionNumber) -> bool {
        let Some(name) = self.names.and_then(|names| names.connection(number)) else {
            return false;
        };
        self.is_person(name.participant) || self.connection.is_some_and(|id| name.answers_to(id))
    }

    /// Nobody that the room knew: as it was written then, with or without the prefix.
    fn is_written(&self, text: &str) -> bool {
        let bare = text
            .strip_prefix("identity:")
            .or_else(|| text.strip_prefix("connection:"));
        [Some(text), bare].into_iter().flatten().any(|written| {
            written == self.whole
                || self.identity == Some(written)
                || self.connection == Some(written)
        })
    }
}

fn shown_as<'a>(names: Option<&'a Names>, name: &str) -> &'a [ParticipantNumber] {
    names.map_or(&[], |names| names.shown_as(name))
}
