//! The command line as it is typed: commands, flags, their help. Apart, so that the whole of it
//! can be read on one page. Never does anything.

#![expect(
    clippy::doc_markdown,
    clippy::struct_excessive_bools,
    reason = "the comments are the help that a terminal shows, and a flag is a bool"
)]

mod read;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use read::{AtArgs, LogArgs, ReadArgs, RoomAtArgs, RoomsArgs, SessionsArgs, ShowArgs, WhoArgs};

use crate::cli::output::Format;
use crate::cli::size;
use crate::cli::zone::TimeStyle;
use crate::dialect::auth::rate::RateLimit;
use crate::server::Network;

/// An append-only, replayable record of what happened in real-time rooms.
#[derive(Debug, Parser)]
#[command(name = "roomledger", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// When to use colour; NO_COLOR and CLICOLOR_FORCE are honoured.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

/// What can be asked of `roomledger`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Answer LiveKit's admin calls and our own API, and keep the ledger.
    Serve(ServeArgs),
    /// Record a town hall with an incident, then ask who did what.
    Demo(DemoArgs),
    /// Mint an access token and print it.
    #[command(after_help = TOKEN_EXAMPLES)]
    Token(TokenArgs),
    /// List the rooms.
    Rooms(RoomsArgs),
    /// List what happened, oldest first.
    #[command(after_help = LOG_EXAMPLES)]
    Log(LogArgs),
    /// Explain one event.
    Show(ShowArgs),
    /// Print a room as it was at a moment.
    State(RoomAtArgs),
    /// List the participants of a room as they were at a moment.
    Participants(RoomAtArgs),
    /// List who could publish, was there, or had been removed at a moment.
    #[command(after_help = WHO_EXAMPLES)]
    Who(WhoArgs),
    /// List the sessions of a room.
    Sessions(SessionsArgs),
    /// Check that the log is whole, unaltered, and folds to what was stored.
    #[command(after_help = VERIFY_NOTES)]
    Verify(VerifyArgs),
    /// Put a stopped ledger right, one copy from the other; keeps what it replaces.
    #[command(after_help = REPAIR_EXAMPLES)]
    Repair(RepairArgs),
    /// Copy a ledger, running or not, into a directory; later runs add what is new.
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(BackupArgs),
    /// Make a ledger from a backup, in a directory that does not exist yet.
    Restore(RestoreArgs),
    /// Trust the clock of a server again after it jumped.
    #[command(subcommand)]
    Clock(ClockCommand),
    /// Take tokens of a server's API keys back, or believe them again.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// How the answer is written.
#[derive(Args, Debug)]
pub struct ShowAs {
    /// Form of the answer [default: table on a terminal, else tsv]
    #[arg(long, short, value_enum, value_name = "FORM")]
    pub output: Option<Format>,
    /// The same as --output json.
    #[arg(long, conflicts_with = "output")]
    pub json: bool,
    /// How moments are shown [default: in the zone of --tz]
    #[arg(long, value_enum, value_name = "STYLE")]
    pub time: Option<TimeStyle>,
    /// Zone of moments: utc, local, +02:00 or Europe/Berlin [default: utc]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub tz: Option<String>,
}

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Use key 'devkey' and secret 'secret', on loopback only; never in production.
    #[arg(long, conflicts_with = "keys")]
    pub dev: bool,
    /// Where the ledger is kept; made when missing.
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT, env = "ROOMLEDGER_DATA")]
    pub data: PathBuf,
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7880")]
    pub listen: SocketAddr,
    /// File with the certificate to speak TLS with, in PEM, and those it rests on; read again at
    /// SIGHUP.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// File with its private key, in PEM, readable by its owner only (mode 0600).
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Listen beyond loopback without TLS: a proxy in front encrypts (docs/deploy.md).
    #[arg(long, conflicts_with = "tls_cert")]
    pub plain_http: bool,
    /// Believe X-Forwarded-For, Forwarded and X-Forwarded-Proto of proxies at these addresses, such
    /// as 127.0.0.1 or 10.0.0.0/8; may be given several times [default: of nobody]
    #[arg(long, value_name = "CIDR")]
    pub trusted_proxy: Vec<Network>,
    /// Answer for this host name alone, 421 for others; may be given several times [default: any;
    /// with --dev loopback's own names, and these]
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// File of 'key: secret' lines, readable by its owner only (mode 0600).
    #[arg(long, value_name = "FILE", required_unless_present_any = ["dev", "api_key"])]
    pub keys: Option<PathBuf>,
    /// Let admins unmute the tracks of others, in rooms that do not say.
    #[arg(long)]
    pub enable_remote_unmute: bool,
    /// Let each key call so often, 429 beyond: 100/s, or 100/s:500 with bursts of 500.
    #[arg(long, value_name = "RATE")]
    pub rate_limit: Option<RateLimit>,
    /// Let pages of this origin alone read LiveKit's answers; may be given several times, 'none'
    /// for no page [default: *, as LiveKit has it; with --dev none]
    #[arg(long, value_name = "ORIGIN")]
    pub cors_origin: Vec<String>,
    /// Open connections at a time, 503 beyond; fewer where there are fewer file descriptors.
    #[arg(long, value_name = "N", default_value_t = 16_384)]
    pub connections_max: usize,
    /// The same of one address, IPv6 by its first 64 bits; trusted proxies have no limit.
    #[arg(long, value_name = "N", default_value_t = 4_096)]
    pub connections_per_address: usize,
    /// What bodies of requests may hold together, 503 beyond; a quarter of it those of one address.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size::parse)]
    pub body_memory: usize,
    /// How long a client may take to send a head, or stay idle between requests.
    #[arg(long, value_name = "TIME", default_value = "75s",
          value_parser = humantime::parse_duration)]
    pub head_timeout: Duration,
    /// How long an answer may take to begin, its request's body included.
    #[arg(long, value_name = "TIME", default_value = "60s",
          value_parser = humantime::parse_duration)]
    pub answer_timeout: Duration,
    /// How long a client may take no byte of an answer.
    #[arg(long, value_name = "TIME", default_value = "60s",
          value_parser = humantime::parse_duration)]
    pub stall_timeout: Duration,
    /// Tell this address what happens, as LiveKit's webhooks do; may be given several times. One
    /// that holds a secret belongs into --webhooks FILE, or into ROOMLEDGER_WEBHOOKS.
    #[arg(long, value_name = "URL")]
    pub webhook: Vec<String>,
    /// File of such addresses, one a line, readable by its owner only (mode 0600).
    #[arg(long, value_name = "FILE")]
    pub webhooks: Option<PathBuf>,
    /// API key that signs webhooks [default: the first one]
    #[arg(long, value_name = "KEY")]
    pub webhook_key: Option<String>,
    /// Position after which a receiver begins that has no cursor yet, or a damaged one; 0 for
    /// everything [default: what happens from now on]
    #[arg(long, value_name = "POS")]
    pub webhook_from: Option<u64>,
    /// The key of the environment, where there is no file.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// One key and its secret, as LiveKit's tools take them.
#[derive(Args, Debug)]
pub struct KeyArgs {
    /// API key.
    #[arg(
        long,
        env = "LIVEKIT_API_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub api_key: Option<String>,
    /// API secret; by the environment, where other users of the machine do not see it: serve takes
    /// it from there alone.
    #[arg(
        long,
        env = "LIVEKIT_API_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub api_secret: Option<String>,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// A directory that does not exist yet [default: ./roomledger-demo, or the next free name]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
    /// How many people come.
    #[arg(long, value_name = "N", default_value_t = 40,
          value_parser = clap::value_parser!(u32).range(8..=100_000))]
    pub participants: u32,
    /// The same seed gives the same town hall.
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub seed: u64,
}

/// Arguments of `token`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("rights").multiple(true).required(true))]
pub struct TokenArgs {
    /// May join --room as --identity.
    #[arg(long, group = "rights", requires = "room", requires = "identity")]
    pub join: bool,
    /// May do everything in --room.
    #[arg(long, group = "rights", requires = "room")]
    pub admin: bool,
    /// May create and delete rooms.
    #[arg(long, group = "rights")]
    pub create: bool,
    /// May list rooms.
    #[arg(long, group = "rights")]
    pub list: bool,
    /// May report joins, leaves, tracks and activity; in --room, or in every room.
    #[arg(long, group = "rights")]
    pub report: bool,
    /// May read the ledger; of --room, or all of it.
    #[arg(long, group = "rights")]
    pub audit: bool,
    /// The room.
    #[arg(long, value_name = "ROOM", value_parser = NonEmptyStringValueParser::new())]
    pub room: Option<String>,
    /// Who the token is for.
    #[arg(long, value_name = "IDENTITY", value_parser = NonEmptyStringValueParser::new())]
    pub identity: Option<String>,
    /// The name shown to others.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How long it is valid.
    #[arg(long, value_name = "DURATION", default_value = "6h",
          value_parser = humantime::parse_duration)]
    pub ttl: Duration,
    /// Sign with the key of serve --dev.
    #[arg(long)]
    pub dev: bool,
    /// The key to sign with.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT, env = "ROOMLEDGER_DATA")]
    pub data: PathBuf,
    /// Compare the indexed copy too; the ledger must not be running.
    #[arg(long)]
    pub sled: bool,
    /// How the answer is written.
    #[command(flatten)]
    pub show: ShowAs,
}

/// Arguments of `repair`.
#[derive(Args, Debug)]
pub struct RepairArgs {
    /// The data directory; the ledger must not be running.
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT, env = "ROOMLEDGER_DATA")]
    pub data: PathBuf,
    /// Record as lost what no copy has any more, so that the ledger opens; cannot be undone.
    #[arg(long)]
    pub accept_loss: bool,
    /// Where journal/ and db/ tell two histories, go on with this one; the other stays in aside/.
    #[arg(long, value_enum, value_name = "COPY")]
    pub continue_from: Option<ContinueFrom>,
    /// How the answer is written.
    #[command(flatten)]
    pub show: ShowAs,
}

/// The copy that a repair goes on with where there are two histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ContinueFrom {
    /// journal/ and HEAD.
    Journal,
    /// The indexed copy.
    Db,
}

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The data directory; it is only read, also beside a running server.
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT, env = "ROOMLEDGER_DATA")]
    pub data: PathBuf,
    /// Where the backup is kept; made when missing. Reading commands take it with --data.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How the answer is written.
    #[command(flatten)]
    pub show: ShowAs,
}

/// Arguments of `restore`.
#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The data directory to make; it must not exist yet.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// How the answer is written.
    #[command(flatten)]
    pub show: ShowAs,
}

/// What can be done about the clock.
#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Let timers run again, from the time that the wall clock says.
    Release(ReleaseArgs),
}

/// Arguments of `clock release`.
#[derive(Args, Debug)]
pub struct ReleaseArgs {
    /// The server, and how its answer is written.
    #[command(flatten)]
    pub operated: OperatedArgs,
}

/// What can be done about API keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Believe one token of a key no more, or all that were issued before a moment.
    Revoke(RevokeArgs),
    /// Believe a token again that was taken back, or all of the key.
    Lift(LiftArgs),
}

/// Arguments of `keys revoke`.
#[derive(Args, Debug)]
pub struct RevokeArgs {
    /// The API key, by its id.
    pub key: String,
    /// The token with this `jti`.
    #[arg(long, value_name = "ID", required_unless_present = "before")]
    pub jti: Option<String>,
    /// All tokens issued before: now, '10m ago', 2026-11-22T14:03:00Z
    #[arg(
        long,
        value_name = "MOMENT",
        conflicts_with = "jti",
        allow_hyphen_values = true
    )]
    pub before: Option<String>,
    /// The server, and how its answer is written.
    #[command(flatten)]
    pub operated: OperatedArgs,
}

/// Arguments of `keys lift`.
#[derive(Args, Debug)]
pub struct LiftArgs {
    /// The API key, by its id.
    pub key: String,
    /// The token with this `jti` [default: all of the key]
    #[arg(long, value_name = "ID")]
    pub jti: Option<String>,
    /// The server, and how its answer is written.
    #[command(flatten)]
    pub operated: OperatedArgs,
}

/// A server that is told to do something, and how its answer is written.
#[derive(Args, Debug)]
pub struct OperatedArgs {
    /// The server, asked with LIVEKIT_API_KEY and LIVEKIT_API_SECRET.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:7880",
        env = "ROOMLEDGER_SERVER"
    )]
    pub server: String,
    /// How the answer is written.
    #[command(flatten)]
    pub show: ShowAs,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Also in a pipe.
    Always,
    /// Nowhere.
    Never,
}

/// Where `serve` keeps the ledger and where reading looks for it, when nothing else is said.
pub const DATA_DEFAULT: &str = "./roomledger-data";

const EXAMPLES: &str = "\
Examples:
  roomledger demo                                   a town hall, and three questions answered
  roomledger serve --dev                            lk --dev room list works against it
  roomledger log town-hall --actor mod-1            what the moderator did
  roomledger who town-hall --can publish --at 14:03 who could speak at 14:03

Exit codes: 0 done, 1 the answer is no, 2 usage, 3 not found, 4 refused by the server,
5 the log is damaged, 6 the log is in use.";

const TOKEN_EXAMPLES: &str = "\
Examples:
  roomledger token --dev --join --room town-hall --identity alice
  roomledger token --admin --room town-hall --ttl 10m
  roomledger token --audit";

const REPAIR_EXAMPLES: &str = "\
Examples:
  roomledger verify --data DIR --sled     what is wrong
  roomledger repair --data DIR            heals it, and says what it did
  roomledger repair --data DIR --accept-loss
                                          where both copies are damaged at one place
  roomledger repair --data DIR --continue-from db
                                          where an older journal/ was put back beside db/";

const VERIFY_NOTES: &str = "\
What the files cannot show: an older copy of the whole directory, put back in its place, is a whole
ledger. Compare LAST and CHAIN with what was noted elsewhere, for example from a backup.";

const BACKUP_EXAMPLES: &str = "\
Examples:
  roomledger backup --data DIR --to BACKUP      beside a running server; again to add what is new
  roomledger verify --data BACKUP               a backup is read like any ledger
  roomledger restore --from BACKUP --data NEW";

const LOG_EXAMPLES: &str = "\
Examples:
  roomledger log town-hall --actor mod-1 --since start+5m
  roomledger log town-hall --refused --json
  roomledger log -f -n 10";

const WHO_EXAMPLES: &str = "\
Examples:
  roomledger who town-hall --can publish:microphone --at 14:03
  roomledger who town-hall --removed";
