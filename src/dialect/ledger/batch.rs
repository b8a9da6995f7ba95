//! Many calls in one request, answered one by one in order. Apart because it only hands on: each
//! call is what it would be alone, with a token, a record and an answer of its own.
//!
//! An answer is written as soon as it is there, so that a batch holds one of them at a time. All
//! answers together have a bound in bytes and in time; the calls beyond it are not carried out.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;
use tokio::time::{Sleep, sleep};
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::openapi::{self, Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::rendered::ANSWER_BYTES_MAX;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::ledger::write::Asked;
use crate::dialect::written::{Pen, written};
use crate::domain::Code;

/// `POST /batch`
pub(super) async fn batch(
    State(ledger): State<Ledger>,
    Extension(single): Extension<Router>,
    asked: Asked,
) -> Result<Response, Problem> {
    let mut asked = asked;
    let items = asked.read_alone(read).await?;
    if let Some(limits) = &ledger.limits {
        limits.charge(asked.claims(), items.len().saturating_sub(1));
    }
    let outer = asked.into_parts();
    let batch = Batch {
        ledger,
        single,
        outer,
    };
    // The headers wait for the first piece: they tell where it left the log.
    let body = written(|pen| batch.answer(items, pen).in_current_span());
    let Ok(body) = body.await;
    Ok(([JSON], body).into_response())
}

/// What the calls came to, in their order.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "BatchAnswers")]
#[expect(dead_code, reason = "the shape of what is written piece by piece")]
pub(super) struct Answers {
    items: Vec<One>,
    /// The last position that is durable after all of them.
    position: u64,
}

/// What one call came to.
#[derive(Debug, JsonSchema)]
#[schemars(rename = "BatchAnswer")]
#[expect(dead_code, reason = "the shape of what is written piece by piece")]
struct One {
    status: u16,
    /// As the call alone would answer. 413 where it does not fit the batch: its `detail` tells
    /// whether the call was carried out.
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
    match own.parse::<Uri>() {
        Ok(_) => Ok(own.to_owned()),
        Err(_) => Err("has characters that a path escapes, such as a space"),
    }
}

/// What the calls of a batch have in common.
struct Batch {
    ledger: Ledger,
    single: Router,
    outer: Parts,
}

impl Batch {
    /// Carries out one call after the other and writes what each is answered, as long as somebody
    /// reads it.
    async fn answer(self, items: Vec<Item>, mut pen: Pen) -> Result<Pen, Infallible> {
        let mut late = pin!(sleep(TIME_MAX));
        let mut left = ANSWERS_BYTES_MAX;
        let mut over = None;
        pen.write(r#"{"items":["#).await;
        let mut is_first = true;
        for item in items {
            let (status, body) = match over {
                Some(over) => Over::untouched(over),
                None => match self.one(item, left, late.as_mut()).await {
                    Ok(answered) => answered,
                    Err((reason, problem)) => {
                        over = Some(reason);
                        problem
                    }
                },
            };
            left = left.saturating_sub(body.len());
            let begin = format!(r#"{{"status":{},"body":"#, status.as_u16());
            pen.item(&mut is_first, begin).await;
            pen.write_large(body).await;
            pen.write("}").await;
        }
        let end = format!(r#"],"position":{}}}"#, self.ledger.engine.head());
        pen.write(end).await;
        Ok(pen)
    }

    /// What one call is answered, in no more bytes than are left.
    async fn one(
        &self,
        item: Item,
        left: usize,
        late: Pin<&mut Sleep>,
    ) -> Result<Answered, (Over, Answered)> {
        let response = tokio::select! {
            response = self.call(item) => response,
            () = late => return Err((Over::Time, Over::under_way())),
        };
        let status = response.status();
        match to_bytes(response.into_body(), left).await {
            Ok(body) if body.is_empty() => Ok((status, Bytes::from_static(b"null"))),
            Ok(body) => Ok((status, body)),
            Err(_) => Err((Over::Bytes, Over::left_out(status))),
        }
    }

    async fn call(&self, item: Item) -> Response {
        let body = item.body.map(|body| body.to_string()).unwrap_or_default();
        let built = Request::builder().method(item.method).uri(item.path);
        let mut request = match built.body(Body::from(body)) {
            Ok(request) => request,
            Err(error) => return Problem::malformed(error.to_string()).into_response(),
        };
        *request.headers_mut() = self.outer.headers.clone();
        *request.extensions_mut() = self.outer.extensions.clone();
        let headers = request.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(LIVEKIT_REQUEST_ID);
        match item.request_id {
            Some(request_id) => headers.insert(IDEMPOTENCY_KEY, request_id),
            None => headers.remove(IDEMPOTENCY_KEY),
        };
        let Ok(response) = self.single.clone().oneshot(request).await;
        response
    }
}

/// The status and the body, as JSON, that a call is answered.
type Answered = (StatusCode, Bytes);

/// Which bound of a batch is used up.
#[derive(Clone, Copy)]
enum Over {
    Bytes,
    Time,
}

impl Over {
    /// For a call whose answer does not fit.
    fn left_out(status: StatusCode) -> Answered {
        let status = status.as_u16();
        Self::Bytes.told(format!(
            "the answers of a batch come to at most {BYTES_MAX} bytes: this call was carried out \
             and answered {status}, and its answer is left out: call it by itself"
        ))
    }

    /// For a call that took too long.
    fn under_way() -> Answered {
        let seconds = TIME_MAX.as_secs();
        Self::Time.told(format!(
            "the batch took longer than {seconds} s: the outcome of this call is unknown, repeat \
             it with its request id"
        ))
    }

    /// For the calls after either.
    fn untouched(self) -> Answered {
        let bound = match self {
            Self::Bytes => format!("come to at most {BYTES_MAX} bytes"),
            Self::Time => format!("take at most {} s", TIME_MAX.as_secs()),
        };
        self.told(format!(
            "the answers of a batch {bound}, which the calls before this one used up: this one \
             was not carried out, send it in another batch"
        ))
    }

    fn told(self, detail: String) -> Answered {
        let (status, kind) = match self {
            Self::Bytes => (StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge.as_str()),
            Self::Time => (StatusCode::REQUEST_TIMEOUT, "too-slow"),
        };
        (status, Problem::new(status, kind, detail).to_json().into())
    }
}

const PREFIX: &str = "/api/v1";
const ENDLESS: &str = "/stream";
/// Each call has a key of its own, or none; the tracing ids are those of the whole.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const LIVEKIT_REQUEST_ID: HeaderName = HeaderName::from_static("x-livekit-request-id");
const JSON: (HeaderName, HeaderValue) = (
    header::CONTENT_TYPE,
    HeaderValue::from_static("application/json"),
);
/// As api.md promises.
const ITEMS_MAX: usize = 128;
/// All answers together have no more than one.
const BYTES_MAX: usize = ANSWER_BYTES_MAX;
/// What is left for the answers when each call has taken the words around it, or those that say
/// that it was not carried out.
const ANSWERS_BYTES_MAX: usize = BYTES_MAX - ITEMS_MAX * 512;
/// As long as a single answer may take to begin.
const TIME_MAX: Duration = Duration::from_secs(60);
