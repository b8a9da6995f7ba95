//! What a request must pass before anything of it is read: its encoding, and how often its key
//! calls. Apart because it answers for every route at once; it knows none.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::dialect::body::{NoBody, is_packed};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;

/// Hands a request on, or answers why not.
pub(super) async fn guard(State(ledger): State<Ledger>, request: Request, next: Next) -> Response {
    if let Err(problem) = frequency(&ledger, &request) {
        return problem.into_response();
    }
    if is_packed(request.headers()) {
        let packed = NoBody::Packed;
        let detail = packed.to_string();
        let problem = Problem::new(packed.status(), "unsupported-encoding", detail);
        return ([ACCEPTED], problem).into_response();
    }
    next.run(request).await
}

fn frequency(ledger: &Ledger, request: &Request) -> Result<(), Problem> {
    let Some(limits) = &ledger.limits else {
        return Ok(());
    };
    let claims = ledger.claims(request.headers())?;
    limits.admit(&claims).map_err(|error| {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "overloaded",
            error.to_string(),
        )
        .retry_after(error.retry_after_s)
    })
}

const ACCEPTED: (HeaderName, HeaderValue) = (
    header::ACCEPT_ENCODING,
    HeaderValue::from_static("identity"),
);
