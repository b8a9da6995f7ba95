//! The record of a refusal: every code, and beside it the event that is the reason. What that event
//! must be is read from the events before it, not from the room that refused.

use proptest::prelude::*;
use roomledger::domain::event::{CommandRefused, Event, Reference};
use roomledger::domain::{
    Command, ConnectionNumber, Identity, Kind, ParticipantNumber, Rejection, Request, Room, Version,
};
use roomledger::testing::program::{Recorded, Taken, programs, run};

use super::{STEPS_MAX, cases, histories};

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_refusal_records_each_code_and_the_events_that_are_its_reasons(
        program in programs(STEPS_MAX)
    ) {
        let taken = run(&program);
        let histories = histories(&taken);
        for step in &taken {
            let Some((no, record)) = refused(step) else { continue };
            let history = &histories[&step.before.name];
            let before = usize::try_from(step.before.version.0).unwrap();
            let told = Told {
                request: &step.request,
                room: &step.before,
                events: history.get(..before).unwrap(),
            };
            prop_assert_eq!(told.wrong(no, record), None, "{:?} {:?}", step.request, record);
        }
    }
}

/// A refusal that was recorded in the room, decided by what stood there before. What a command had
/// done before it was refused, and a move, which two rooms refuse, are left out.
fn refused(step: &Taken) -> Option<(&Rejection, &CommandRefused)> {
    let no = step.refused.as_ref()?;
    let record = step.recorded.iter().find_map(|recorded| {
        if let Event::CommandRefused(it) = &recorded.event.event {
            Some(it)
        } else {
            None
        }
    })?;
    let is_plain = step.recorded.iter().all(|recorded| {
        let kind = recorded.event.event.kind();
        [Kind::CommandRefused, Kind::ParticipantRegistered].contains(&kind)
    });
    let moves = matches!(step.request.command, Command::Move { .. });
    (is_plain && !moves).then_some((no, record))
}

/// What was known when a request was refused.
struct Told<'a> {
    request: &'a Request,
    /// For the meaning of ids alone.
    room: &'a Room,
    events: &'a [Recorded],
}

impl Told<'_> {
    /// What is wrong with the record.
    fn wrong(&self, no: &Rejection, record: &CommandRefused) -> Option<String> {
        let codes: Vec<&str> = no.reasons().iter().map(|one| one.code().as_str()).collect();
        if codes != record.codes {
            return Some(format!("refused for {codes:?}"));
        }
        let mut because = record.because.iter().peekable();
        for code in codes {
            let fits = because.peek().is_some_and(|it| self.is_reason(code, it));
            if fits {
                because.next();
            } else if ALWAYS.contains(&code) {
                return Some(format!("{code} has not its event"));
            }
        }
        because.next().map(|it| format!("{it:?} is no reason"))
    }

    fn is_reason(&self, code: &str, reference: &Reference) -> bool {
        if reference.room.is_some() {
            return false;
        }
        let version = reference.version;
        let Some(found) = self.events.iter().find(|event| event.version == version) else {
            return false;
        };
        let event = &found.event.event;
        let kind = event.kind();
        match (code, event) {
            ("banned", Event::ParticipantBanned(it)) => {
                Some(it.participant) == self.joining()
                    && self.is_last(version, |later| match later {
                        Event::ParticipantBanned(next) => next.participant == it.participant,
                        Event::ParticipantUnbanned(next) => next.participant == it.participant,
                        _ => later.kind() == Kind::RoomDeleted,
                    })
            }
            ("token-revoked", Event::TokensRevoked(it)) => {
                (it.participant.is_none() || it.participant == self.joining())
                    && self.is_last(version, |later| match later {
                        Event::TokensRevoked(next) => next.participant == it.participant,
                        Event::RevocationLifted(next) => next.participant == it.participant,
                        _ => later.kind() == Kind::RoomDeleted,
                    })
            }
            ("no-right", _) => {
                let acting = self.request.as_connection.as_deref();
                match acting.and_then(|id| self.room.connection_by_ref(id)) {
                    Some(acting) => {
                        sets_permission(event, acting.number)
                            && self.is_last(version, |later| sets_permission(later, acting.number))
                    }
                    None => [Kind::ConnectionOpened, Kind::PermissionsChanged].contains(&kind),
                }
            }
            ("version-conflict", _) => !kind.is_record_only(),
            (
                "connection-closed" | "no-such-participant" | "no-such-connection",
                Event::ConnectionsClosed(_),
            )
            | ("no-open-session", Event::SessionEnded(_))
            | ("no-such-track", Event::TracksUnpublished(_))
            | ("invalid", Event::RoomCreated(_))
            | ("id-reused", Event::ConnectionOpened(_) | Event::TrackPublished(_)) => true,
            _ if OF_SETTINGS.contains(&code) => SETS.contains(&kind),
            _ => false,
        }
    }

    /// The number of the person that asks to come in.
    fn joining(&self) -> Option<ParticipantNumber> {
        let Command::Join(join) = &self.request.command else {
            return None;
        };
        let identity: &Identity = join.identity.as_ref()?;
        self.events.iter().find_map(|recorded| {
            if let Event::ParticipantRegistered(it) = &recorded.event.event {
                (it.identity.value() == identity).then_some(it.participant)
            } else {
                None
            }
        })
    }

    /// Whether no event after that one takes its place.
    fn is_last(&self, version: Version, replaces: impl Fn(&Event) -> bool) -> bool {
        let mut later = self.events.iter().filter(|event| event.version > version);
        !later.any(|event| replaces(&event.event.event))
    }
}

fn sets_permission(event: &Event, number: ConnectionNumber) -> bool {
    match event {
        Event::ConnectionOpened(it) => it.number == number,
        Event::PermissionsChanged(it) => {
            let mut all = it.groups.iter().flat_map(|group| group.connections.iter());
            all.any(|one| one == number)
        }
        _ => false,
    }
}

/// Codes of refusals that an event of the room always is the reason for.
const ALWAYS: [&str; 4] = ["banned", "token-revoked", "no-right", "connection-closed"];
/// Codes of refusals by a room's settings.
const OF_SETTINGS: [&str; 5] = [
    "room-full",
    "room-disabled",
    "room-not-open",
    "room-expired",
    "remote-unmute-disabled",
];
/// What sets them.
const SETS: [Kind; 3] = [
    Kind::RoomCreated,
    Kind::RoomConfigChanged,
    Kind::SessionOpened,
];
