//! Following the log as Server-Sent Events, resumable by position.
//!
//! Apart because a stream outlives its request: a task feeds it, and ends with whoever reads. It
//! keeps nothing but one piece that was not sent yet.

use std::borrow::Cow;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Sender, channel};

use crate::dialect::auth::claims::Right;
use crate::dialect::auth::token;
use crate::dialect::caller::header_text;
use crate::dialect::ledger::lines::Lines;
use crate::dialect::ledger::moments::other_history;
use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::query::Query;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::pieces::Pieces;
use crate::domain::{Digest, Kind, RoomName};
use crate::engine::{Delivery, Engine, EngineError, Filter, Reader, Subscription};
use crate::replay::view::EventView;
use crate::store::Position;

/// `GET /stream`
pub(super) async fn stream(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let claims = ledger.reader(&headers)?;
    let mut query = query;
    let (room, after) = read(&mut query)?;
    query.finish()?;
    let room = room.as_ref().map(RoomName::as_str);
    let room = ledger.readable(&claims, room).await?;
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
    let filter = Filter { room: room.clone() };
    let subscription = ledger.engine.subscribe(after, filter);
    let (pieces, waiting) = channel(PIECES_MAX);
    let shown = headers.get(header::AUTHORIZATION).cloned();
    let follower = Follower {
        ledger,
        headers: shown
            .map(|shown| (header::AUTHORIZATION, shown))
            .into_iter()
            .collect(),
        room,
        ends_at_s: token::ends_at_s(&claims),
    };
    tokio::spawn(feed(follower, subscription, pieces));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(Pieces::of(waiting))).into_response())
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
    Err(other_history(mark.position, head))
}

/// Who reads a stream, and of what.
struct Follower {
    ledger: Ledger,
    /// The header with the token.
    headers: HeaderMap,
    room: Option<RoomName>,
    ends_at_s: i64,
}

impl Follower {
    /// How long the token is still good, or the last message of the stream. The token is verified
    /// anew each time, since what it grants can be taken back.
    fn left(&self) -> Result<Duration, Bytes> {
        let left_s = self.ends_at_s.saturating_sub(self.ledger.now_s());
        if left_s <= 0 {
            return Err(ended("token-expired", EXPIRED));
        }
        let right = Right::Audit(self.room.as_ref().map(RoomName::as_str));
        match self.ledger.claims(&self.headers) {
            Ok(claims) if claims.may(right) => Ok(Duration::from_secs(left_s.unsigned_abs())),
            Ok(_) => Err(ended("no-right", NOT_GRANTED)),
            Err(problem) => Err(ended("token-refused", problem.detail())),
        }
    }
}

/// The last message of a stream. It has no id, so that the reader comes again with that of the last
/// event.
fn ended(kind: &str, detail: &str) -> Bytes {
    let data = serde_json::json!({"type": kind, "detail": detail});
    format!("event: stream_ended\ndata: {data}\n\n").into()
}

/// Sends what comes until the reader is gone, its token is over, or the engine is shut down. While
/// the reader takes nothing, it holds two pieces of the answer and its place, and reads the log
/// again from there.
async fn feed(follower: Follower, subscription: Subscription, pieces: Sender<Bytes>) {
    let mut subscription = subscription;
    let mut piece = Bytes::from_static(COMMENT);
    loop {
        let left = match follower.left() {
            Ok(left) => left,
            Err(end) => {
                // Where the reader is gone, nobody needs to be told.
                let _ = pieces.send(end).await;
                return;
            }
        };
        if let Err(TrySendError::Full(unsent)) = pieces.try_send(piece) {
            let mut sending = pin!(pieces.send(unsent));
            let in_time = tokio::time::timeout(SLOW, &mut sending).await;
            let sent = if let Ok(sent) = in_time {
                sent
            } else {
                subscription.rest();
                sending.await
            };
            if sent.is_err() {
                return;
            }
        }
        // Only the wait is cut off: what was taken off the subscription has to be sent.
        let next = next(&mut subscription);
        piece = match tokio::time::timeout(KEEP_ALIVE.min(left), next).await {
            Err(_) => Bytes::from_static(COMMENT),
            // The reader resumes from the last id that it got.
            Ok(None) => return,
            Ok(Some(first)) => match gathered(&follower.ledger, first, &mut subscription).await {
                Some(piece) => piece,
                None => return,
            },
        };
        if pieces.is_closed() {
            return;
        }
    }
}

/// What comes next; `None` when nothing more will. Cancel safe.
async fn next(subscription: &mut Subscription) -> Option<Delivery> {
    loop {
        match subscription.next().await {
            Ok(delivery) => return delivery,
            Err(error) => wait_out(&error).await?,
        }
    }
}

/// An event and those at hand after it, as one piece of the answer.
async fn gathered(
    ledger: &Ledger,
    first: Delivery,
    subscription: &mut Subscription,
) -> Option<Bytes> {
    let mut piece = Vec::new();
    let mut following = Some(first);
    while let Some(delivery) = following {
        let left_bytes = PIECE_BYTES - piece.len();
        let run = || {
            let run = std::iter::once(&delivery).chain(subscription.ready());
            run.cloned().collect()
        };
        let shown = loop {
            match show(ledger, &delivery, run, left_bytes).await {
                Ok(shown) => break shown,
                Err(error) => wait_out(&error).await?,
            }
        };
        piece.extend_from_slice(&shown.text);
        for _ in 1..shown.ends.len() {
            subscription.next_ready();
        }
        following = (piece.len() < PIECE_BYTES)
            .then(|| subscription.next_ready())
            .flatten();
    }
    Some(piece.into())
}

/// An event, and perhaps some of those after it, up to the one that reaches `bytes_max`. What
/// several readers are likely to want is shown once.
async fn show(
    ledger: &Ledger,
    first: &Delivery,
    run: impl FnOnce() -> Vec<Delivery>,
    bytes_max: usize,
) -> Result<Shown, EngineError> {
    let position = first.record.position;
    if !Lines::are_shared(position, ledger.engine.head()) {
        return show_run(ledger, &ledger.engine, run(), bytes_max).await;
    }
    let at_hand = || {
        let lines = is_alike(first).then(|| ledger.lines.at_hand(position))?;
        lines.map(Shown::one)
    };
    if let Some(shown) = at_hand() {
        return Ok(shown);
    }
    let _turn = ledger.lines.turn().await;
    if let Some(shown) = at_hand() {
        return Ok(shown);
    }
    let run = run();
    let places: Vec<_> = run
        .iter()
        .map(|it| (it.record.position, is_alike(it)))
        .collect();
    // All who follow wait for it, so it takes no turn of this one's caller.
    let engine = ledger.engine.reading_as(Reader::default());
    let shown = show_run(ledger, &engine, run, bytes_max).await?;
    for ((position, is_alike), lines) in places.into_iter().zip(shown.each()) {
        if is_alike {
            ledger.lines.keep(position, Bytes::copy_from_slice(lines));
        }
    }
    Ok(shown)
}

/// Of a sum, readers of different rooms see different parts.
fn is_alike(delivery: &Delivery) -> bool {
    delivery.record.event.event.kind() != Kind::RefusalsSuppressed
}

/// The first events of a run, at least one. They are shown on one thread, in one go; the names of
/// a room are locked for one event at a time.
async fn show_run(
    ledger: &Ledger,
    engine: &Engine,
    run: Vec<Delivery>,
    bytes_max: usize,
) -> Result<Shown, EngineError> {
    let live = ledger.live.clone();
    let shown = engine.read(move |store| {
        let mut shown = Shown::default();
        for delivery in &run {
            let record = &delivery.record;
            let book = live.of(record.room.as_ref());
            let event = book.lock().show(store, record);
            match event {
                Ok(event) => shown.push(delivery, &event),
                Err(error) if shown.ends.is_empty() => return Err(error),
                // The next piece begins with it.
                Err(_) => break,
            }
            if shown.text.len() >= bytes_max {
                break;
            }
        }
        Ok(shown)
    });
    shown.await
}

/// Events as the lines of a stream, one behind another.
#[derive(Default)]
struct Shown {
    text: Vec<u8>,
    /// Where the lines of each end.
    ends: Vec<usize>,
}

impl Shown {
    fn one(lines: Bytes) -> Self {
        Self {
            ends: vec![lines.len()],
            text: lines.into(),
        }
    }

    fn push(&mut self, delivery: &Delivery, event: &EventView) {
        let (position, chain) = (delivery.record.position, short(delivery.commit.chain));
        let head = format!("id: {position}-{chain}\nevent: {}\ndata: ", event.kind);
        self.text.extend_from_slice(head.as_bytes());
        let start = self.text.len();
        if serde_json::to_writer(&mut self.text, event).is_err() {
            self.text.truncate(start);
        }
        self.text.extend_from_slice(b"\n\n");
        self.ends.push(self.text.len());
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let stretches = starts.zip(&self.ends);
        stretches.filter_map(|(start, end)| self.text.get(start..*end))
    }
}

/// The first digits of a chain hash.
fn short(chain: Digest) -> String {
    let [first, second, third, fourth, ..] = chain.0;
    format!("{first:02x}{second:02x}{third:02x}{fourth:02x}")
}

/// Waits where waiting helps: readers are many, and threads that read are few.
async fn wait_out(error: &EngineError) -> Option<()> {
    if matches!(error, EngineError::Overloaded { .. } | EngineError::Opening) {
        tokio::time::sleep(CROWDED_PAUSE).await;
        return Some(());
    }
    None
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const CHAIN_DIGITS: usize = 8;
/// As api.md promises.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const COMMENT: &[u8] = b": still here\n\n";
const EXPIRED: &str =
    "the token of this stream has expired: come again with a new one and Last-Event-ID";
const NOT_GRANTED: &str = "the token of this stream does not grant it any more";
/// A piece ends after the event that makes it so long: small enough for a thousand readers that
/// stopped reading, large enough that handing it on costs little beside what is in it.
const PIECE_BYTES: usize = 64 * 1024;
/// A reader that takes nothing for so long is slow: what is at hand for it is read again later.
/// Others take a piece in a few milliseconds.
const SLOW: Duration = Duration::from_millis(100);
/// The one piece that waits for a slow reader; the subscription keeps its place meanwhile.
const PIECES_MAX: usize = 1;
const CROWDED_PAUSE: Duration = Duration::from_millis(20);
