//! An operator's word about the clock (docs/log.md rule 21). Apart because it concerns no room.

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::dialect::caller::Caller;
use crate::dialect::ledger::health::Clock;
use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::operator::of_all_rooms;
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::{DIALECT, Ledger, State};
use crate::dialect::ledger::write::Asked;
use crate::dialect::recorded::Recorded;
use crate::engine::RELEASE_CLOCK;
use crate::store::Position;

/// `POST /clock/release`
pub(super) async fn release(
    State(ledger): State<Ledger>,
    asked: Asked,
) -> Result<Response, Problem> {
    let mut asked = of_all_rooms(&ledger, asked, RELEASE_CLOCK, "the clock is that").await?;
    asked.read_alone(|_| Ok(())).await?;
    let claims = asked.claims().clone();
    let caller = Caller::new(claims, &asked.into_parts());
    let provenance = caller.provenance(DIALECT, RELEASE_CLOCK);
    let provenance = provenance.map_err(|error| Problem::malformed(error.to_string()))?;
    let released = ledger.engine.release_clock_by(provenance).await?;
    let body = Outcome {
        released: released.was_held,
        position: released.position,
        clock: Clock::of(ledger.engine.clock_state()),
    };
    let mut response = Json(body).into_response();
    let recorded = Recorded {
        position: released.position.0,
        replayed: released.replayed,
    };
    recorded.mark(response.headers_mut());
    Ok(response)
}

/// The outcome of a release.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ClockRelease")]
struct Outcome {
    /// Whether the clock was held; otherwise nothing changed and nothing is recorded.
    released: bool,
    /// Where the release is recorded; the head, where it is not.
    position: Position,
    /// The clock now.
    clock: Clock,
}

pub(super) const RELEASE: Operation = Operation::command(
    "releaseClock",
    "Trusts the wall clock again after it jumped, so that timers run.",
    Vec::new,
    Answer::of::<Outcome>(200),
);
