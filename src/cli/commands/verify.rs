//! `roomledger verify`: first the bytes, by the store; then whether they fold, by `replay`. Apart
//! from both. Repairs nothing.

use std::path::Path;

use serde_json::json;

use crate::cli::args::VerifyArgs;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Format, Printer, Row, write_record};
use crate::cli::read::failure_of;
use crate::cli::sanitize;
use crate::cli::terminal::Terminal;
use crate::domain::Event;
use crate::domain::event::{HistoryRepaired, LossAccepted};
use crate::replay::{Verified, Verifier};
use crate::server::bad_cursors;
use crate::store::ledger::{self, Met, Problem, VerifyReport};
use crate::store::{LogCopy, Position};

/// Checks a data directory: one record of what was read, and a row for each thing that is wrong.
///
/// # Errors
/// `Damaged` when anything is wrong; `InUse` for `--sled` beside a running server; `NotFound`
/// when there is no log.
pub fn verify(
    args: &VerifyArgs,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let place = args.data.display().to_string();
    let mut verifier = Verifier::default();
    let Checked {
        report,
        repairs,
        accepted,
        cursors,
    } = checked(&args.data, args.sled, &mut verifier)?;
    let folded = verifier.verified();
    let mut problems = problems(&report, &folded);
    problems.extend(cursors.iter().map(|what| row(None, None, "webhooks", what)));
    let on_record = OnRecord {
        repairs,
        accepted,
        incomplete: verifier.incomplete().map(ToString::to_string).collect(),
    };
    let summary = summary(&report, &folded, &problems, &on_record);
    write_record(terminal.out, format, &summary, COLUMNS)?;
    for note in &report.notes {
        writeln!(terminal.err, "note: {}", sanitize::visible(note))?;
    }
    if problems.is_empty() {
        return Ok(());
    }
    if !matches!(format, Format::Json | Format::Jsonl) {
        writeln!(terminal.out)?;
        let mut printer = Printer::new(terminal.out, format, PROBLEM_COLUMNS);
        problems
            .iter()
            .try_for_each(|problem| printer.row(problem))?;
        printer.finish()?;
    }
    let count = problems.len();
    let things = if count == 1 {
        "one thing is"
    } else {
        "things are"
    };
    let count = if count == 1 {
        String::new()
    } else {
        format!("{count} ")
    };
    let failure = Failure::new(Exit::Damaged, format!("{place}: {count}{things} wrong"));
    Err(failure.hint(format!(
        "keep a copy of the directory, then `roomledger repair --data {place}` heals what one copy \
         of the log lost and the other has, and says what to do about the rest"
    )))
}

/// What the store says of the bytes, and what stands on record, in words.
struct Checked {
    report: VerifyReport,
    repairs: Vec<String>,
    accepted: Vec<String>,
    /// Of the receivers of webhooks: what a start refuses to go on from.
    cursors: Vec<String>,
}

/// What a ledger that is whole may have behind it.
struct OnRecord {
    repairs: Vec<String>,
    accepted: Vec<String>,
    /// Rooms that lack events.
    incomplete: Vec<String>,
}

fn checked(data: &Path, with_sled: bool, verifier: &mut Verifier) -> Result<Checked, Failure> {
    let place = data.display().to_string();
    let (mut repairs, mut losses) = (Vec::new(), Vec::new());
    let mut fold = |met: Met<'_>| match met {
        Met::Loss { from, to } => verifier.absorb_loss(from, to),
        Met::Commit(commit) => commit.records().for_each(|record| {
            let by = record.position;
            if let Event::HistoryRepaired(it) = &record.event.event {
                let HistoryRepaired { from, to, copy } = it;
                repairs.push(format!("#{from} to #{to} of {copy}, by #{by}"));
            }
            if let Event::LossAccepted(LossAccepted { from, to, .. }) = &record.event.event {
                losses.push((Position(*from), Position(*to), by));
            }
            verifier.absorb(&record);
        }),
    };
    let report = ledger::verify(data, with_sled, &mut fold);
    let mut report = report.map_err(|error| failure_of(&error, &place))?;
    let cursors = bad_cursors(data).map_err(|error| failure_of(&error, &place))?;
    let mut accepted = Vec::new();
    for (from, to) in std::mem::take(&mut report.lost) {
        let on_record = losses
            .iter()
            .find(|(first, last, _)| (*first, *last) == (from, to));
        match on_record {
            Some((_, _, by)) => accepted.push(format!("#{from} to #{to}, by #{by}")),
            None => report.problems.push(Problem {
                copy: LogCopy::Journal,
                from: Some(from),
                to: Some(to),
                what: "lost, and no loss_accepted says so: 'roomledger repair --accept-loss' \
                       records it"
                    .to_owned(),
            }),
        }
    }
    Ok(Checked {
        report,
        repairs,
        accepted,
        cursors,
    })
}

fn problems(report: &VerifyReport, folded: &Verified) -> Vec<Row> {
    let stored = report.problems.iter().map(|problem| {
        let (from, to) = (problem.from.map(|from| from.0), problem.to.map(|to| to.0));
        row(from, to, problem.copy.as_str(), &problem.what)
    });
    let found = folded.findings.iter().map(|finding| {
        let place = finding.room.as_deref().unwrap_or("the ledger itself");
        row(Some(finding.position), None, place, &finding.problem)
    });
    stored.chain(found).collect()
}

fn row(from: Option<u64>, to: Option<u64>, place: &str, problem: &str) -> Row {
    let shown = |position: Option<u64>| position.map(|at| format!("#{at}")).unwrap_or_default();
    Row {
        name: shown(from),
        cells: vec![shown(from), shown(to), place.to_owned(), problem.to_owned()],
        record: json!({"from": from, "to": to, "where": place, "problem": problem}),
    }
}

fn summary(
    report: &VerifyReport,
    folded: &Verified,
    problems: &[Row],
    on_record: &OnRecord,
) -> Row {
    let chain = report.head.map(|head| head.chain.to_string());
    let result = match problems.len() {
        0 if on_record.accepted.is_empty() => "whole and unaltered, and all of it folds".to_owned(),
        0 => "unaltered but for what was lost and accepted".to_owned(),
        1 => "damaged: 1 problem".to_owned(),
        count => format!("damaged: {count} problems"),
    };
    let compared = Some(report.sled_frames).filter(|frames| *frames > 0);
    Row {
        name: result.clone(),
        cells: vec![
            result,
            folded.events.to_string(),
            folded.rooms.to_string(),
            report.commits.to_string(),
            report.segments.to_string(),
            format!("#{}", folded.position),
            chain.clone().unwrap_or_default(),
            compared
                .map(|frames| format!("{frames} frames are the same"))
                .unwrap_or_default(),
            on_record.repairs.join("; "),
            on_record.accepted.join("; "),
        ],
        record: json!({
            "whole": problems.is_empty(),
            "events": folded.events,
            "rooms": folded.rooms,
            "commits": report.commits,
            "segments": report.segments,
            "position": folded.position,
            "chain": chain,
            "sled_frames": compared,
            "repaired": on_record.repairs,
            "lost": on_record.accepted,
            "incomplete_rooms": on_record.incomplete,
            "problems": problems.iter().map(|row| row.record.clone()).collect::<Vec<_>>(),
            "notes": report.notes,
        }),
    }
}

const COLUMNS: &[&str] = &[
    "RESULT",
    "EVENTS",
    "ROOMS",
    "COMMITS",
    "SEGMENTS",
    "LAST",
    "CHAIN",
    "INDEXED COPY",
    "REPAIRED",
    "LOST",
];
const PROBLEM_COLUMNS: &[&str] = &["FROM", "TO", "WHERE", "PROBLEM"];
