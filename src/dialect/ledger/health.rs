//! Whether the server is alive and takes commands. Apart because nobody needs a token for it; it
//! tells nothing of any room.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
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
