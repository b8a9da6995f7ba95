//! Whether the server is alive and takes commands, and its figures. Apart because nobody needs a
//! token for it; it tells nothing of any room.

use axum::Json;
use axum::http::{HeaderName, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::metrics;
use crate::domain::Timestamp;
use crate::engine::ClockState;
use crate::store::Position;

/// `GET /healthz`
pub(super) async fn alive() -> Json<Alive> {
    Json(Alive { alive: true })
}

/// `GET /readyz`
pub(super) async fn ready(State(ledger): State<Ledger>) -> Result<Json<Readiness>, Problem> {
    match ledger.engine.stopped() {
        Some(stopped) => Err(stopped.into()),
        None => Ok(Json(Readiness {
            ready: true,
            position: ledger.engine.head(),
            clock: Clock::of(ledger.engine.clock_state()),
        })),
    }
}

/// `GET /metrics`
pub(super) async fn metrics(
    State(ledger): State<Ledger>,
) -> ([(HeaderName, &'static str); 1], String) {
    let text = metrics::render(&ledger.engine, &ledger.requests, &ledger.receivers.status());
    ([(header::CONTENT_TYPE, METRICS_TYPE)], text)
}

/// The server answers.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Alive {
    alive: bool,
}

/// The server takes commands.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ready")]
pub(super) struct Readiness {
    ready: bool,
    /// The head of the log.
    position: Position,
    /// The clock.
    clock: Clock,
}

/// The clock of the server. Commands are taken whether it is held or not.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClockState")]
pub(super) struct Clock {
    /// Whether timers rest, since the wall clock jumped: `POST /api/v1/clock/release` ends it.
    held: bool,
    /// Whether ten steady minutes end it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    releases_itself: Option<bool>,
    /// The ledger's time.
    now: Timestamp,
    /// What the wall clock says.
    wall: Timestamp,
}

impl Clock {
    pub(super) fn of(state: ClockState) -> Self {
        Self {
            held: state.held.is_some(),
            releases_itself: state.held.map(|held| held.releases_itself),
            now: state.now,
            wall: state.wall,
        }
    }
}

pub(super) const ALIVE: Operation =
    Operation::open("healthz", "Whether it is alive.", Answer::of::<Alive>(200));
pub(super) const READY: Operation = Operation::open(
    "readyz",
    "Whether it takes commands.",
    Answer::of::<Readiness>(200),
)
.or(&[503]);
pub(super) const METRICS: Operation = Operation::open(
    "metrics",
    "Figures of the server, as Prometheus reads them.",
    Answer::text(METRICS_TYPE),
);

/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4";
