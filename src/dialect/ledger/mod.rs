//! Our own API: how media servers report what happens, how admins give commands, how reviewers and
//! programs read the ledger. Its contract is docs/api.md.
//!
//! Apart from the vendors' dialects, none of whose words it knows but the join token. It decides
//! nothing and folds nothing: it reads strictly, asks the engine, and shows.

mod batch;
mod command_body;
mod commands;
mod config_body;
mod connections;
mod events;
mod fields;
mod guard;
mod health;
mod joins;
mod lines;
mod moments;
mod problem;
mod query;
mod rooms;
mod state;
mod stream;
mod sync;
mod write;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, patch, post};
use axum::{Extension, Router};

pub use problem::{Problem, status_of};
pub use state::Ledger;

use crate::dialect::recorded::Recorded;

/// All routes: under `/api/v1`, and the two of health at the root.
pub fn router(ledger: Ledger) -> Router {
    let routes = Router::new()
        .merge(reports())
        .merge(reading())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method);
    let single: Router = routes.clone().with_state(ledger.clone());
    let api = routes
        .route("/batch", post(batch::batch).layer(Extension(single)))
        .layer(DefaultBodyLimit::max(write::BODY_BYTES_MAX))
        .layer(from_fn_with_state(ledger.clone(), guard::guard))
        .layer(from_fn_with_state(ledger.clone(), mark));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .nest("/api/v1", api)
        .with_state(ledger)
}

fn reports() -> Router<Ledger> {
    let connection = "/rooms/{room}/connections/{connection}";
    let under = |rest: &str| format!("{connection}{rest}");
    Router::new()
        .route("/rooms/{room}/joins", post(joins::join))
        .route(connection, patch(connections::patch))
        .route(&under("/activate"), post(connections::activate))
        .route(&under("/interrupt"), post(connections::interrupt))
        .route(&under("/resume"), post(connections::resume))
        .route(&under("/leave"), post(connections::leave))
        .route(&under("/tracks"), post(connections::publish))
        .route(
            &under("/tracks/{sid}"),
            patch(connections::update_track).delete(connections::unpublish),
        )
        .route("/rooms/{room}/activity", post(connections::activity))
        .route("/rooms/{room}/commands", post(commands::command))
        .route("/reporters/{reporter}/sync", post(sync::sync))
}

fn reading() -> Router<Ledger> {
    Router::new()
        .route("/rooms", get(rooms::list))
        .route("/rooms/{room}", get(rooms::room))
        .route(
            "/rooms/{room}/participants/{identity}",
            get(rooms::participant),
        )
        .route("/rooms/{room}/sessions", get(rooms::sessions))
        .route("/sessions/{session}", get(rooms::session))
        .route("/events", get(events::list))
        .route("/events/{position}", get(events::one))
        .route("/stream", get(stream::stream))
}

async fn unknown() -> Problem {
    Problem::not_found("no-such-route", "there is no such route under /api/v1")
}

async fn wrong_method(method: Method) -> Problem {
    let detail = format!("{method} is not what this route takes");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail)
}

/// Tells every writer where the log stands, also where nothing was recorded.
async fn mark(State(ledger): State<Ledger>, request: Request, next: Next) -> Response {
    let writes = request.method() != Method::GET;
    let mut response = next.run(request).await;
    if writes && !Recorded::is_marked(response.headers()) {
        let head = Recorded {
            position: ledger.engine.head().0,
            replayed: false,
        };
        head.mark(response.headers_mut());
    }
    response
}
