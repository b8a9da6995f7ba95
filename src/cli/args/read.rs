//! The arguments of the commands that read a log: where from, of which moment, what of it. Apart
//! from the others, so that each page can be read at once. Never does anything.

#![expect(
    clippy::doc_markdown,
    reason = "the comments are the help that a terminal shows"
)]

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::ShowAs;
use crate::replay::Ability;

/// Where the log is, and how the answer is written.
#[derive(Args, Debug)]
pub struct ReadArgs {
    /// Read this data directory; also beside a running server [env: ROOMLEDGER_DATA]
    /// [default: ./roomledger-data]
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    pub data: Option<PathBuf>,
    /// Ask this server, with LIVEKIT_API_KEY and LIVEKIT_API_SECRET [env: ROOMLEDGER_SERVER]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// How the answer is written.
    #[command(flatten)]
    pub show: ShowAs,
}

/// As of when.
#[derive(Args, Debug)]
pub struct AtArgs {
    /// As of this moment: #412, 2026-11-22T14:03:00Z, 14:03, 10m ago, start+5m, end-30s, @-3
    /// (default: @, the newest event)
    #[arg(long, value_name = "POS", allow_hyphen_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    pub at: Option<String>,
}

/// Arguments of `rooms`.
#[derive(Args, Debug)]
pub struct RoomsArgs {
    /// Only rooms with an open session.
    #[arg(long)]
    pub live: bool,
    /// Only rooms whose name begins so.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub prefix: Option<String>,
    /// Where from, and in what form.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// Arguments of `log`.
#[derive(Args, Debug)]
pub struct LogArgs {
    /// The room; without it, all rooms and the ledger's own events.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub room: Option<String>,
    /// Only what this key, participant or person behind a call did; a name that somebody ever
    /// showed will do.
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub actor: Option<String>,
    /// Only what was done to this identity or connection, or to whoever ever showed this name.
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub target: Option<String>,
    /// Only events of this kind, such as permissions_changed; may be repeated.
    #[arg(long, value_name = "KIND", value_parser = NonEmptyStringValueParser::new())]
    pub kind: Vec<String>,
    /// Only what was refused.
    #[arg(long)]
    pub refused: bool,
    /// Only from this moment on; a day from its beginning.
    #[arg(long, value_name = "POS", allow_hyphen_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    pub since: Option<String>,
    /// Only up to this moment; a day, minute or second that is named is included whole.
    #[arg(long, value_name = "POS", allow_hyphen_values = true,
          value_parser = NonEmptyStringValueParser::new())]
    pub until: Option<String>,
    /// Keep printing what happens.
    #[arg(long, short)]
    pub follow: bool,
    /// Only the last N of them; with --follow, N before the new ones.
    #[arg(long = "lines", short = 'n', value_name = "N")]
    pub lines: Option<u64>,
    /// Where from, and in what form.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// Arguments of `show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// The event: #412, or @ for the newest.
    #[arg(value_name = "POS", allow_hyphen_values = true)]
    pub position: String,
    /// Where from, and in what form.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// Arguments of `state` and `participants`.
#[derive(Args, Debug)]
pub struct RoomAtArgs {
    /// The room.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub room: String,
    /// As of when.
    #[command(flatten)]
    pub at: AtArgs,
    /// Where from, and in what form.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// Arguments of `who`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("question").required(true))]
pub struct WhoArgs {
    /// The room.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub room: String,
    /// Who was there and had this right, since when, and whether they used it.
    #[arg(long, value_name = "RIGHT", group = "question", value_parser = Ability::parse)]
    pub can: Option<Ability>,
    /// Who was there.
    #[arg(long, group = "question")]
    pub present: bool,
    /// Who had been removed in any session of the room, by whom, and whether they are back.
    #[arg(long, group = "question")]
    pub removed: bool,
    /// Exit with 1 when there is nobody.
    #[arg(long)]
    pub exit_code: bool,
    /// As of when.
    #[command(flatten)]
    pub at: AtArgs,
    /// Where from, and in what form.
    #[command(flatten)]
    pub read: ReadArgs,
}

/// Arguments of `sessions`.
#[derive(Args, Debug)]
pub struct SessionsArgs {
    /// The room.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub room: String,
    /// Where from, and in what form.
    #[command(flatten)]
    pub read: ReadArgs,
}
