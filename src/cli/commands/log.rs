//! `roomledger log`. Apart, as every command is; which events match is `replay`'s business.

use std::io::Write;

use crate::cli::args::LogArgs;
use crate::cli::commands::asking::Asking;
use crate::cli::commands::near::nearest;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Printer, Row};
use crate::cli::position;
use crate::cli::read::each_event;
use crate::cli::sanitize;
use crate::cli::terminal::Terminal;
use crate::domain::{Kind, RoomName, Timestamp};
use crate::replay::position::Pos;
use crate::replay::view::EventView;
use crate::replay::{EventQuery, Filter, Order};
use crate::store::Position;

/// Lists what happened, oldest first; with `-f`, goes on with what happens.
///
/// # Errors
/// `Usage` for what names no kind, room or moment; `NotFound` for a room or target that nothing
/// is known of; as [`crate::cli::read::Reader::page`].
pub fn log(
    args: &LogArgs,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let head = asking.reader.head()?;
    let query = query(args, asking, head)?;
    let columns = if args.room.is_some() { IN_ROOM } else { IN_ALL };
    let mut printer = Printer::new(terminal.out, asking.format, columns);
    let mut found = 0_u64;
    let mut print = |event: EventView| -> Result<(), Failure> {
        found += 1;
        Ok(printer.row(&row(&event, args, asking))?)
    };
    match args.lines {
        Some(lines) => newest(&query, lines, asking, &mut print)?,
        None => each_event(asking.reader, &query, &mut print)?,
    }
    if args.follow {
        printer.flush()?;
        let follow = EventQuery {
            after: Some(Position(head)),
            ..query
        };
        let mut each = |event: EventView| {
            printer.row(&row(&event, args, asking))?;
            Ok(printer.flush()?)
        };
        let err = &mut *terminal.err;
        let mut lost = |cause: &str| {
            // Who reads the answers still gets them when nobody reads the notes.
            let _ = asking.note(err, &format!("connection lost ({cause}), trying again"));
        };
        return Err(asking.reader.follow(&follow, &mut each, &mut lost));
    }
    printer.finish()?;
    if found == 0 {
        explain_nothing(args, asking, head, terminal.err)?;
    }
    Ok(())
}

/// The last events that match, oldest of them first.
fn newest(
    query: &EventQuery,
    lines: u64,
    asking: &Asking<'_>,
    print: &mut dyn FnMut(EventView) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    let mut found: Vec<EventView> = Vec::new();
    let mut query = EventQuery {
        order: Order::Descending,
        ..query.clone()
    };
    while found.len() < lines {
        query.limit = (lines - found.len()).min(PAGE);
        let page = asking.reader.page(&query)?;
        found.extend(page.events);
        match page.next {
            Some(next) => query.before = Some(Position(next)),
            None => break,
        }
    }
    found.into_iter().rev().try_for_each(print)
}

fn query(args: &LogArgs, asking: &Asking<'_>, head: u64) -> Result<EventQuery, Failure> {
    let room = args.room.as_deref().map(RoomName::new).transpose();
    let mut query = EventQuery {
        room: room.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?,
        before: Some(Position(head).next()),
        filter: Filter {
            kinds: kinds(&args.kind)?,
            actor: args.actor.clone(),
            target: args.target.clone(),
            refused: args.refused.then_some(true),
        },
        limit: PAGE,
        ..EventQuery::default()
    };
    if args.since.is_none() && args.until.is_none() {
        return Ok(query);
    }
    let (since, until) = (args.since.as_deref(), args.until.as_deref());
    let is_of_session = [since, until].into_iter().flatten().any(Pos::is_of_session);
    let room = args.room.as_deref().filter(|_| is_of_session);
    let span = room.map(|room| asking.span(room)).transpose()?.flatten();
    let range = position::range(since, until, asking.times, span)?;
    if let Some(from) = range.from {
        match bound(from, asking, head)? {
            Bound::Position(position) => query.after = Some(Position(position.saturating_sub(1))),
            Bound::Time(at) => query.since = Some(at),
        }
    }
    if let Some(to) = range.to {
        match bound(to, asking, head)? {
            Bound::Position(position) => query.before = Some(Position(position).next()),
            Bound::Time(at) => query.until = Some(at),
        }
    }
    Ok(query)
}

enum Bound {
    Position(u64),
    Time(Timestamp),
}

fn bound(at: Pos, asking: &Asking<'_>, head: u64) -> Result<Bound, Failure> {
    match at {
        Pos::Position(position) => {
            asking.reached_position(position, head)?;
            Ok(Bound::Position(position))
        }
        Pos::Head { back } => Ok(Bound::Position(head.saturating_sub(back))),
        Pos::Time(at_us) => Ok(Bound::Time(Timestamp::from_micros(at_us))),
        Pos::StartPlus(_) | Pos::EndMinus(_) => {
            let failure = Failure::new(Exit::Usage, format!("'{at}' needs a session"));
            Err(failure.hint("name a room that had one: roomledger log ROOM --since start+5m"))
        }
    }
}

fn kinds(names: &[String]) -> Result<Vec<Kind>, Failure> {
    let known = || Kind::ALL.iter().map(|kind| kind.as_str());
    let kind = |name: &String| {
        Kind::from_name(name).ok_or_else(|| {
            let failure = Failure::new(Exit::Usage, format!("no kind of event is '{name}'"));
            match nearest(name, known()) {
                near if near.is_empty() => failure.hint(format!(
                    "kinds are {}",
                    known().collect::<Vec<_>>().join(", ")
                )),
                near => failure.hint(format!("did you mean {}?", near.join(", "))),
            }
        })
    };
    names.iter().map(kind).collect()
}

/// Says what was searched; a room, a target or an actor that nothing is known of is an error
/// instead.
fn explain_nothing(
    args: &LogArgs,
    asking: &Asking<'_>,
    head: u64,
    err: &mut dyn Write,
) -> Result<(), Failure> {
    if let Some(room) = &args.room {
        let any = EventQuery {
            room: RoomName::new(room).ok(),
            limit: 1,
            ..EventQuery::default()
        };
        if asking
            .found(room, asking.reader.page(&any))?
            .events
            .is_empty()
        {
            return Err(asking.no_room(room));
        }
        if let Some(target) = &args.target {
            known_target(room, target, asking)?;
        }
    }
    if let Some(actor) = &args.actor {
        known_actor(actor, args, asking)?;
    }
    let mut searched = Vec::new();
    let filters = [
        ("room", &args.room),
        ("actor", &args.actor),
        ("target", &args.target),
        ("since", &args.since),
        ("until", &args.until),
    ];
    for (name, value) in filters {
        searched.extend(value.as_ref().map(|value| format!("{name} '{value}'")));
    }
    searched.extend(args.kind.iter().map(|kind| format!("kind '{kind}'")));
    searched.extend(args.refused.then(|| "refusals only".to_owned()));
    let place = asking.reader.place();
    let filters = if searched.is_empty() {
        String::new()
    } else {
        format!(" for {}", searched.join(", "))
    };
    asking.note(
        err,
        &format!("nothing found{filters}, in {head} events of {place}"),
    )?;
    Ok(())
}

/// Refuses a target that no event of the room is about.
fn known_target(room: &str, target: &str, asking: &Asking<'_>) -> Result<(), Failure> {
    let about = EventQuery {
        room: RoomName::new(room).ok(),
        filter: Filter {
            target: Some(target.to_owned()),
            ..Filter::default()
        },
        limit: 1,
        ..EventQuery::default()
    };
    if has_any(about, asking)? {
        return Ok(());
    }
    let prefixes = ["identity:", "connection:", "name:"];
    let bare = prefixes
        .iter()
        .find_map(|prefix| target.strip_prefix(prefix));
    let wanted = bare.unwrap_or(target);
    let people = asking.reader.room(room, None)?.participants;
    let mut near = nearest(wanted, people.iter().map(|it| it.identity.as_str()));
    if near.is_empty() {
        near = nearest(wanted, people.iter().map(|it| it.name.as_str()));
    }
    let failure = Failure::new(
        Exit::NotFound,
        format!("nobody in room '{room}' is '{wanted}', nor ever showed that name"),
    );
    Err(if near.is_empty() {
        failure.hint(format!(
            "'roomledger participants {room}' lists who was there"
        ))
    } else {
        failure.hint(format!("did you mean {}?", near.join(", ")))
    })
}

/// Refuses an actor who did nothing in the room, or in the whole log where none is named.
fn known_actor(actor: &str, args: &LogArgs, asking: &Asking<'_>) -> Result<(), Failure> {
    let by = EventQuery {
        room: args
            .room
            .as_deref()
            .and_then(|room| RoomName::new(room).ok()),
        filter: Filter {
            actor: Some(actor.to_owned()),
            ..Filter::default()
        },
        limit: 1,
        ..EventQuery::default()
    };
    if has_any(by, asking)? {
        return Ok(());
    }
    let place = match &args.room {
        Some(room) => format!("in room '{room}'"),
        None => format!("in {}", asking.reader.place()),
    };
    let failure = Failure::new(Exit::NotFound, format!("'{actor}' did nothing {place}"));
    Err(failure
        .hint("an actor is a token's subject, a key's id, or on whose behalf a call was made"))
}

/// Whether any event is found.
fn has_any(query: EventQuery, asking: &Asking<'_>) -> Result<bool, Failure> {
    let mut query = query;
    loop {
        let page = asking.reader.page(&query)?;
        match page.next {
            _ if !page.events.is_empty() => return Ok(true),
            Some(next) => query.after = Some(Position(next)),
            None => return Ok(false),
        }
    }
}

fn row(event: &EventView, args: &LogArgs, asking: &Asking<'_>) -> Row {
    let room = event.room.clone().unwrap_or_default();
    let mut cells = vec![
        format!("#{}", event.position),
        asking.times.show(event.recorded_at.micros()),
        event.kind.clone(),
        event.actor.name(),
        flagged(event),
    ];
    if args.room.is_none() {
        cells.insert(2, room);
    }
    Row {
        name: event.position.to_string(),
        cells,
        record: asking.record(event),
    }
}

/// What happened, and what is odd about the characters of any name or word in it: the eye does not
/// see that.
fn flagged(event: &EventView) -> String {
    let (room, actor) = (
        event.room.as_deref().unwrap_or_default(),
        event.actor.name(),
    );
    match sanitize::oddities([room, &actor, &event.sentence]) {
        Some(oddities) => format!("{} [look twice: {oddities}]", event.sentence),
        None => event.sentence.clone(),
    }
}

const IN_ROOM: &[&str] = &["POSITION", "TIME", "KIND", "ACTOR", "WHAT"];
const IN_ALL: &[&str] = &["POSITION", "TIME", "ROOM", "KIND", "ACTOR", "WHAT"];

/// Events asked for at a time.
const PAGE: usize = 500;
