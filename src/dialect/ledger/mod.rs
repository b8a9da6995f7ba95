//! Our own API: how media servers report what happens, how admins give commands, how reviewers and
//! programs read the ledger. Its contract is docs/api.md.
//!
//! Apart from the vendors' dialects, none of whose words it knows but the join token. It decides
//! nothing and folds nothing: it reads strictly, asks the engine, and shows.

mod batch;
mod books;
mod clock;
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
mod openapi;
mod operator;
mod people;
mod permission_body;
mod problem;
mod profile;
mod query;
mod rendered;
mod revocations;
mod rooms;
mod state;
mod stream;
mod sync;
mod write;

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Extension, Router};

pub use problem::{Problem, status_of};
pub use state::Ledger;

use openapi::{Document, Table};

use crate::dialect::metrics::Counting;
use crate::dialect::recorded::Recorded;

/// All routes: under `/api/v1`, and those of health at the root.
pub fn router(ledger: Ledger) -> Router {
    let routes = reading(reports(Table::under(PREFIX)));
    let single: Router = with_fallbacks(routes.router()).with_state(ledger.clone());
    let api = routes.post("/batch", batch::BATCH, batch::batch);
    let root = Table::under("")
        .get("/healthz", health::ALIVE, health::alive)
        .get("/readyz", health::READY, health::ready)
        .get("/metrics", health::METRICS, health::metrics);
    let served = with_fallbacks(api.router())
        .layer(from_fn_with_state(ledger.clone(), guard::guard))
        .layer(from_fn_with_state(ledger.clone(), mark))
        .layer(Extension(single));
    let top = root.router();
    let open = Table::under(PREFIX).get("/openapi.json", openapi::DOCUMENT, openapi::document);
    let told = open.router();
    let listed = [api, open, root].into_iter().flat_map(Table::listed);
    let document = Document::of(listed.collect());
    let counting = Counting {
        requests: ledger.requests.clone(),
        clock: Arc::clone(ledger.engine.clock()),
        dialect: "ledger",
        call: call_name,
    };
    let whole = top.nest(PREFIX, served.merge(told.layer(Extension(document))));
    counting.of(whole.with_state(ledger))
}

/// A route's own name, so that there are as many as routes.
fn call_name(request: &Request) -> String {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("other", MatchedPath::as_str);
    format!("{} {path}", known(request.method()))
}

/// Methods are words of the caller's, but for those that routes take.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "OTHER",
    }
}

fn with_fallbacks(routes: Router<Ledger>) -> Router<Ledger> {
    routes
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
}

fn reports(table: Table) -> Table {
    let connection = "/rooms/{room}/connections/{connection}";
    let under = |rest: &str| format!("{connection}{rest}");
    let track = under("/tracks/{sid}");
    let revoked = "/keys/{key}/revocations";
    table
        .post("/rooms/{room}/joins", joins::JOIN, joins::join)
        .patch(connection, connections::PATCH, connections::patch)
        .post(
            &under("/activate"),
            connections::ACTIVATE,
            connections::activate,
        )
        .post(
            &under("/interrupt"),
            connections::INTERRUPT,
            connections::interrupt,
        )
        .post(&under("/resume"), connections::RESUME, connections::resume)
        .post(&under("/leave"), connections::LEAVE, connections::leave)
        .post(
            &under("/tracks"),
            connections::PUBLISH,
            connections::publish,
        )
        .patch(&track, connections::UPDATE_TRACK, connections::update_track)
        .delete(&track, connections::UNPUBLISH, connections::unpublish)
        .post(
            "/rooms/{room}/activity",
            connections::ACTIVITY,
            connections::activity,
        )
        .post(
            "/rooms/{room}/commands",
            commands::COMMAND,
            commands::command,
        )
        .post("/reporters/{reporter}/sync", sync::SYNC, sync::sync)
        .post("/clock/release", clock::RELEASE, clock::release)
        .post(revoked, revocations::REVOKE, revocations::revoke)
        .delete(revoked, revocations::LIFT, revocations::lift)
}

fn reading(table: Table) -> Table {
    let participant = "/rooms/{room}/participants/{identity}";
    table
        .get("/rooms", rooms::LIST, rooms::list)
        .get("/rooms/{room}", rooms::ROOM, rooms::room)
        .get(participant, rooms::PARTICIPANT, rooms::participant)
        .get("/rooms/{room}/present", people::PRESENT, people::present)
        .get("/rooms/{room}/removals", people::REMOVED, people::removed)
        .get("/rooms/{room}/sessions", rooms::SESSIONS, rooms::sessions)
        .get("/sessions/{session}", rooms::SESSION, rooms::session)
        .get("/events", events::LIST, events::list)
        .get("/events/{position}", events::ONE, events::one)
        .get("/stream", stream::STREAM, stream::stream)
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

const PREFIX: &str = "/api/v1";
