//! What every call of our own API needs at hand, and what the calls share.
//! Apart from the routes; it holds no state of rooms, only names that any read gives again.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::value::{RawValue, to_raw_value};

use crate::dialect::auth::claims::{Claims, Right};
use crate::dialect::auth::rate::RateLimits;
use crate::dialect::auth::token::{self, TokenError};
use crate::dialect::auth::trust::Keys;
use crate::dialect::catalogue::SharedCatalogue;
use crate::dialect::ledger::books::Books;
use crate::dialect::ledger::lines::Lines;
use crate::dialect::ledger::problem::Problem;
use crate::dialect::metrics::Requests;
use crate::domain::RoomName;
use crate::engine::{Engine, Receipt};
use crate::outbox::Watch;
use crate::replay::view::EventView;
use crate::store::{Record, StoreError};

/// The state behind the routes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) engine: Engine,
    pub(super) keys: Keys,
    /// The names of rooms that are written and followed now.
    pub(super) live: Books,
    /// The names of rooms that are read, apart so that a long read delays no answer.
    pub(super) past: Books,
    pub(super) catalogue: SharedCatalogue,
    /// The latest events as the lines of streams.
    pub(super) lines: Lines,
    pub(super) limits: Option<Arc<RateLimits>>,
    pub(super) requests: Requests,
    pub(super) receivers: Watch,
}

/// What a call needs at hand. What it reads waits in the queue of its caller, as far as the caller
/// proves who that is; nothing is read for anybody else.
pub(super) struct State<T>(pub(super) T);

impl FromRequestParts<Ledger> for State<Ledger> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, all: &Ledger) -> Result<Self, Infallible> {
        let mut ledger = all.clone();
        if let Ok(claims) = all.claims(&parts.headers) {
            ledger.engine = all.engine.reading_as(claims.reader());
            ledger.catalogue = all.catalogue.reading_as(claims.reader());
        }
        Ok(Self(ledger))
    }
}

impl Ledger {
    /// On a running engine, for callers with tokens of these keys.
    pub fn new(engine: Engine, keys: impl Into<Keys>) -> Self {
        let catalogue = SharedCatalogue::new(engine.clone());
        Self {
            engine,
            keys: keys.into(),
            live: Books::naming(LIVE_NAMES_MAX),
            past: Books::whole(),
            catalogue,
            lines: Lines::default(),
            limits: None,
            requests: Requests::default(),
            receivers: Watch::default(),
        }
    }

    /// All rooms and sessions, for the dialects that list them too.
    pub const fn catalogue(&self) -> &SharedCatalogue {
        &self.catalogue
    }

    /// Where requests are counted: what `/metrics` tells.
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Lets each key call only so often.
    #[must_use]
    pub fn limited(mut self, limits: Option<Arc<RateLimits>>) -> Self {
        self.limits = limits;
        self
    }

    /// Shows in `/metrics` how these receivers fare.
    #[must_use]
    pub fn watching(mut self, receivers: Watch) -> Self {
        self.receivers = receivers;
        self
    }

    /// The verified token of a call.
    pub(super) fn claims(&self, headers: &HeaderMap) -> Result<Claims, Problem> {
        let unauthenticated =
            |detail: String| Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail);
        let given = headers.get(header::AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok()).ok_or_else(|| {
            unauthenticated("send `Authorization: Bearer` with a token of a known key".to_owned())
        })?;
        let verified = || {
            let claims = token::verify(&self.keys.ring(), token::bearer(given)?, self.now_s())?;
            token::check_dialect(&claims.limits, &claims.key_id, DIALECT)?;
            Ok(claims)
        };
        verified().map_err(|error: TokenError| unauthenticated(error.to_string()))
    }

    /// The verified token of a reader. One that grants no reading is refused before anything is
    /// looked up.
    pub(super) fn reader(&self, headers: &HeaderMap) -> Result<Claims, Problem> {
        let claims = self.claims(headers)?;
        if claims.may_somewhere(|room| Right::Audit(Some(room))) {
            return Ok(claims);
        }
        Err(not_granted(&claims, "reading any room"))
    }

    /// The room that a reader asks for, or all rooms. A room that it may not read is answered as
    /// one that is not there.
    pub(super) async fn readable(
        &self,
        claims: &Claims,
        room: Option<&str>,
    ) -> Result<Option<RoomName>, Problem> {
        let Some(text) = room else {
            if claims.may(Right::Audit(None)) {
                return Ok(None);
            }
            let what = "reading all rooms: name one in `room`";
            return Err(not_granted(claims, what));
        };
        self.readable_room(claims, text).await.map(Some)
    }

    /// The same of one room.
    pub(super) async fn readable_room(
        &self,
        claims: &Claims,
        text: &str,
    ) -> Result<RoomName, Problem> {
        let name = room_name(text)?;
        let may = |room: &RoomName| claims.may(Right::Audit(Some(room.as_str())));
        let meant = self.meant(name, may).await?;
        meant.ok_or_else(|| not_granted(claims, &format!("reading room {text:?}")))
    }

    /// Seconds since 1970, by the wall clock: tokens are judged by it (log.md rule 21).
    pub(super) fn now_s(&self) -> i64 {
        self.engine.clock().wall().seconds()
    }

    /// The room that a name means, of those that the caller may: the one of that name, else the
    /// one whose id it is in VideoSDK's form, else one that is still to be made. `None` where the
    /// caller may none of them, be they there or not.
    pub(super) async fn meant(
        &self,
        name: RoomName,
        may: impl Fn(&RoomName) -> bool,
    ) -> Result<Option<RoomName>, Problem> {
        let other = if may(&name) {
            self.catalogue.room_by_id(&name).await?
        } else {
            // Whether the room of that name is in memory must not show.
            self.catalogue.other_room_by_id(&name).await?
        };
        let other = other.filter(&may);
        Ok(other.or_else(|| Some(name).filter(&may)))
    }

    /// Reads the names of a room that is in memory, so that what comes of a command can be told:
    /// where that cannot be read yet, it is said before anything is recorded.
    pub(super) async fn can_name(&self, room: &RoomName) -> Result<(), Problem> {
        let Some(room) = self.engine.live(room) else {
            return Ok(());
        };
        let live = self.live.of(Some(&room.name));
        let read = self.engine.answer(move |store| {
            let mut book = live.lock();
            book.can_name(store, &room.name, room.version)
        });
        Ok(read.await?)
    }

    /// The events of a call as readers see them, in JSON that is made on the thread that answers:
    /// megabytes of it would keep others from theirs.
    pub(super) async fn views(&self, receipt: &Receipt) -> Result<Box<RawValue>, Problem> {
        let live = self.live.clone();
        let (records, position) = (receipt.records.clone(), receipt.position);
        let shown = self.engine.answer(move |store| {
            let show = |record: &Arc<Record>| {
                let book = live.of(record.room.as_ref());
                book.lock().show(store, record)
            };
            let shown: Vec<EventView> = records.iter().map(show).collect::<Result<_, _>>()?;
            to_raw_value(&shown).map_err(|error| StoreError::Corrupt {
                position,
                problem: error.to_string(),
            })
        });
        Ok(shown.await?)
    }
}

/// The name of a room as a caller writes it.
pub(super) fn room_name(text: &str) -> Result<RoomName, Problem> {
    RoomName::new(text).map_err(|error| Problem::malformed(error.to_string()))
}

/// The refusal of a reader; it names nothing that the caller did not send.
fn not_granted(claims: &Claims, what: &str) -> Problem {
    let key = &claims.key_id;
    Problem::no_right(format!("the token of key {key:?} does not grant {what}"))
}

/// How events name this interface.
pub(super) const DIALECT: &str = "ledger";

/// Names that one event shows in a stream and in the answer to a command: a thousand slow readers
/// each hold one event in memory. `GET /events` shows more.
const LIVE_NAMES_MAX: usize = 1_000;
