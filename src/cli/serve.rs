//! `roomledger serve`: keys, log lines, signals. Apart from the server itself, which knows no
//! terminal and no environment.

use std::io::{self, Write};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::cli::args::ServeArgs;
use crate::cli::certificate::CertificateFiles;
use crate::cli::failure::{Exit, Failure};
use crate::cli::private::private_text;
use crate::cli::read::failure_of;
use crate::cli::sanitize;
use crate::cli::secrets::{receivers, refuse_secret_in_words};
use crate::cli::terminal::Terminal;
use crate::cli::token::Key;
use crate::dialect::auth::keys::{KeyError, KeyRing, ShortSecrets};
use crate::engine::EngineError;
use crate::outbox::{OutboxConfig, OutboxError};
use crate::server::{
    ConnectionLimits, DoorConfig, Hosts, Origins, Proxies, Reload, Server, ServerConfig,
    ServerError, Transport, WebhookConfig, WebhookError, descriptors,
};
use crate::store::Position;

/// Serves until SIGINT or SIGTERM; a second one ends at once.
///
/// # Errors
/// `Usage` for keys and addresses that are refused; `InUse` when another process has the ledger;
/// `Damaged` when it cannot be trusted; `No` for the rest.
pub fn serve(args: &ServeArgs, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    refuse_secret_in_words()?;
    let keys = Arc::new(keys(args)?);
    let receivers = receivers(args)?;
    let certificate = CertificateFiles::of(args)?;
    let (origins, door) = (origins(args)?, door(args, certificate.as_ref())?);
    trace();
    descriptors::raise();
    let place = args.data.display().to_string();
    let told = |error: ServerError| failure(&error, &place);
    let server = Server::open(&ServerConfig {
        data: args.data.clone(),
        listen: args.listen,
        keys,
        is_dev: args.dev,
        enable_remote_unmute: args.enable_remote_unmute,
        rate_limit: args.rate_limit,
        origins,
        door,
        webhooks: WebhookConfig {
            outbox: OutboxConfig {
                receivers,
                from: args.webhook_from.map(Position),
                ..OutboxConfig::default()
            },
            key_id: args.webhook_key.clone(),
        },
    })
    .map_err(told)?;
    greet(args, &server, terminal.err)?;
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::No, "no threads").because(error))?;
    if let Some(files) = certificate {
        runtime.spawn(files.reread());
    }
    if let Some(file) = args.keys.clone() {
        runtime.spawn(reload_keys(server.reload(), file));
    }
    let ended = runtime.block_on(server.run(asked_to_stop()));
    // A look-up of a name may hang in the system; nothing waits for it.
    runtime.shutdown_background();
    ended.map_err(told)?;
    Ok(writeln!(terminal.err, "stopped, and the ledger is closed")?)
}

/// Whose pages may read answers. The secret of `--dev` is known to every page, so none may unless
/// the operator says so.
fn origins(args: &ServeArgs) -> Result<Origins, Failure> {
    if args.dev && args.cors_origin.is_empty() {
        return Ok(Origins::Only(Vec::new()));
    }
    Origins::parse(&args.cors_origin)
        .map_err(|problem| Failure::new(Exit::Usage, "--cors-origin is refused").because(problem))
}

/// How callers come in. A page can make its own name point at loopback, where the secret of `--dev`
/// is worth nothing, so there only loopback's names count.
fn door(args: &ServeArgs, files: Option<&CertificateFiles>) -> Result<DoorConfig, Failure> {
    let named = args.host.iter().map(String::as_str);
    let hosts = if args.dev {
        Hosts::loopback_and(named)
    } else if args.host.is_empty() {
        Ok(Hosts::any())
    } else {
        Hosts::only(named)
    };
    let hosts =
        hosts.map_err(|error| Failure::new(Exit::Usage, "--host is refused").because(error))?;
    Ok(DoorConfig {
        limits: ConnectionLimits {
            connections_max: args.connections_max,
            per_address_max: args.connections_per_address,
            head_max: args.head_timeout,
            answer_max: args.answer_timeout,
            stall_max: args.stall_timeout,
        },
        hosts,
        proxies: Proxies::of(args.trusted_proxy.clone()),
        transport: match files {
            Some(files) => Transport::Tls(files.certificate.clone()),
            None if args.plain_http => Transport::Plain,
            None => Transport::PlainOnLoopback,
        },
        body_memory_bytes: args.body_memory,
    })
}

fn greet(args: &ServeArgs, server: &Server, err: &mut dyn Write) -> Result<(), Failure> {
    for note in &server.report().notes {
        writeln!(err, "note: {}", sanitize::visible(note))?;
    }
    for repair in &server.report().repairs {
        let (from, to, copy) = (repair.from, repair.to, repair.copy.as_str());
        let problem = sanitize::visible(&repair.problem);
        writeln!(
            err,
            "note: #{from} to #{to} of the {copy} were bad: {problem}"
        )?;
    }
    let scheme = if args.tls_cert.is_some() {
        "https"
    } else {
        "http"
    };
    let url = format!("{scheme}://{}", server.address());
    if args.dev {
        let key = Key::dev();
        writeln!(
            err,
            "{YELLOW}DEVELOPMENT ONLY{PLAIN}: anybody on this machine can do anything."
        )?;
        writeln!(
            err,
            "  API key {}, secret {}, loopback only.",
            key.id, key.secret
        )?;
        writeln!(
            err,
            "  For anything else: --keys FILE with a secret of your own."
        )?;
    }
    if !args.dev && args.tls_cert.is_none() && args.trusted_proxy.is_empty() {
        writeln!(err, "note: {NO_PROXY}")?;
    }
    writeln!(err, "listening on {url}, ledger in {}", args.data.display())?;
    writeln!(err, "  admin SDKs    {url}    (lk --dev room list)")?;
    writeln!(err, "  our own API   {url}/api/v1/...")?;
    writeln!(err, "  health        {url}/readyz")?;
    for receiver in server.receivers() {
        let (name, through) = (sanitize::visible(&receiver.receiver), receiver.through);
        writeln!(err, "  webhooks      {name}, what came after #{through}")?;
    }
    Ok(err.flush()?)
}

/// The keys of the file, of the environment, or of `--dev`.
fn keys(args: &ServeArgs) -> Result<KeyRing, Failure> {
    if args.dev {
        return Ok(KeyRing::dev());
    }
    if let Some(file) = &args.keys {
        return keys_of(file);
    }
    let key = Key::find(false, &args.key)?;
    KeyRing::single(&key.id, &key.secret, ShortSecrets::Refuse).map_err(|error| refused(&error))
}

fn keys_of(file: &Path) -> Result<KeyRing, Failure> {
    let text = private_text("the keys", file)?;
    KeyRing::parse(&text, ShortSecrets::Refuse).map_err(|error| refused(&error))
}

fn refused(error: &KeyError) -> Failure {
    Failure::new(Exit::Usage, "the keys are refused").because(error)
}

fn failure(error: &ServerError, place: &str) -> Failure {
    match error {
        ServerError::DevOutsideLoopback { .. } => Failure::new(Exit::Usage, error.to_string())
            .hint("--keys FILE with a secret of your own listens anywhere"),
        ServerError::PlainOutsideLoopback { .. } => Failure::new(Exit::Usage, error.to_string())
            .hint(
                "--tls-cert and --tls-key encrypt here; --plain-http is for a proxy in front that \
                 encrypts (docs/deploy.md tells how)",
            ),
        ServerError::Listen { listen, source } => {
            let failure = Failure::new(Exit::No, format!("cannot listen on {listen}"));
            let hint = if source.kind() == io::ErrorKind::AddrInUse {
                "another server has the port: --listen takes another"
            } else {
                "--listen takes an address of this machine and a port that you may use"
            };
            failure.because(source).hint(hint)
        }
        ServerError::Store(error) | ServerError::Engine(EngineError::Store(error)) => {
            failure_of(error, place)
        }
        ServerError::Webhook(error) => refused_receiver(error, place),
        ServerError::Engine(error) => Failure::new(Exit::No, error.to_string()),
    }
}

fn refused_receiver(error: &WebhookError, place: &str) -> Failure {
    let failure = |exit| Failure::new(exit, error.to_string());
    match error {
        WebhookError::Outbox(OutboxError::Cursor { head, .. }) => {
            failure(Exit::Damaged).hint(format!(
                "--webhook-from 0 tells everything again, --webhook-from {head} goes on from now; \
                 `roomledger repair --data {place}` keeps the cursor aside, and without it the \
                 receiver begins at the log's end"
            ))
        }
        WebhookError::Key { .. } | WebhookError::Outbox(OutboxError::Address { .. }) => {
            failure(Exit::Usage)
        }
        WebhookError::Outbox(OutboxError::Io { .. }) => failure(Exit::No),
    }
}

async fn asked_to_stop() {
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        // Without handlers the signals end the process, which loses nothing.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(SIGINT_EXIT);
    });
}

/// Reads the keys anew at each SIGHUP. A file that is refused changes nothing.
async fn reload_keys(reload: Reload, file: PathBuf) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    while hangup.recv().await.is_some() {
        let told = match keys_of(&file) {
            Ok(ring) => match reload.keys(ring).await {
                Ok(Some(_)) => "note: the keys were read anew".to_owned(),
                Ok(None) => "note: the keys were read anew, and are what they were".to_owned(),
                Err(error) => format!("note: the earlier keys go on: {error}"),
            },
            Err(failure) => {
                let cause = failure.cause.unwrap_or_default();
                format!("note: the earlier keys go on: {}: {cause}", failure.error)
            }
        };
        // Nobody may read it any more.
        let _ = writeln!(io::stderr(), "{}", sanitize::visible(&told));
    }
}

/// Log lines on standard error; `ROOMLEDGER_LOG` chooses them as `RUST_LOG` would.
fn trace() {
    let filter = EnvFilter::try_from_env("ROOMLEDGER_LOG").unwrap_or_else(|_| "warn".into());
    // A program that embeds the command line may have its own already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| sanitize::Lines(io::stderr()))
        // What strangers wrote is in them: no escape of any kind passes.
        .with_ansi(false)
        .try_init();
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref().map(String::as_str));
        let said: String = said
            .into_iter()
            .flat_map(str::chars)
            .take(PANIC_CHARS_MAX)
            .collect();
        tracing::error!(place, said, "a panic");
    }));
}

/// A panic tells where it was; its words may be a value, and a value may be long.
const PANIC_CHARS_MAX: usize = 500;

/// What a shell sees of a process that SIGINT ended.
const SIGINT_EXIT: i32 = 130;

const NO_PROXY: &str = "no proxy is trusted (--trusted-proxy): events tell the address that \
                        connects, behind a proxy the proxy's";

const YELLOW: &str = "\x1b[1;33m";
const PLAIN: &str = "\x1b[0m";
