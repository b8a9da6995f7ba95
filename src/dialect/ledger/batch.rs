//! Many calls in one request, answered one by one in order. Apart because it only hands on: each
//! call is what it would be alone, with a token, a record and an answer of its own.

use std::borrow::Cow;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::{Extension, Json, Router};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::openapi::{self, Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
use crate::dialect::ledger::write::Asked;
use crate::domain::Code;

/// `POST /batch`
pub(super) async fn batch(
    State(ledger): State<Ledger>,
    Extension(single): Extension<Router>,
    asked: Asked,
) -> Result<Json<Answers>, Problem> {
    let items = asked.read_alone(read)?;
    if let Some(limits) = &ledger.limits {
        limits.charge(asked.claims(), items.len().saturating_sub(1));
    }
    let outer = asked.into_parts();
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        answers.push(answer(&single, &outer, item).await?);
    }
    Ok(Json(Answers { items: answers }))
}

/// What the calls came to, in their order.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BatchAnswers")]
pub(super) struct Answers {
    items: Vec<One>,
}

/// What one call came to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BatchAnswer")]
struct One {
    status: u16,
    /// As the call alone would answer.
    body: Value,
}

pub(super) const BATCH: Operation = Operation::report(
    "batch",
    "Many calls in one, answered one by one in order.",
    || {
        vec![openapi::Body {
            name: "batch",
            read: |fields| read(fields).map(drop),
            example: r#"{"items":[{"method":"GET","path":"/rooms"}]}"#,
        }]
    },
    Answer::of::<Answers>(200),
);

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
        method: fields.required_parsed("method", verb)?.0,
        path: fields.required_parsed("path", path)?,
        body: fields.optional("body")?,
        request_id: fields
            .parsed("request_id", request_id)?
            .map(|RequestId(id)| id),
    };
    fields.finish()?;
    Ok(item)
}

struct Verb(Method);

impl JsonSchema for Verb {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Method")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["GET", "POST", "PATCH", "DELETE"] })
    }
}

fn verb(text: &str) -> Result<Verb, axum::http::method::InvalidMethod> {
    text.parse().map(Verb)
}

struct RequestId(HeaderValue);

impl JsonSchema for RequestId {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("RequestId")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[\\u0020-\\u007e]*$", "maxLength": 256 })
    }
}

fn request_id(text: &str) -> Result<RequestId, header::InvalidHeaderValue> {
    HeaderValue::from_str(text).map(RequestId)
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

async fn answer(single: &Router, outer: &Parts, item: Item) -> Result<One, Problem> {
    let body = item.body.map(|body| body.to_string()).unwrap_or_default();
    let unroutable = |error: axum::http::Error| Problem::malformed(error.to_string());
    let built = Request::builder().method(item.method).uri(item.path);
    let mut request = built.body(Body::from(body)).map_err(unroutable)?;
    *request.headers_mut() = outer.headers.clone();
    *request.extensions_mut() = outer.extensions.clone();
    let headers = request.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(LIVEKIT_REQUEST_ID);
    match item.request_id {
        Some(request_id) => headers.insert(IDEMPOTENCY_KEY, request_id),
        None => headers.remove(IDEMPOTENCY_KEY),
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
    Ok(One {
        status: status.as_u16(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

const PREFIX: &str = "/api/v1";
const ENDLESS: &str = "/stream";
/// Each call has a key of its own, or none; the tracing ids are those of the whole.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LIVEKIT_REQUEST_ID: HeaderName = HeaderName::from_static("x-livekit-request-id");
/// As api.md promises.
const ITEMS_MAX: usize = 1_000;
/// One answer at most; a room of 10,000 people fits.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
