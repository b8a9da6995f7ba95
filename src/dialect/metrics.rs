//! Figures of a running server as Prometheus reads them, and the counting of requests.
//!
//! Apart because every dialect is counted alike. Labels are words of ours alone: never a room, an
//! identity, a key or a token, so that whoever may scrape learns nothing of anybody.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tracing::Span;

use crate::domain::state::Session;
use crate::engine::{Clock, Engine, Histogram, LATENCY_US};
use crate::outbox::ReceiverStatus;

/// Requests that were answered; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<Answered>>);

#[derive(Debug, Default)]
struct Answered {
    by_status: BTreeMap<(&'static str, String, u16), u64>,
    seconds: BTreeMap<(&'static str, String), Histogram>,
}

/// How the requests of one dialect are counted.
#[derive(Clone)]
pub struct Counting {
    /// Where.
    pub requests: Requests,
    /// By which clock.
    pub clock: Arc<dyn Clock>,
    /// The dialect's name.
    pub dialect: &'static str,
    /// The call's name: one of a few, however many paths there are.
    pub call: fn(&Request) -> String,
}

impl Counting {
    /// Counts all requests of a router.
    pub fn of(self, router: Router) -> Router {
        router.layer(from_fn_with_state(self, count))
    }
}

async fn count(State(counting): State<Counting>, request: Request, next: Next) -> Response {
    let call = (counting.call)(&request);
    // Log lines name a request as figures do: by no word of the caller's.
    Span::current().record("call", call.as_str());
    let began = counting.clock.monotonic();
    let response = next.run(request).await;
    let took = counting.clock.monotonic().saturating_sub(began);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    let requests = counting.requests.0.lock();
    let mut requests = requests.unwrap_or_else(PoisonError::into_inner);
    let seconds = requests.seconds.entry((counting.dialect, call.clone()));
    seconds
        .or_insert_with(|| Histogram::new(LATENCY_US))
        .observe(took_us);
    *requests
        .by_status
        .entry((counting.dialect, call, status))
        .or_default() += 1;
    drop(requests);
    response
}

/// Everything, as text.
pub fn render(engine: &Engine, requests: &Requests, receivers: &[ReceiverStatus]) -> String {
    let mut text = Text::default();
    of_requests(requests, &mut text);
    of_log(engine, &mut text);
    of_scrub(engine, &mut text);
    of_receivers(engine, receivers, &mut text);
    of_rooms(engine, &mut text);
    text.0
}

fn of_requests(requests: &Requests, text: &mut Text) {
    let requests = requests.0.lock();
    let requests = requests.unwrap_or_else(PoisonError::into_inner);
    let name = "roomledger_requests_total";
    text.family(name, "counter", "Requests answered.");
    for ((dialect, call, status), count) in &requests.by_status {
        let labels = format!("dialect=\"{dialect}\",call=\"{call}\",status=\"{status}\"");
        text.sample(name, &labels, &count.to_string());
    }
    let name = "roomledger_request_duration_seconds";
    let help = "From the head of a request to the head of its answer.";
    text.family(name, "histogram", help);
    for ((dialect, call), histogram) in &requests.seconds {
        let labels = format!("dialect=\"{dialect}\",call=\"{call}\"");
        text.histogram(name, &labels, histogram, seconds);
    }
}

fn of_log(engine: &Engine, text: &mut Text) {
    let figures = engine.figures();
    let name = "roomledger_commit_duration_seconds";
    let help = "From a batch's decision until it is durable: encoded, written and synced.";
    text.family(name, "histogram", help);
    text.histogram(name, "", &figures.commit_us, seconds);
    let name = "roomledger_commit_events";
    text.family(name, "histogram", "Events in each commit.");
    text.histogram(name, "", &figures.commit_events, |events| {
        events.to_string()
    });
    let counters = [
        (
            "roomledger_overloaded_total",
            "Commands turned away because too many waited.",
            &figures.overloaded,
        ),
        (
            "roomledger_refusals_total",
            "Commands that the rules refused.",
            &figures.refused,
        ),
        (
            "roomledger_repeats_total",
            "Commands that had their outcome already.",
            &figures.repeated,
        ),
        (
            "roomledger_repairs_total",
            "Stretches of one copy of the log that were restored from the other.",
            &figures.repaired,
        ),
        (
            "roomledger_damages_total",
            "Stretches of one copy of the log that are bad and were not restored.",
            &figures.damaged,
        ),
    ];
    for (name, help, count) in counters {
        text.single(name, "counter", help, count.get());
    }
    let help = "Commands that wait for the writer.";
    let name = "roomledger_queue_commands";
    text.single(name, "gauge", help, figures.waiting.get());
    let help = "Subscriptions that are open.";
    let name = "roomledger_subscriptions";
    text.single(name, "gauge", help, figures.subscriptions.get());
    let help = "The last position that can be seen.";
    text.single("roomledger_head_position", "gauge", help, engine.head().0);
    if let Some(behind) = engine.copy_behind() {
        let help = "Positions that the indexed copy has not taken in yet.";
        text.single("roomledger_copy_behind_positions", "gauge", help, behind);
    }
    let help = "Whether timers rest, since the wall clock jumped.";
    let held = u64::from(engine.clock_state().held.is_some());
    text.single("roomledger_clock_held", "gauge", help, held);
    let help = "Whether nothing more can be recorded.";
    let poisoned = u64::from(engine.is_poisoned());
    text.single("roomledger_poisoned", "gauge", help, poisoned);
}

fn of_scrub(engine: &Engine, text: &mut Text) {
    let scrubbed = engine.scrubbed();
    let counters = [
        (
            "roomledger_scrub_passes_total",
            "How often both copies of the log were read through.",
            scrubbed.passes,
        ),
        (
            "roomledger_scrub_frames_total",
            "Frames of the log that the scrub read and compared.",
            scrubbed.frames,
        ),
        (
            "roomledger_scrub_read_bytes_total",
            "Bytes of those frames.",
            scrubbed.bytes,
        ),
        (
            "roomledger_scrub_healed_total",
            "Stretches of the journal that the scrub found bad, and that were healed.",
            scrubbed.healed,
        ),
        (
            "roomledger_scrub_unhealed_total",
            "Stretches that the scrub found, and no copy has.",
            scrubbed.unhealed,
        ),
        (
            "roomledger_scrub_copy_faults_total",
            "Frames that the indexed copy lacks or has otherwise; the next open builds it anew.",
            scrubbed.sled_faults,
        ),
    ];
    for (name, help, count) in counters {
        text.single(name, "counter", help, count);
    }
    let help = "The last position that the scrub read.";
    let name = "roomledger_scrub_position";
    text.single(name, "gauge", help, scrubbed.position.0);
}

/// Receivers are told apart by the names of their cursors: an address may be nobody's business.
fn of_receivers(engine: &Engine, receivers: &[ReceiverStatus], text: &mut Text) {
    if receivers.is_empty() {
        return;
    }
    let name = "roomledger_webhook_attempts_total";
    let help = "Webhooks that a receiver took, and attempts that failed and are made again.";
    text.family(name, "counter", help);
    for receiver in receivers {
        for (outcome, count) in [("taken", receiver.told), ("failed", receiver.failed)] {
            let labels = format!("receiver=\"{}\",outcome=\"{outcome}\"", receiver.id);
            text.sample(name, &labels, &count.to_string());
        }
    }
    let head = engine.head().0;
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&ReceiverStatus) -> u64| {
        text.family(name, "gauge", help);
        for receiver in receivers {
            let labels = format!("receiver=\"{}\"", receiver.id);
            text.sample(name, &labels, &value(receiver).to_string());
        }
    };
    gauge(
        "roomledger_webhook_behind_positions",
        "Positions that were not looked through for a receiver yet.",
        &|receiver| head.saturating_sub(receiver.through.0),
    );
    gauge(
        "roomledger_webhook_waiting_rooms",
        "Rooms with something that a receiver was not told yet.",
        &|receiver| count_of(receiver.rooms_waiting),
    );
    gauge(
        "roomledger_webhook_halted",
        "Whether nothing more is sent, since the cursor is of another history.",
        &|receiver| u64::from(receiver.is_halted),
    );
}

fn of_rooms(engine: &Engine, text: &mut Text) {
    let rooms = engine.live_rooms();
    let sessions = || rooms.iter().filter_map(|room| room.open_session());
    let people: u64 = sessions().map(|session| u64::from(session.counted)).sum();
    let connections = sessions().flat_map(Session::live).count();
    let help = "Rooms with an open session.";
    text.single(
        "roomledger_live_rooms",
        "gauge",
        help,
        count_of(rooms.len()),
    );
    let help = "People inside who count.";
    text.single("roomledger_live_participants", "gauge", help, people);
    let help = "Connections that are open, dependents included.";
    text.single(
        "roomledger_live_connections",
        "gauge",
        help,
        count_of(connections),
    );
}

fn count_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// The text in the making.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(&format!("# HELP {name} {help}"));
        self.line(&format!("# TYPE {name} {kind}"));
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, "", &value.to_string());
    }

    fn sample(&mut self, name: &str, labels: &str, value: &str) {
        if labels.is_empty() {
            self.line(&format!("{name} {value}"));
        } else {
            self.line(&format!("{name}{{{labels}}} {value}"));
        }
    }

    fn histogram(
        &mut self,
        name: &str,
        labels: &str,
        histogram: &Histogram,
        unit: fn(u64) -> String,
    ) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut all = 0;
        for (bound, count) in histogram.cumulative() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), unit);
            let labels = format!("{labels}{comma}le=\"{bound}\"");
            self.sample(&format!("{name}_bucket"), &labels, &count.to_string());
            all = count;
        }
        self.sample(&format!("{name}_sum"), labels, &unit(histogram.sum()));
        self.sample(&format!("{name}_count"), labels, &all.to_string());
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// Microseconds as seconds, without a float on the way.
fn seconds(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    let digits = format!("{whole}.{rest:06}");
    digits
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}
