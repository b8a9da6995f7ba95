//! The read commands over both sources: a data directory and a server answer byte for byte the
//! same, also while the server that is asked has the directory open.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use clap::Parser;
use roomledger::cli::args::{Cli, Command};
use roomledger::cli::commands::{self, Asking};
use roomledger::cli::demo::demo;
use roomledger::cli::failure::{Exit, Failure};
use roomledger::cli::output::Format;
use roomledger::cli::read::{DataReader, Reader, ServerReader};
use roomledger::cli::terminal::Terminal;
use roomledger::cli::zone::TimeFormat;
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::server::{DoorConfig, Origins, Server, ServerConfig, WebhookConfig};
use roomledger::store::ledger::LedgerReader;
use tokio::sync::oneshot;

use crate::served::{Caller, all_rights};

/// Some moment after the story.
const NOW_US: i64 = 1_795_350_000_000_000;

pub(crate) fn record_town_hall(data: &Path) {
    let cli = Cli::try_parse_from(["roomledger".as_ref(), "demo".as_ref(), data.as_os_str()]);
    let Command::Demo(args) = cli.expect("a command line").command else {
        panic!("another command");
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal {
        out: &mut out,
        err: &mut err,
        is_terminal: false,
    };
    demo(&args, &mut terminal, &mut |_, _| Ok(())).expect("a town hall");
}

/// Serves until the sender is dropped.
fn serve(data: &Path) -> (SocketAddr, oneshot::Sender<()>, thread::JoinHandle<()>) {
    let server = Server::open(&ServerConfig {
        data: data.to_owned(),
        listen: "127.0.0.1:0".parse().expect("an address"),
        keys: Arc::new(KeyRing::dev()),
        is_dev: true,
        enable_remote_unmute: false,
        rate_limit: None,
        origins: Origins::default(),
        door: DoorConfig::default(),
        webhooks: WebhookConfig::default(),
    });
    let server = server.expect("a server");
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let stop = async {
            // Dropped is as good as sent.
            let _ = stopped.await;
        };
        runtime.block_on(server.run(stop)).expect("an orderly end");
    });
    (address, stop, running)
}

/// What a command line answers over a source: exit code, answer and notes.
pub(crate) fn answer(line: &str, format: Format, reader: &dyn Reader) -> (Exit, String, String) {
    let words = ["roomledger"].into_iter().chain(line.split(' '));
    let cli = Cli::try_parse_from(words).expect("a command line");
    let times = TimeFormat::new(None, None, NOW_US).expect("UTC");
    let asking = Asking {
        reader,
        times: &times,
        format,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal {
        out: &mut out,
        err: &mut err,
        is_terminal: false,
    };
    let ended = match &cli.command {
        Command::Rooms(args) => commands::rooms(args, &asking, &mut terminal),
        Command::Log(args) => commands::log(args, &asking, &mut terminal),
        Command::Show(args) => commands::show(args, &asking, &mut terminal),
        Command::State(args) => commands::state(args, &asking, &mut terminal),
        Command::Participants(args) => commands::participants(args, &asking, &mut terminal),
        Command::Who(args) => commands::who(args, &asking, &mut terminal),
        Command::Sessions(args) => commands::sessions(args, &asking, &mut terminal),
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Token(_)
        | Command::Verify(_)
        | Command::Repair(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Clock(_)
        | Command::Keys(_)
        | Command::Completions { .. } => panic!("{line} reads nothing"),
    };
    let exit = ended
        .as_ref()
        .err()
        .map_or(Exit::Success, |failure| failure.exit);
    if let Err(failure) = ended {
        failure.write(&mut err).expect("a buffer takes everything");
    }
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    // Each source has a name of its own in what is not found.
    let err = text(err).replace(&reader.place(), "PLACE");
    (exit, text(out), err)
}

/// What is asked, how it ends, and something that the answer or the notes must say.
const QUESTIONS: &[(&str, Exit, &str)] = &[
    ("rooms", Exit::Success, "town-hall"),
    ("rooms --prefix town", Exit::Success, "town-hall"),
    ("rooms --prefix x", Exit::Success, "no room begins with 'x'"),
    ("rooms --live", Exit::Success, "no room has an open session"),
    (
        "log town-hall --since 2026-11-19 --until 2026-11-19",
        Exit::Success,
        "session_opened",
    ),
    (
        "log town-hall --until 13:54",
        Exit::Success,
        "nothing found for room 'town-hall', until",
    ),
    ("log --since #99999", Exit::NotFound, "no #99999 yet"),
    ("log --until #99999", Exit::NotFound, "no #99999 yet"),
    ("log town-hall", Exit::Success, "session_ended"),
    ("log", Exit::Success, "engine_started"),
    ("log -n 5", Exit::Success, "engine_started"),
    ("log town-hall -n 3", Exit::Success, "session_ended"),
    (
        "log town-hall --actor mod-1",
        Exit::Success,
        "removal_requested",
    ),
    (
        "log town-hall --actor mod-1 -n 2",
        Exit::Success,
        "command_refused",
    ),
    (
        "log town-hall --target alice",
        Exit::Success,
        "tracks_unpublished",
    ),
    (
        "log town-hall --target c-alice --kind track_published",
        Exit::Success,
        "screen share",
    ),
    ("log town-hall --refused", Exit::Success, "remote unmute"),
    (
        "log town-hall --since 14:03 --until 14:04",
        Exit::Success,
        "connections_closed",
    ),
    (
        "log town-hall --since start+8m --until start+9m",
        Exit::Success,
        "removal_requested",
    ),
    (
        "log town-hall --since #100 --until #105",
        Exit::Success,
        "#105",
    ),
    (
        "log town-hall --actor nobody",
        Exit::NotFound,
        "'nobody' did nothing in room 'town-hall'",
    ),
    (
        "log town-hall --target alcie",
        Exit::NotFound,
        "did you mean 'alice'?",
    ),
    (
        "log town-hall --kind removal_request",
        Exit::Usage,
        "did you mean 'removal_requested'?",
    ),
    ("log twon-hall", Exit::NotFound, "did you mean 'town-hall'?"),
    ("log --since start+1m", Exit::Usage, "needs a session"),
    ("show 1", Exit::Success, "opened the ledger"),
    ("show #139", Exit::Success, "send.enabled"),
    ("show 2026-11-19T14:03:30Z", Exit::Success, "alice"),
    ("show 99999", Exit::NotFound, "the log goes from #1 to #"),
    ("show 1999-01-01", Exit::NotFound, "no event by 1999-01-01"),
    ("state town-hall", Exit::Success, "Quarterly town hall"),
    ("state town-hall --at 14:03", Exit::Success, "at #"),
    ("state town-hall --at start+10m", Exit::Success, "at #"),
    ("state town-hall --at end-1m", Exit::Success, "at #"),
    ("state town-hall --at #60", Exit::Success, "at #60"),
    ("state town-hall --at @-9", Exit::Success, "at #"),
    (
        "state town-hall --at 13:50",
        Exit::NotFound,
        "nothing had happened in room 'town-hall' at",
    ),
    (
        "state town-hall --at 99999",
        Exit::NotFound,
        "no #99999 yet",
    ),
    (
        "state town-hall --at 2099-01-01",
        Exit::NotFound,
        "is yet to come",
    ),
    ("state nowhere", Exit::NotFound, "no room 'nowhere'"),
    (
        "participants town-hall --at 14:03",
        Exit::Success,
        "Morgan Moderator",
    ),
    (
        "who town-hall --can publish --at 14:03",
        Exit::Success,
        "priya",
    ),
    (
        "who town-hall --can publish:microphone --at 14:04",
        Exit::Success,
        "tomas",
    ),
    (
        "who town-hall --can data --at 14:00",
        Exit::Success,
        "alice",
    ),
    (
        "who town-hall --present --at 13:58",
        Exit::Success,
        "host-1",
    ),
    (
        "who town-hall --removed --at 14:10",
        Exit::Success,
        "mod-1 (key stage)",
    ),
    (
        "who town-hall --removed --at 14:00 --exit-code",
        Exit::No,
        "nobody had been removed",
    ),
    ("sessions town-hall", Exit::Success, "departed"),
];

/// The others are made of the same rows and records.
const FORMATS: &[Format] = &[Format::Table, Format::Json];

#[test]
fn both_sources_answer_the_same() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    record_town_hall(&data);
    let (address, stop, running) = serve(&data);
    let bearer = || -> Result<String, Failure> { Ok(all_rights()) };
    Caller::new(&format!("http://{address}")).await_history();
    let remote = ServerReader::new(&format!("http://{address}"), &bearer).expect("an address");
    let store = LedgerReader::open(&data).expect("a ledger");
    let local = DataReader::new(Arc::new(store), data.display().to_string());
    for (line, exit, part) in QUESTIONS {
        for &format in FORMATS {
            let here = answer(line, format, &local);
            assert_eq!(here, answer(line, format, &remote), "{line} {format:?}");
            assert_eq!(here.0, *exit, "{line}: {here:?}");
            let is_listed = format == Format::Table;
            let says = here.1.contains(part) || here.2.contains(part);
            assert!(!is_listed || says, "{line}: {part} is not in {here:?}");
        }
    }
    drop(stop);
    running.join().expect("the server ends");
}
