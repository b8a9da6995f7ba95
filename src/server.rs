//! The composition root of `serve`: one ledger, one engine, the dialects on one port, and an
//! orderly end. Apart, so that nothing else knows all of them; it decides nothing about rooms.

mod webhooks;

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Router, http};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};
use tracing::Instrument;

pub use webhooks::{WebhookConfig, WebhookError};

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::ledger;
use crate::dialect::livekit;
use crate::domain::Digest;
use crate::engine::{Engine, EngineConfig, EngineError, IdSource, RandomIds, SystemClock};
use crate::outbox::{Outbox, ReceiverStatus};
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
    /// Who is told what happens.
    pub webhooks: WebhookConfig,
}

/// A server that holds its port and its ledger, and answers once it runs.
pub struct Server {
    engine: Engine,
    outbox: Outbox,
    router: Router,
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
        let bind = |error| ServerError::Listen {
            listen: config.listen,
            source: Arc::new(error),
        };
        let listener = TcpListener::bind(config.listen).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let ids = Arc::new(RandomIds::new()?);
        let [epoch, ..] = split(ids.draw());
        let options = LedgerOptions::new(epoch, ids.draw().to_be_bytes(), boot_id());
        let (ledger, report) = Ledger::open(&config.data, options)?;
        let engine = Engine::open(
            Arc::new(ledger),
            engine_config(config, &report),
            Arc::new(SystemClock::new()),
            ids,
        )?;
        let outbox = webhooks::open(&engine, &config.webhooks, &config.keys, &config.data)?;
        Ok(Server {
            outbox,
            router: router(&engine, &config.keys),
            engine,
            listener,
            address,
            report,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
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
        let (drain, draining) = watch::channel(false);
        // Every connection holds one end: when all are gone, `ended` says so.
        let (hold, mut ended) = mpsc::channel::<Infallible>(1);
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut stop = pin!(stop);
        loop {
            let (stream, peer, slot) = tokio::select! {
                () = &mut stop => break,
                next = accept(&listener, &slots) => next,
            };
            let (router, draining, hold) = (self.router.clone(), draining.clone(), hold.clone());
            tokio::spawn(async move {
                converse(stream, peer, router, draining).await;
                drop((slot, hold));
            });
        }
        drop((listener, hold));
        tracing::info!("stopping");
        drain.send_replace(true);
        let drained = timeout(DRAIN_MAX, ended.recv()).await.is_ok();
        outbox.stop().await;
        let stopped = self.engine.shutdown().await;
        if !drained {
            // Streams end when the engine does.
            let _ = timeout(DRAIN_MAX, ended.recv()).await;
        }
        match stopped {
            Ok(()) | Err(EngineError::Closed) => Ok(()),
            Err(error) => Err(ServerError::Engine(error)),
        }
    }
}

/// Everything that is answered, on one port.
fn router(engine: &Engine, keys: &Arc<KeyRing>) -> Router {
    let clock = Arc::clone(engine.clock());
    let rooms = livekit::LiveKit::new(
        livekit::service::Service::new(engine.clone()),
        Arc::clone(keys),
        move || clock.wall().seconds(),
    );
    ledger::router(ledger::Ledger::new(engine.clone(), Arc::clone(keys)))
        .merge(livekit::router(rooms))
        .layer(from_fn(traced))
}

/// A span for each request; never with its query, which may hold a token.
async fn traced(request: Request, next: Next) -> Response {
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        path = request.uri().path(),
        status = tracing::field::Empty,
    );
    let outside = span.clone();
    let response = next.run(request).instrument(span).await;
    outside.record("status", response.status().as_u16());
    tracing::debug!(parent: &outside, "answered");
    response
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &tokio::net::TcpListener,
    slots: &Arc<Semaphore>,
) -> (
    TcpStream,
    SocketAddr,
    Option<tokio::sync::OwnedSemaphorePermit>,
) {
    // The semaphore is never closed, so there is always a slot in the end.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, slot),
            Err(error) => {
                // Out of file descriptors, or the client is gone: both pass.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until it ends, or until its present request is answered when the server
/// drains.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    mut draining: watch::Receiver<bool>,
) {
    // Answers are small and awaited; without it, each may wait 40 ms for its own acknowledgement.
    let _ = stream.set_nodelay(true);
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = routes.call(request);
        async move {
            let answer = timeout(ANSWER_MAX, answer).await;
            answer.unwrap_or_else(|_| Ok(too_slow()))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = begun(&mut draining) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}

/// Ready when the server drains, or is gone.
async fn begun(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|is_draining| *is_draining).await;
}

fn too_slow() -> Response {
    let text = "the request took too long; its outcome is unknown, repeat it with its request id\n";
    (StatusCode::REQUEST_TIMEOUT, Body::from(text)).into_response()
}

fn engine_config(config: &ServerConfig, report: &OpenReport) -> EngineConfig {
    let mut engine = EngineConfig::default();
    engine.defaults.config.enable_remote_unmute = config.enable_remote_unmute;
    engine.key_ids = config.keys.ids().map(str::to_owned).collect();
    engine.repairs.clone_from(&report.repairs);
    let said = format!(
        "{:?} {} {:?}",
        config.listen, config.is_dev, engine.defaults.config
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

/// Each costs a task and a buffer; more than these wait to be accepted.
const CONNECTIONS_MAX: usize = 16_384;

/// For a request to send all of its head: a slow client may not hold a connection for nothing.
const HEADERS_MAX: Duration = Duration::from_secs(30);

/// For an answer to begin, its request's body included.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A token and some headers; a room's name of 256 bytes may be escaped threefold.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// A command takes milliseconds; what takes longer at the end is a stream.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Long enough for file descriptors to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
