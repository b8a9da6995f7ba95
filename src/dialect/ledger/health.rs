//! Whether the server is alive and takes commands, and its figures. Apart because nobody needs a
//! token for it; it tells nothing of any room.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
use crate::dialect::metrics;
use crate::store::Position;

/// `GET /healthz`
pub(super) async fn alive() -> Json<Alive> {
    Json(Alive { alive: true })
}

/// `GET /readyz`
pub(super) async fn ready(State(ledger): State<Ledger>) -> Result<Json<Ready>, Problem> {
    match ledger.engine.stopped() {
        Some(stopped) => Err(stopped.into()),
        None => Ok(Json(Ready {
            ready: true,
            position: ledger.engine.head(),
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
pub(super) struct Ready {
    ready: bool,
    /// The head of the log.
    position: Position,
}

pub(super) const ALIVE: Operation =
    Operation::open("healthz", "Whether it is alive.", Answer::of::<Alive>(200));
pub(super) const READY: Operation = Operation::open(
    "readyz",
    "Whether it takes commands.",
    Answer::of::<Ready>(200),
)
.or(&[503]);
pub(super) const METRICS: Operation = Operation::open(
    "metrics",
    "Figures of the server, as Prometheus reads them.",
    Answer::text(METRICS_TYPE),
);

/// The text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4";
