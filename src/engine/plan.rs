//! What a batch of commands comes to: decided in order on working copies, so that a later command
//! sees what an earlier one did, and nobody else does until it is durable.
//!
//! Apart and pure, so that batching is invisible (law 13) can be tested without threads. It reads
//! no clock, no store and no cache, and publishes nothing.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::debug_span;

use super::call::{Call, Refused, Status};
use super::error::EngineError;
use super::refusals::{Attempt, Refusals};
use super::rules::Rules;
use super::short::shorten;
use crate::domain::{
    Actor, ActorKind, Command, Context, Decision, Defaults, Digest, Event, Kind, NewEvent,
    Provenance, RULESET, Reference, Rejection, Request, Room, RoomName, Timestamp, Version,
    is_of_room, target_text, with_refusal,
};
use crate::store::{CommandHeader, CommandRecord, Commit, NewRecord, Outcome, RequestRecord};

/// What every decision of a batch may know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) rules: Rules,
    pub(crate) defaults: &'a Defaults,
    /// The ledger's time.
    pub(crate) now: Timestamp,
    /// What the wall clock says.
    pub(crate) wall: Timestamp,
    /// Whether timers rest, since the clock is not trusted.
    pub(crate) timers_rest: bool,
}

/// A batch that is being decided.
pub(crate) struct Planner<'a> {
    setting: Setting<'a>,
    /// Gives 128 random bits for each decision.
    entropy: &'a dyn Fn() -> u128,
    /// Every room that the batch is about, as the commands so far left it.
    rooms: BTreeMap<RoomName, Arc<Room>>,
    changed: BTreeMap<RoomName, Arc<Room>>,
    system: Version,
    commit: Commit,
    count: usize,
}

/// A batch that was decided.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) commit: Commit,
    /// The rooms that it changes, as they will be.
    pub(crate) changed: BTreeMap<RoomName, Arc<Room>>,
    /// Where the system stream will be.
    pub(crate) system: Version,
}

/// What one command of a batch came to, once the batch is durable.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: Status,
    pub(crate) because: Vec<Reference>,
    /// How many records of the commit stand before its own.
    pub(crate) before: usize,
    pub(crate) count: usize,
    pub(crate) room: Arc<Room>,
    pub(crate) destination: Option<Arc<Room>>,
}

/// The events of one command for one stream, and the room with them folded in.
struct Share {
    stream: Option<RoomName>,
    events: Vec<NewEvent>,
    room: Arc<Room>,
}

struct Verdict {
    shares: Vec<Share>,
    rejection: Option<Rejection>,
}

impl Share {
    fn of(decision: Decision) -> Self {
        Self {
            stream: Some(decision.room.name.clone()),
            events: decision.events,
            room: Arc::new(decision.room),
        }
    }
}

impl<'a> Planner<'a> {
    /// `rooms` holds every room that a command of the batch is about.
    pub(crate) const fn new(
        setting: Setting<'a>,
        rooms: BTreeMap<RoomName, Arc<Room>>,
        system: Version,
        entropy: &'a dyn Fn() -> u128,
    ) -> Self {
        Self {
            setting,
            entropy,
            rooms,
            changed: BTreeMap::new(),
            system,
            commit: Commit {
                commands: Vec::new(),
            },
            count: 0,
        }
    }

    /// Decides one command, and whatever timers it left due: they fire before the next command, as
    /// they would in a batch of one. A panic of the rules leaves the batch as it was.
    pub(crate) fn ask(
        &mut self,
        call: &Call,
        refusals: &mut Refusals,
    ) -> Result<Reply, EngineError> {
        let verdict = self.judge(call)?;
        let reply = self.enter(call, verdict, refusals);
        if !self.setting.timers_rest {
            self.tick_while_due(&reply.room);
            if let Some(destination) = &reply.destination {
                self.tick_while_due(destination);
            }
        }
        Ok(reply)
    }

    /// Lets the room's timers fire that are due. One that breaks, or comes to nothing, is not asked
    /// again before its room changes.
    pub(crate) fn tick(&mut self, room: &RoomName) {
        let call = Call {
            request: Request::new(room.clone(), Command::Tick),
            provenance: Provenance::of_engine(ActorKind::Policy, "timer"),
            digest: Digest::of(&[]),
            request_bytes: 0,
            operation: None,
        };
        if let Ok(verdict) = self.judge(&call)
            && verdict.rejection.is_none()
        {
            // Nothing is refused, so nothing is counted.
            self.enter(&call, verdict, &mut Refusals::new(0));
        }
    }

    /// Records facts of the ledger itself.
    pub(crate) fn record_system(&mut self, events: &[Event]) {
        let provenance = Provenance::of_engine(ActorKind::System, "engine");
        self.record_system_by(provenance, None, events);
    }

    /// Records what an operator did to the ledger itself.
    pub(crate) fn record_system_by(
        &mut self,
        provenance: Provenance,
        request: Option<RequestRecord>,
        events: &[Event],
    ) {
        if events.is_empty() {
            return;
        }
        let header = self.header(provenance, request, Outcome::Accepted);
        let events = events.iter().cloned().map(|event| NewEvent {
            event,
            cause: None,
            occurred_at: None,
        });
        let records = self.continue_system(events.collect());
        self.push(header, records);
    }

    pub(crate) fn finish(self) -> Plan {
        Plan {
            commit: self.commit,
            changed: self.changed,
            system: self.system,
        }
    }

    fn tick_while_due(&mut self, room: &Room) {
        let mut version = Version(0);
        loop {
            let now = self.room(&room.name);
            let due = now.next_due().is_some_and(|due| due <= self.setting.now);
            if !due || now.version == version {
                return;
            }
            version = now.version;
            self.tick(&room.name);
        }
    }

    fn judge(&self, call: &Call) -> Result<Verdict, EngineError> {
        let command = call.request.command.name();
        let room = &call.request.room;
        let entropy = (self.entropy)();
        let span = debug_span!("decide", room = room.as_str(), kind = command);
        let verdict = catch_unwind(AssertUnwindSafe(|| {
            span.in_scope(|| self.decide(call, entropy))
        }));
        verdict.map_err(|_| EngineError::Broken {
            command,
            room: room.to_string(),
        })
    }

    fn decide(&self, call: &Call, entropy: u128) -> Verdict {
        let request = &call.request;
        let room = self.room_of(request);
        let context = Context {
            now: self.setting.now,
            wall: self.setting.wall,
            defaults: self.setting.defaults,
            entropy,
        };
        let rules = &self.setting.rules;
        let decided = if let Command::Move { to_room, .. } = &request.command {
            let to = self.room(to_room);
            (rules.decide_move)(&room, &to, request, &context)
                .map(|decision| vec![Share::of(decision.from), Share::of(decision.to)])
        } else {
            let decided = (rules.decide)(&room, request, &context);
            match decided {
                Ok(decision) if decision.refused.is_some() => {
                    return refuse_after(decision, call, &context);
                }
                decided => decided.map(|decision| vec![Share::of(decision)]),
            }
        };
        decided.map_or_else(
            |rejection| Verdict {
                shares: vec![self.refuse(&room, call, &rejection, &context)],
                rejection: Some(rejection),
            },
            |shares| Verdict {
                shares,
                rejection: None,
            },
        )
    }

    fn refuse(
        &self,
        room: &Arc<Room>,
        call: &Call,
        rejection: &Rejection,
        context: &Context<'_>,
    ) -> Share {
        let refuse = self.setting.rules.refuse;
        let asked = (call.digest, call.request_bytes);
        let decision = refuse(room, &call.request, rejection, context, asked);
        if is_of_room(room, &call.request) {
            return Share::of(decision);
        }
        Share {
            stream: None,
            events: decision.events,
            room: Arc::clone(room),
        }
    }

    /// Takes a verdict into the batch: from here on nothing can fail.
    fn enter(&mut self, call: &Call, verdict: Verdict, refusals: &mut Refusals) -> Reply {
        let Verdict {
            mut shares,
            rejection,
        } = verdict;
        if let Some(no) = &rejection
            && !has_effect(&shares)
            && !self.is_recorded(call, no, refusals)
        {
            for share in &mut shares {
                share.events.clear();
                share.room = self.room_of(&call.request);
            }
        }
        let before = self.count;
        let count = shares.iter().map(|share| share.events.len()).sum();
        let (status, outcome) = sum_up(&shares, rejection.as_ref(), count);
        let because = because(&shares, rejection.as_ref(), &call.request.room);
        let is_refusal = rejection.is_some() && !has_effect(&shares);
        let mut header = self.header_of(call, outcome);
        let mut rooms = Vec::new();
        let mut records = Vec::new();
        for share in shares {
            rooms.push(Arc::clone(&share.room));
            records.extend(self.continue_stream(share));
        }
        if is_refusal {
            shorten(&mut header, &mut records);
        }
        self.push(header, records);
        let mut rooms = rooms.into_iter();
        Reply {
            status,
            because,
            before,
            count,
            room: rooms.next().unwrap_or_else(|| self.room_of(&call.request)),
            destination: rooms.next(),
        }
    }

    fn is_recorded(&self, call: &Call, no: &Rejection, refusals: &mut Refusals) -> bool {
        let target = target_text(&call.request.command);
        let attempt = Attempt {
            room: &call.request.room,
            call: &call.provenance.via.call,
            target: target.as_deref(),
            code: no.code(),
            is_denied: call.request.is_denied(),
        };
        refusals.admit(&call.provenance.actor, attempt, self.setting.now)
    }

    fn continue_stream(&mut self, share: Share) -> Vec<NewRecord> {
        let Some(name) = share.stream else {
            return self.continue_system(share.events);
        };
        if share.events.is_empty() {
            return Vec::new();
        }
        let mut version = self.room(&name).version;
        self.rooms.insert(name.clone(), Arc::clone(&share.room));
        self.changed.insert(name.clone(), share.room);
        let numbered = share.events.into_iter().map(|event| {
            version = version.next();
            NewRecord {
                room: Some(name.clone()),
                version,
                event,
            }
        });
        numbered.collect()
    }

    fn continue_system(&mut self, events: Vec<NewEvent>) -> Vec<NewRecord> {
        let numbered = events.into_iter().map(|event| {
            self.system = self.system.next();
            NewRecord {
                room: None,
                version: self.system,
                event,
            }
        });
        numbered.collect()
    }

    fn push(&mut self, header: CommandHeader, events: Vec<NewRecord>) {
        if events.is_empty() {
            return;
        }
        self.count += events.len();
        self.commit.commands.push(CommandRecord {
            header: Arc::new(header),
            events,
        });
    }

    fn header_of(&self, call: &Call, outcome: Outcome) -> CommandHeader {
        let mut provenance = call.provenance.clone();
        if let Some(id) = &call.request.as_connection {
            let room = self.room_of(&call.request);
            let acting = room.connection_by_ref(id);
            provenance.actor = Actor {
                connection: acting.map(|connection| connection.number),
                ..provenance.actor
            };
        }
        let request = call.key().map(|key| RequestRecord {
            key,
            digest: call.digest,
        });
        self.header(provenance, request, outcome)
    }

    const fn header(
        &self,
        provenance: Provenance,
        request: Option<RequestRecord>,
        outcome: Outcome,
    ) -> CommandHeader {
        CommandHeader {
            recorded_at: self.setting.now,
            wall_at: self.setting.wall,
            ruleset: RULESET,
            provenance,
            request,
            outcome,
        }
    }

    /// The room of a request; of a caller without a right nothing depends on it.
    fn room_of(&self, request: &Request) -> Arc<Room> {
        if request.is_denied() {
            return Arc::new(Room::new(request.room.clone()));
        }
        self.room(&request.room)
    }

    fn room(&self, name: &RoomName) -> Arc<Room> {
        let known = self.rooms.get(name).map(Arc::clone);
        known.unwrap_or_else(|| Arc::new(Room::new(name.clone())))
    }
}

/// A no after something was done all the same: one record more.
fn refuse_after(decision: Decision, call: &Call, context: &Context<'_>) -> Verdict {
    let asked = (call.digest, call.request_bytes);
    let decision = with_refusal(decision, &call.request, context, asked);
    Verdict {
        rejection: decision.refused.clone(),
        shares: vec![Share::of(decision)],
    }
}

/// Whether a refusal came with more than its own record.
fn has_effect(shares: &[Share]) -> bool {
    let mut kinds = shares
        .iter()
        .flat_map(|share| &share.events)
        .map(|event| event.event.kind());
    kinds.any(|kind| !matches!(kind, Kind::CommandRefused | Kind::ParticipantRegistered))
}

fn sum_up(shares: &[Share], rejection: Option<&Rejection>, count: usize) -> (Status, Outcome) {
    if let Some(rejection) = rejection {
        let reasons = rejection.reasons().iter();
        let codes = reasons.map(|reason| reason.code().as_str().to_owned());
        let refused = Refused {
            code: rejection.code(),
            detail: rejection.to_string(),
            because: Vec::new(),
            rejection: Some(rejection.clone()),
        };
        let status = Status::Refused(Box::new(refused));
        return (status, Outcome::Refused(codes.collect()));
    }
    if count == 0 {
        return (Status::Unchanged, Outcome::Accepted);
    }
    let mut kinds = shares
        .iter()
        .flat_map(|share| &share.events)
        .map(|event| event.event.kind());
    // A person may be mentioned for the first time by a command that changes nothing.
    if kinds.all(|kind| matches!(kind, Kind::NoEffect | Kind::ParticipantRegistered)) {
        return (Status::NoEffect, Outcome::NoEffect);
    }
    (Status::Accepted, Outcome::Accepted)
}

/// The reasons as the record has them, or as the refusal itself does when it is not recorded.
fn because(shares: &[Share], rejection: Option<&Rejection>, home: &RoomName) -> Vec<Reference> {
    let Some(rejection) = rejection else {
        return Vec::new();
    };
    let events = shares.iter().flat_map(|share| &share.events);
    let mut recorded = events.filter_map(|event| {
        let Event::CommandRefused(refused) = &event.event else {
            return None;
        };
        Some(refused.because.clone())
    });
    recorded
        .next()
        .unwrap_or_else(|| rejection.because(Some(home)))
}
