//! Many calls in one request, answered one by one in order. Apart because it only hands on: each
//! call is what it would be alone, with a token, a record and an answer of its own.

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
use crate::dialect::ledger::write::Asked;
use crate::domain::Code;

/// `POST /batch`
pub(super) async fn batch(
    State(ledger): State<Ledger>,
    Extension(single): Extension<Router>,
    asked: Asked,
) -> Result<Json<Value>, Problem> {
    let items = asked.read_alone(read)?;
    if let Some(limits) = &ledger.limits {
        limits.charge(asked.claims(), items.len().saturating_sub(1));
    }
    let outer = asked.into_parts();
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        answers.push(answer(&single, &outer, item).await?);
    }
    Ok(Json(json!({ "items": answers })))
}

struct Item {
    method: Method,
    path: String,
    body: Option<Value>,
    request_id: Option<HeaderValue>,
}

fn read(fields: &mut Fields) -> Result<Vec<Item>, Wrong> {
    let items = fields.objects("items")?;
    if items.len() > ITEMS_MAX {
        let problem = format!(
            "has {} entries, at most {ITEMS_MAX} are allowed",
            items.len()
        );
        return Err(fields.wrong("items", problem));
    }
    items.into_iter().map(item).collect()
}

fn item(fields: Fields) -> Result<Item, Wrong> {
    let mut fields = fields;
    let item = Item {
        method: fields.required_parsed("method", str::parse)?,
        path: fields.required_parsed("path", path)?,
        body: fields.optional("body")?,
        request_id: fields.parsed("request_id", HeaderValue::from_str)?,
    };
    fields.finish()?;
    Ok(item)
}

/// The path of a single call, with or without the prefix that all of them have.
fn path(text: &str) -> Result<String, &'static str> {
    let own = text.strip_prefix(PREFIX).unwrap_or(text);
    if !own.starts_with('/') {
        return Err("has to be a path such as /rooms/town/joins");
    }
    if own.starts_with(ENDLESS) {
        return Err("is a stream, which has no end: call it by itself");
    }
    Ok(own.to_owned())
}

async fn answer(single: &Router, outer: &Parts, item: Item) -> Result<Value, Problem> {
    let body = item.body.map(|body| body.to_string()).unwrap_or_default();
    let unroutable = |error: axum::http::Error| Problem::malformed(error.to_string());
    let built = Request::builder().method(item.method).uri(item.path);
    let mut request = built.body(Body::from(body)).map_err(unroutable)?;
    *request.headers_mut() = outer.headers.clone();
    *request.extensions_mut() = outer.extensions.clone();
    let headers = request.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(OTHER_REQUEST_ID);
    match item.request_id {
        Some(request_id) => headers.insert(REQUEST_ID, request_id),
        None => headers.remove(REQUEST_ID),
    };
    let Ok(response) = single.clone().oneshot(request).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    let body = body.map_err(|_| {
        let detail = "an answer is too large for a batch: call it by itself";
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::TooLarge.as_str(),
            detail,
        )
    })?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(json!({ "status": status.as_u16(), "body": body }))
}

const PREFIX: &str = "/api/v1";
const ENDLESS: &str = "/stream";
/// Each call has an id of its own, or none.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const OTHER_REQUEST_ID: HeaderName = HeaderName::from_static("x-livekit-request-id");
/// As api.md promises.
const ITEMS_MAX: usize = 1_000;
/// One answer at most; a room of 10,000 people fits.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
