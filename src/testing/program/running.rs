//! A program carried out on two rooms by the pure rules alone, refusals recorded as the engine
//! would. Apart because the engine has a way of its own to run the same steps.

use super::step::Step;
use crate::domain::{
    Command, Context, Defaults, Digest, NewEvent, Rejection, Request, Room, RoomName, Timestamp,
    Version, decide, decide_move, refusal, with_refusal,
};

/// The names of the two rooms of [`run`].
pub const ROOMS: [&str; 2] = ["town", "harbour"];

/// One recorded event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The room it is of.
    pub room: RoomName,
    /// Its place there.
    pub version: Version,
    /// When it was recorded.
    pub at: Timestamp,
    /// The event.
    pub event: NewEvent,
}

/// What one request came to.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The request.
    pub request: Request,
    /// The room before.
    pub before: Room,
    /// The room after, as the decision itself folded it.
    pub after: Room,
    /// The destination of a move that was carried out.
    pub arrival: Option<Arrival>,
    /// What was recorded: of the room first, then of the destination.
    pub recorded: Vec<Recorded>,
    /// The refusal, where there was one.
    pub refused: Option<Rejection>,
}

/// What a move came to at its destination.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The destination before.
    pub before: Room,
    /// The destination after, as the decision itself folded it.
    pub after: Room,
}

/// Runs a program on two empty rooms.
pub fn run(program: &[Step]) -> Vec<Taken> {
    run_in(ROOMS.map(room_name), program)
}

/// Runs a program on two empty rooms of those names.
///
/// The timers that are due in the room of a step fire before it, and those of the other room too.
pub fn run_in(names: [RoomName; 2], program: &[Step]) -> Vec<Taken> {
    let defaults = Defaults::default();
    let mut rooms = names.map(Room::new);
    let mut now = Timestamp::from_seconds(START_S);
    let mut all = Vec::new();
    for step in program {
        now = now.plus_seconds(step.wait_s.into());
        let context = Context {
            now,
            wall: now,
            defaults: &defaults,
            entropy: step.entropy,
        };
        if step.room % 2 == 1 {
            rooms.reverse();
        }
        let [room, other] = &mut rooms;
        if other.next_due().is_some_and(|due| due <= now) {
            let tick = Request::new(other.name.clone(), Command::Tick);
            all.push(take([&mut *other, &mut *room], tick, &context));
        }
        let tick = Request::new(room.name.clone(), Command::Tick);
        all.push(take([&mut *room, &mut *other], tick, &context));
        let request = step.request([&*room, &*other], now);
        all.push(take([&mut *room, &mut *other], request, &context));
        if step.room % 2 == 1 {
            rooms.reverse();
        }
    }
    all
}

impl Taken {
    /// Each room that the request could change, as it was and as it is.
    pub fn rooms(&self) -> impl Iterator<Item = (&Room, &Room)> {
        let arrival = self.arrival.iter();
        let arrival = arrival.map(|arrival| (&arrival.before, &arrival.after));
        std::iter::once((&self.before, &self.after)).chain(arrival)
    }
}

fn take([room, other]: [&mut Room; 2], request: Request, context: &Context<'_>) -> Taken {
    let before = room.clone();
    let (events, arrival, refused) = if let Command::Move { .. } = request.command {
        match decide_move(room, other, &request, context) {
            Ok(moved) => {
                let arrival = Arrival {
                    before: other.clone(),
                    after: moved.to.room,
                };
                *room = moved.from.room;
                (moved.from.events, Some((arrival, moved.to.events)), None)
            }
            Err(no) => refuse(room, &request, no, context),
        }
    } else {
        match decide(room, &request, context) {
            Ok(decision) => {
                let decision = with_refusal(decision, &request, context, asked());
                *room = decision.room;
                (decision.events, None, decision.refused)
            }
            Err(no) => refuse(room, &request, no, context),
        }
    };
    let mut recorded = numbered(&before, events, context.now);
    let arrival = arrival.map(|(arrival, events)| {
        recorded.extend(numbered(&arrival.before, events, context.now));
        *other = arrival.after.clone();
        arrival
    });
    Taken {
        request,
        before,
        after: room.clone(),
        arrival,
        recorded,
        refused,
    }
}

type Came = (
    Vec<NewEvent>,
    Option<(Arrival, Vec<NewEvent>)>,
    Option<Rejection>,
);

/// A refusal about a room that is not there stands in the system stream, which no room shows.
fn refuse(room: &mut Room, request: &Request, no: Rejection, context: &Context<'_>) -> Came {
    if room.life.is_none() {
        return (Vec::new(), None, Some(no));
    }
    let decision = refusal(room, request, &no, context, asked());
    *room = decision.room;
    (decision.events, None, Some(no))
}

/// Digest and size of a request that came in no bytes.
fn asked() -> (Digest, u64) {
    (Digest::of(b""), 0)
}

fn numbered(before: &Room, events: Vec<NewEvent>, at: Timestamp) -> Vec<Recorded> {
    let mut version = before.version;
    let events = events.into_iter().map(|event| {
        version = version.next();
        Recorded {
            room: before.name.clone(),
            version,
            at,
            event,
        }
    });
    events.collect()
}

fn room_name(name: &str) -> RoomName {
    RoomName::new(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Any day: no rule knows the calendar.
const START_S: i64 = 1_700_000_000;
