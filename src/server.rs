//! The composition root of `serve`: one ledger, one engine, the dialects on one port, and an
//! orderly end. Apart, so that nothing else knows all of them; it decides nothing about rooms.

pub mod descriptors;
mod door;
#[cfg(feature = "testing")]
pub mod fuzz;
#[cfg(feature = "testing")]
pub mod fuzz_tokens;
mod reload;
mod webhooks;

use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use tracing::Instrument;

pub use crate::dialect::livekit::Origins;
pub use door::{
    Certificate, ConnectionLimits, DoorConfig, HostError, Hosts, Network, NetworkError, Proxies,
    TlsError, Transport,
};
pub use reload::{Reload, ReloadError};
pub use webhooks::{WebhookConfig, WebhookError, bad_cursors, set_cursors_aside};

use door::Doorway;

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::rate::{RateLimit, RateLimits};
use crate::dialect::auth::trust::Keys;
use crate::dialect::caller;
use crate::dialect::daily;
use crate::dialect::ledger;
use crate::dialect::livekit;
use crate::dialect::metrics::Counting;
use crate::dialect::videosdk;
use crate::domain::Digest;
use crate::engine::{Engine, EngineConfig, EngineError, IdSource, RandomIds, SystemClock};
use crate::outbox::{Outbox, ReceiverStatus, Watch};
use crate::store::StoreError;
use crate::store::ledger::{Ledger, LedgerOptions, OpenReport, boot_id};

/// What a server is told at its start.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The data directory; made when missing.
    pub data: PathBuf,
    /// Where to listen; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Whose tokens are believed.
    pub keys: Arc<KeyRing>,
    /// Whether the keys are the ones that everybody knows: then only loopback is served.
    pub is_dev: bool,
    /// Whether admins may unmute others in rooms that do not say.
    pub enable_remote_unmute: bool,
    /// How often each key may call; as often as it likes when absent.
    pub rate_limit: Option<RateLimit>,
    /// Pages of which origins may read LiveKit's answers; of all, as the real server has it, by
    /// default.
    pub origins: Origins,
    /// How callers come in.
    pub door: DoorConfig,
    /// Who is told what happens.
    pub webhooks: WebhookConfig,
}

/// A server that holds its port and its ledger, and answers once it runs.
pub struct Server {
    engine: Engine,
    keys: Keys,
    outbox: Outbox,
    router: Router,
    door: DoorConfig,
    listener: TcpListener,
    address: SocketAddr,
    report: OpenReport,
}

impl Server {
    /// Takes the port, opens the ledger and starts the engine. Blocks meanwhile, and may not be
    /// called inside of an async runtime.
    ///
    /// # Errors
    /// [`ServerError`]; nothing is written before the port is ours.
    pub fn open(config: &ServerConfig) -> Result<Self, ServerError> {
        if config.is_dev && !is_loopback(config.listen.ip()) {
            return Err(ServerError::DevOutsideLoopback {
                listen: config.listen,
            });
        }
        let is_readable = matches!(config.door.transport, Transport::PlainOnLoopback);
        if is_readable && !is_loopback(config.listen.ip()) {
            return Err(ServerError::PlainOutsideLoopback {
                listen: config.listen,
            });
        }
        let bind = |error| ServerError::Listen {
            listen: config.listen,
            source: Arc::new(error),
        };
        let listener = TcpListener::bind(config.listen).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let ids: Arc<dyn IdSource> = Arc::new(RandomIds::new()?);
        let [epoch, ..] = split(ids.draw());
        let options = LedgerOptions::new(epoch, ids.draw().to_be_bytes(), boot_id());
        let (ledger, report) = Ledger::open(&config.data, options)?;
        let engine = Engine::open(
            Arc::new(ledger),
            engine_config(config, &report),
            Arc::new(SystemClock::new()),
            Arc::clone(&ids),
        )?;
        let keys = Keys::of((*config.keys).clone(), engine.clone());
        let outbox = webhooks::open(&engine, &config.webhooks, &keys, &config.data)?;
        Ok(Server {
            router: routes(
                &engine,
                &keys,
                ids,
                config.rate_limit,
                config.origins.clone(),
                outbox.watch(),
            ),
            door: DoorConfig {
                limits: ConnectionLimits {
                    connections_max: descriptors::connections(config.door.limits.connections_max),
                    ..config.door.limits
                },
                ..config.door.clone()
            },
            engine,
            keys,
            outbox,
            listener,
            address,
            report,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What puts other keys in the place of these while the server runs.
    pub fn reload(&self) -> Reload {
        Reload::new(self.keys.clone(), self.engine.clone(), &self.outbox)
    }

    /// Who will be told what happens, and after which position.
    pub fn receivers(&self) -> Vec<ReceiverStatus> {
        self.outbox.status()
    }

    /// What the ledger found when it was opened.
    pub fn report(&self) -> &OpenReport {
        &self.report
    }

    /// Answers until `stop` is ready; then takes no more connections, lets the requests under way
    /// end, stops the engine and closes the ledger.
    ///
    /// # Errors
    /// [`ServerError::Listen`] when the port is lost, [`ServerError::Engine`] when the last sync
    /// fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServerError> {
        let listen = self.address;
        let listener = tokio::net::TcpListener::from_std(self.listener).map_err(|error| {
            ServerError::Listen {
                listen,
                source: Arc::new(error),
            }
        })?;
        let outbox = self.outbox.start();
        let mut doorway = Doorway::new(self.router, self.door);
        tokio::select! {
            () = stop => {}
            () = doorway.open(&listener) => {}
        }
        drop(listener);
        tracing::info!("stopping");
        let drained = doorway.drain(DRAIN_MAX).await;
        outbox.stop().await;
        let stopped = self.engine.shutdown().await;
        if !drained {
            // Streams end when the engine does.
            doorway.drain(DRAIN_MAX).await;
        }
        match stopped {
            Ok(()) | Err(EngineError::Closed) => Ok(()),
            Err(error) => Err(ServerError::Engine(error)),
        }
    }
}

/// Everything that is answered, on one port: for a program that listens itself. What a server has
/// at its door is not here: hosts, proxies, the bounds of connections and of bodies together.
pub fn router(
    engine: &Engine,
    keys: &Arc<KeyRing>,
    ids: Arc<dyn IdSource>,
    limit: Option<RateLimit>,
) -> Router {
    routes(
        engine,
        &Keys::of((**keys).clone(), engine.clone()),
        ids,
        limit,
        Origins::default(),
        Watch::default(),
    )
}

fn routes(
    engine: &Engine,
    keys: &Keys,
    ids: Arc<dyn IdSource>,
    limit: Option<RateLimit>,
    origins: Origins,
    receivers: Watch,
) -> Router {
    let clock = Arc::clone(engine.clock());
    let limits = limit.map(|limit| Arc::new(RateLimits::new(limit, Arc::clone(&clock))));
    let ledger = ledger::Ledger::new(engine.clone(), keys.clone()).watching(receivers);
    let (requests, catalogue) = (ledger.requests().clone(), ledger.catalogue().clone());
    let counting = |dialect, call| Counting {
        requests: requests.clone(),
        clock: Arc::clone(engine.clock()),
        dialect,
        call,
    };
    let dialect = livekit::LiveKit::new(
        livekit::service::Service::new(engine.clone()).sharing(catalogue.clone()),
        keys.clone(),
        move || clock.wall().seconds(),
    );
    let dialect = dialect.readable_by(origins).limited(limits.clone());
    let counted = counting(livekit::service::DIALECT, |request| {
        livekit::call_name(request.uri().path()).to_owned()
    });
    let routes = counted.of(livekit::router(dialect));
    let dialect = daily::Daily::new(
        engine.clone(),
        keys.clone(),
        catalogue.clone(),
        Arc::clone(&ids),
    );
    let dialect = dialect.limited(limits.clone());
    let routes = routes.merge(daily::router(dialect, requests.clone()));
    let dialect = videosdk::VideoSdk::new(engine.clone(), keys.clone(), catalogue, ids);
    let dialect = videosdk::router(dialect.limited(limits.clone()));
    let routes = routes.merge(counting(videosdk::DIALECT, videosdk::call_name).of(dialect));
    ledger::router(ledger.limited(limits))
        .merge(routes)
        .layer(from_fn(echoed))
        .layer(from_fn(traced))
}

/// Every answer has the tracing ids of its request.
async fn echoed(request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let mut response = next.run(request).await;
    caller::echo(&asked, response.headers_mut());
    response
}

/// A span for each request: with its call, as its dialect names it, and with neither its path nor
/// its query, either of which may hold a token.
async fn traced(request: Request, next: Next) -> Response {
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        call = tracing::field::Empty,
        status = tracing::field::Empty,
    );
    let outside = span.clone();
    let response = next.run(request).instrument(span).await;
    outside.record("status", response.status().as_u16());
    tracing::debug!(parent: &outside, "answered");
    response
}

fn engine_config(config: &ServerConfig, report: &OpenReport) -> EngineConfig {
    let mut engine = EngineConfig::default();
    engine.defaults.config.enable_remote_unmute = config.enable_remote_unmute;
    engine.key_ids = config.keys.ids().map(str::to_owned).collect();
    engine.repairs.clone_from(&report.repairs);
    let said = format!(
        "{:?} {} {:?} {:?} {:?} {:?}",
        config.listen,
        config.is_dev,
        engine.defaults.config,
        config.rate_limit,
        config.door,
        config.origins
    );
    engine.config_digest = Digest::of(said.as_bytes());
    engine
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// The two halves of 128 bits.
fn split(bits: u128) -> [u64; 2] {
    let low = u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(bits >> 64).unwrap_or_default();
    [high, low]
}

/// Why there is no server.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The keys of `--dev` are known to everybody.
    #[error(
        "--dev listens on loopback only, and {listen} is not: its secret is known to everybody"
    )]
    DevOutsideLoopback {
        /// As asked.
        listen: SocketAddr,
    },
    /// What is sent could be read by others.
    #[error(
        "plain HTTP is served on loopback only, and {listen} is not: tokens would travel readable"
    )]
    PlainOutsideLoopback {
        /// As asked.
        listen: SocketAddr,
    },
    /// The port is taken, forbidden or lost.
    #[error("cannot listen on {listen}: {source}")]
    Listen {
        /// As asked.
        listen: SocketAddr,
        /// The operating system's words.
        source: Arc<std::io::Error>,
    },
    /// Webhooks cannot be sent.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine cannot start, or could not stop in order.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A command takes milliseconds; what takes longer at the end is a stream.
const DRAIN_MAX: Duration = Duration::from_secs(2);
