//! Whether the server is alive and takes commands. Apart because nobody needs a token for it; it
//! tells nothing of any room.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;

/// `GET /healthz`
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "alive": true }))
}

/// `GET /readyz`
pub(super) async fn ready(State(ledger): State<Ledger>) -> Result<Json<Value>, Problem> {
    match ledger.engine.stopped() {
        Some(stopped) => Err(stopped.into()),
        None => Ok(Json(
            json!({ "ready": true, "position": ledger.engine.head() }),
        )),
    }
}
