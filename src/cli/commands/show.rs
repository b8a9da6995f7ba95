//! `roomledger show`: one event, explained. Apart, as every command is. The sentence comes first,
//! then who, through what and why, what changed, and what it brought about.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::args::ShowArgs;
use crate::cli::commands::asking::Asking;
use crate::cli::commands::changes::changes;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Format, Row, write_json, write_record};
use crate::cli::position;
use crate::cli::read::{EventDetail, each_event};
use crate::cli::sanitize;
use crate::cli::terminal::Terminal;
use crate::domain::Timestamp;
use crate::replay::position::Pos;
use crate::replay::view::EventView;
use crate::replay::{EventQuery, Order};
use crate::store::Position;

/// Explains the event at a position, or the last one at a time.
///
/// # Errors
/// `NotFound` when the log has no such event; `Usage` for what names none.
pub fn show(
    args: &ShowArgs,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let position = resolve(&args.position, asking)?;
    let detail = asking.reader.event(position).map_err(|failure| {
        if failure.exit == Exit::NotFound {
            missing(position, asking)
        } else {
            failure
        }
    })?;
    let effects = effects(&detail, asking)?;
    let because = detail
        .event
        .causation
        .map(|cause| asking.reader.event(cause))
        .transpose()?;
    let because = because.map(|cause| cause.event);
    let row = row(&detail, because.as_ref(), &effects, asking);
    if asking.format != Format::Table {
        return Ok(write_record(terminal.out, asking.format, &row, COLUMNS)?);
    }
    let sentence = sanitize::visible(&detail.event.sentence);
    writeln!(terminal.out, "{BOLD}#{position}{PLAIN} {sentence}\n")?;
    let columns: Vec<String> = COLUMNS.iter().map(|name| name.to_lowercase()).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let facts = Row {
        cells: row.cells.iter().enumerate().map(fact).collect(),
        ..row
    };
    write_record(terminal.out, Format::Table, &facts, &columns)?;
    for (title, lines) in [
        ("changes", changes(&detail.event.data)),
        ("effects", effects.iter().map(in_a_line).collect()),
    ] {
        if !lines.is_empty() {
            writeln!(terminal.out, "\n{BOLD}{title}{PLAIN}")?;
        }
        for line in lines {
            writeln!(terminal.out, "  {}", sanitize::visible(&line))?;
        }
    }
    writeln!(terminal.out, "\n{BOLD}raw{PLAIN}")?;
    write_json(terminal.out, &asking.record(&detail), true)?;
    Ok(writeln!(terminal.out)?)
}

/// The sentence, the changes and the effects have places of their own on a terminal.
fn fact((index, cell): (usize, &String)) -> String {
    let is_apart = COLUMNS.get(index).is_some_and(|name| APART.contains(name));
    if is_apart {
        String::new()
    } else {
        cell.clone()
    }
}

fn resolve(text: &str, asking: &Asking<'_>) -> Result<u64, Failure> {
    match position::read(text, asking.times, None)? {
        Pos::Position(position) => Ok(position),
        Pos::Head { back } => Ok(asking.reader.head()?.saturating_sub(back)),
        Pos::Time(at_us) => {
            let last = EventQuery {
                until: Some(Timestamp::from_micros(at_us)),
                order: Order::Descending,
                limit: 1,
                ..EventQuery::default()
            };
            let found = asking.reader.page(&last)?.events;
            let failure =
                || Failure::new(Exit::NotFound, format!("the log has no event by {text}"));
            found
                .first()
                .map(|event| event.position)
                .ok_or_else(failure)
        }
        Pos::StartPlus(_) | Pos::EndMinus(_) => {
            let failure = Failure::new(Exit::Usage, format!("'{text}' needs a room's session"));
            Err(failure.hint("write the event's position, such as #412"))
        }
    }
}

fn missing(position: u64, asking: &Asking<'_>) -> Failure {
    let failure = Failure::new(Exit::NotFound, format!("there is no #{position}"));
    match asking.reader.head() {
        Ok(0) => failure.because(format!("{} has no event at all", asking.reader.place())),
        Ok(head) => failure.because(format!("the log goes from #1 to #{head}")),
        Err(_) => failure,
    }
}

/// What an event brought about: the events of its commit that name it as their cause, and theirs.
/// Tracks and stints that end with a session stand before the end that is their cause.
fn effects(detail: &EventDetail, asking: &Asking<'_>) -> Result<Vec<EventView>, Failure> {
    let mut caused = BTreeMap::new();
    let command = EventQuery {
        after: Some(Position(detail.command.saturating_sub(1))),
        before: Some(Position(detail.commit).next()),
        limit: EFFECTS_PAGE,
        ..EventQuery::default()
    };
    each_event(asking.reader, &command, &mut |event| {
        if let Some(cause) = event.causation {
            caused.insert(event.position, (cause, event));
        }
        Ok(())
    })?;
    let mut known = BTreeMap::from([(detail.event.position, true)]);
    let positions: Vec<u64> = caused.keys().copied().collect();
    for position in positions {
        // Along the causes, to the first of which it is known whether it comes from the event.
        let mut way = Vec::new();
        let mut at = position;
        let comes = loop {
            match (known.get(&at), caused.get(&at)) {
                (Some(comes), _) => break *comes,
                (None, None) => break false,
                (None, Some((cause, _))) => {
                    known.insert(at, false);
                    way.push(at);
                    at = *cause;
                }
            }
        };
        known.extend(way.into_iter().map(|at| (at, comes)));
    }
    let own = detail.event.position;
    let comes = |at: &u64| *at != own && known.get(at) == Some(&true);
    let effects = caused.into_iter().filter(|(at, _)| comes(at));
    Ok(effects.map(|(_, (_, event))| event).collect())
}

fn row(
    detail: &EventDetail,
    because: Option<&EventView>,
    effects: &[EventView],
    asking: &Asking<'_>,
) -> Row {
    let event = &detail.event;
    let show = |at: Timestamp| asking.times.show(at.micros());
    let reasons = event.data.get("because").and_then(Value::as_array);
    let reasons = reasons.into_iter().flatten().filter_map(Value::as_u64);
    let mut causes: Vec<String> = reasons.map(|position| format!("#{position}")).collect();
    causes.extend(because.map(in_a_line));
    let positions: Vec<u64> = effects.iter().map(|effect| effect.position).collect();
    let effects: Vec<String> = effects.iter().map(in_a_line).collect();
    let mut record = asking.record(detail);
    if let Some(fields) = record.as_object_mut() {
        fields.insert("effects".to_owned(), asking.record(&positions));
    }
    Row {
        name: event.position.to_string(),
        cells: vec![
            event.sentence.clone(),
            show(event.recorded_at),
            event.occurred_at.map(show).unwrap_or_default(),
            place(event),
            event.kind.clone(),
            who(event),
            format!("{} {}", event.via.dialect, event.via.call),
            event.reason.clone().unwrap_or_default(),
            event.request_id.clone().unwrap_or_default(),
            trace(event),
            causes.join(", "),
            changes(&event.data).join("; "),
            effects.join("; "),
            format!("#{}, chain {}", detail.commit, detail.chain),
        ],
        record,
    }
}

fn trace(event: &EventView) -> String {
    let trace = event.trace.as_ref();
    let ids = trace.map(|trace| [trace.request_id.clone(), trace.traceparent.clone()]);
    let ids: Vec<String> = ids.into_iter().flatten().flatten().collect();
    ids.join(", ")
}

fn place(event: &EventView) -> String {
    let version = event.version;
    match (&event.room, &event.session) {
        (Some(room), Some(session)) => format!("{room}, version {version}, session {session}"),
        (Some(room), None) => format!("{room}, version {version}"),
        (None, _) => format!("the ledger itself, version {version}"),
    }
}

fn who(event: &EventView) -> String {
    let actor = &event.actor;
    let from = [
        actor
            .connection
            .as_ref()
            .map(|connection| format!("connection {connection}")),
        actor
            .subject
            .as_ref()
            .map(|subject| format!("token of {subject}")),
        actor.key.as_ref().map(|key| format!("key {key}")),
        event.source_ip.as_ref().map(|ip| format!("from {ip}")),
        event
            .user_agent
            .as_ref()
            .map(|agent| format!("with {agent}")),
    ];
    let mut parts = vec![actor.name()];
    parts.extend(from.into_iter().flatten());
    parts.join(", ")
}

fn in_a_line(event: &EventView) -> String {
    format!("#{} {}", event.position, event.sentence)
}

const COLUMNS: &[&str] = &[
    "WHAT", "WHEN", "OCCURRED", "ROOM", "KIND", "WHO", "VIA", "WHY", "REQUEST", "TRACE", "BECAUSE",
    "CHANGES", "EFFECTS", "COMMIT",
];

/// What a terminal shows above or below the facts.
const APART: &[&str] = &["WHAT", "CHANGES", "EFFECTS"];

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Events asked for at a time.
const EFFECTS_PAGE: usize = 500;
