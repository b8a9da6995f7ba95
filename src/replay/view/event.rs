//! An event as our own API shows it: the envelope that all kinds share.
//!
//! Apart because scripts are written against it. The server answers it, the command line builds it
//! from a data directory or reads it from a server, and both are the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{ConnectionNumber, Digest, Personal, Timestamp};
use crate::replay::names::Directory;
use crate::replay::view::actor::ActorView;
use crate::replay::view::resolve::Resolver;
use crate::replay::view::{data, sentence};
use crate::replay::window::Window;
use crate::store::Record;

/// One event of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Event")
)]
pub struct EventView {
    /// Its place in the whole log.
    pub position: u64,
    /// The room; `None` for the ledger's own events.
    pub room: Option<String>,
    /// The session that was open in the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Its place in the room's history, or among the ledger's own events.
    pub version: u64,
    /// What kind of fact it is.
    pub kind: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What the server's clock said then; unlike `recorded_at` it may go back.
    pub wall_at: Timestamp,
    /// The number of the rules that decided the command.
    pub ruleset: u16,
    /// When it really happened, where the reporter said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// Who did it.
    pub actor: ActorView,
    /// SHA-256 of the token with which the caller came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_sha256: Option<Digest>,
    /// Through what.
    pub via: ViaView,
    /// The caller's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// By what the request is followed through other systems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceView>,
    /// Why, in the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, as a code of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// The position of the event that brought it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<u64>,
    /// The caller's own id of what belongs together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// The caller's address, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The caller's software, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The event in a line for people; it may change, scripts read `data`.
    pub sentence: String,
    /// Where its lists of connections go on, which are cut at this number: `GET
    /// /events/{position}?names_after=NUMBER` has the next of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names_next: Option<ConnectionNumber>,
    /// What happened, by kind.
    pub data: Map<String, Value>,
}

/// Which interface something came through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Via")
)]
pub struct ViaView {
    /// The dialect.
    pub dialect: String,
    /// The call in that dialect's own words.
    pub call: String,
}

/// Ids of a request that other systems gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Trace")
)]
pub struct TraceView {
    /// What `X-Request-Id` said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What `traceparent` said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl EventView {
    /// Shows a record, with the directories that [`NamesBook::prepare`] made ready for it.
    ///
    /// [`NamesBook::prepare`]: crate::replay::NamesBook::prepare
    pub fn of(record: &Record, directory: &dyn Directory) -> Self {
        Self::after(record, directory, ConnectionNumber(0))
    }

    /// The same, with lists that go on after a connection.
    pub(in crate::replay) fn after(
        record: &Record,
        directory: &dyn Directory,
        names_after: ConnectionNumber,
    ) -> Self {
        let window = Window::of(&record.event.event, names_after, directory.names_max());
        let resolver = Resolver::new(directory, record.room.as_ref()).within(window);
        let provenance = &record.command.provenance;
        let cause = record.event.cause.as_ref();
        let text = |personal: &Personal<String>| personal.as_str().to_owned();
        Self {
            position: record.position.0,
            room: record.room.as_ref().map(ToString::to_string),
            session: resolver.session(record.version),
            version: record.version.0,
            kind: record.event.event.kind().as_str().to_owned(),
            recorded_at: record.command.recorded_at,
            wall_at: record.command.wall_at,
            ruleset: record.command.ruleset,
            occurred_at: record.event.occurred_at,
            actor: ActorView::of(&provenance.actor, &resolver),
            token_sha256: provenance.token_sha256,
            via: ViaView {
                dialect: provenance.via.dialect.clone(),
                call: provenance.via.call.clone(),
            },
            request_id: provenance.request_id.clone(),
            trace: provenance.trace.as_ref().map(|trace| TraceView {
                request_id: trace.request_id.clone(),
                traceparent: trace.traceparent.clone(),
            }),
            reason: provenance.reason.as_ref().map(text),
            reason_code: provenance.reason_code.clone(),
            causation: cause.and_then(|cause| resolver.place(cause)),
            correlation: provenance.correlation.clone(),
            source_ip: provenance.source_ip.as_ref().map(text),
            user_agent: provenance.user_agent.as_ref().map(text),
            sentence: sentence::of(record, &resolver),
            names_next: window.next(),
            data: data::of(&record.event.event, record.version, &resolver),
        }
    }
}
