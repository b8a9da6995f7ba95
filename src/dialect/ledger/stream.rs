//! Following the log as Server-Sent Events, resumable by position.
//!
//! Apart because a stream outlives its request: a task feeds it, and ends with whoever reads. It
//! keeps nothing but a few lines that were not sent yet.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::dialect::auth::claims::Right;
use crate::dialect::caller::header_text;
use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::query::Query;
use crate::dialect::ledger::state::Ledger;
use crate::domain::{Digest, RoomName};
use crate::engine::{Delivery, EngineError, Filter, Subscription};
use crate::store::Position;

/// `GET /stream`
pub(super) async fn stream(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let mut query = query;
    let (room, after) = read(&mut query)?;
    query.finish()?;
    ledger.allow(&headers, Right::Audit(room.as_ref().map(RoomName::as_str)))?;
    let last = header_text(&headers, &LAST_EVENT_ID);
    let last = last.as_deref().map(Mark::parse).transpose();
    let last = last.map_err(|problem| Problem::malformed(format!("Last-Event-ID {problem}")))?;
    let after = match last.or(after) {
        None => ledger.engine.head(),
        Some(mark) => {
            check_history(&ledger, &mark).await?;
            mark.position
        }
    };
    let subscription = ledger.engine.subscribe(after, Filter { room });
    let (lines, waiting) = channel(LINES_MAX);
    tokio::spawn(feed(ledger, subscription, lines));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(Lines(waiting))).into_response())
}

fn read(query: &mut Query) -> Result<(Option<RoomName>, Option<Mark>), Problem> {
    let room = query.parsed("room", RoomName::new)?;
    Ok((room, query.parsed("after", Mark::parse)?))
}

pub(super) const STREAM: Operation = Operation::read(
    "stream",
    "Follows the log: each event as `data`, its kind as `event`, where to go on from as `id`.",
    |query| read(query).map(drop),
    Answer::text("text/event-stream"),
)
.or(&[410]);

/// A place to go on from: `412`, or `412-9f86d081` with the start of the chain hash there.
struct Mark {
    position: Position,
    chain: Option<String>,
}

impl Mark {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (position, chain) = match text.split_once('-') {
            Some((position, chain)) => (position, Some(chain)),
            None => (text, None),
        };
        let is_chain = |chain: &str| {
            chain.len() == CHAIN_DIGITS && chain.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        match position.parse().map(Position) {
            Ok(position) if chain.is_none_or(is_chain) => Ok(Self {
                position,
                chain: chain.map(str::to_ascii_lowercase),
            }),
            Ok(_) | Err(_) => Err("has to be a position, or an id of this stream"),
        }
    }
}

impl JsonSchema for Mark {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Mark")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A position, or an id of the stream.",
            "type": "string",
            "pattern": "^[0-9]{1,19}(-[0-9a-fA-F]{8})?$",
        })
    }
}

/// Refuses a place of another history: a backup was restored, or the log begun anew.
async fn check_history(ledger: &Ledger, mark: &Mark) -> Result<(), Problem> {
    let head = ledger.engine.head();
    let is_here = if mark.position > head {
        false
    } else if let Some(chain) = mark.chain.as_ref().filter(|_| mark.position > Position(0)) {
        let link = ledger.engine.commit_of(mark.position).await?;
        short(link.chain) == *chain
    } else {
        true
    };
    if is_here {
        return Ok(());
    }
    let detail = format!(
        "position {} is not of this history, whose head is {head}: read anew from after=0",
        mark.position
    );
    Err(Problem::new(StatusCode::GONE, "other-history", detail))
}

/// Sends what comes until the reader is gone or the engine is shut down.
async fn feed(ledger: Ledger, subscription: Subscription, lines: Sender<String>) {
    let mut subscription = subscription;
    if lines.send(COMMENT.to_owned()).await.is_err() {
        return;
    }
    loop {
        let line = match tokio::time::timeout(KEEP_ALIVE, subscription.next()).await {
            Err(_) => COMMENT.to_owned(),
            Ok(Ok(Some(delivery))) => match shown(&ledger, delivery).await {
                Ok(line) => line,
                // The reader resumes from the last id that it got.
                Err(_) => return,
            },
            Ok(Ok(None) | Err(_)) => return,
        };
        if lines.send(line).await.is_err() {
            return;
        }
    }
}

async fn shown(ledger: &Ledger, delivery: Delivery) -> Result<String, EngineError> {
    let live = ledger.live.clone();
    let id = format!(
        "{}-{}",
        delivery.record.position,
        short(delivery.commit.chain)
    );
    let record = delivery.record;
    let event = ledger
        .engine
        .read(move |store| live.lock().show(store, &record))
        .await?;
    let data = serde_json::to_string(&event).unwrap_or_default();
    Ok(format!("id: {id}\nevent: {}\ndata: {data}\n\n", event.kind))
}

fn short(chain: Digest) -> String {
    chain.to_string().chars().take(CHAIN_DIGITS).collect()
}

/// The lines of a body, as they come.
struct Lines(Receiver<String>);

impl Stream for Lines {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|line| line.map(Ok))
    }
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const CHAIN_DIGITS: usize = 8;
/// As api.md promises.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const COMMENT: &str = ": still here\n\n";
/// Lines that wait for a slow reader; the subscription keeps its place meanwhile.
const LINES_MAX: usize = 64;
