//! Connections: how many, how slow they may be, and what becomes of those beyond. Apart from the
//! server, which knows what is served; this knows no path and no body.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::server::stall::Unstalled;

/// What a connection may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Open at a time; one more is told 503 and closed. Each costs a task, a buffer and a file
    /// descriptor.
    pub connections_max: usize,
    /// For a whole head of a request to come; also how long a connection may stay idle. Longer
    /// than the minute after which balancers let go of theirs, so that they are the first.
    pub head_max: Duration,
    /// For an answer to begin, its request's body included.
    pub answer_max: Duration,
    /// For the other side to take one more byte of an answer.
    pub stall_max: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            head_max: Duration::from_secs(75),
            answer_max: Duration::from_secs(60),
            stall_max: Duration::from_secs(60),
        }
    }
}

/// Takes connections until told to stop, and says when the last has ended.
pub(super) struct Doorway {
    router: Router,
    limits: ConnectionLimits,
    slots: Arc<Semaphore>,
    /// Those that are told why there is no room for them.
    refusals: Arc<Semaphore>,
    drain: watch::Sender<bool>,
    /// Every connection holds a clone: when all are gone, `ended` says so.
    hold: mpsc::Sender<Infallible>,
    ended: mpsc::Receiver<Infallible>,
}

impl Doorway {
    pub(super) fn new(router: Router, limits: ConnectionLimits) -> Self {
        let (hold, ended) = mpsc::channel(1);
        Self {
            router,
            limits,
            slots: Arc::new(Semaphore::new(limits.connections_max)),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            drain: watch::Sender::new(false),
            hold,
            ended,
        }
    }

    /// Takes one connection after the other, for ever.
    pub(super) async fn open(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.receive(stream, peer),
                Err(error) => {
                    // Out of file descriptors, or the client is gone: both pass.
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Ends idle connections, lets requests under way end, and waits for both so long.
    pub(super) async fn drain(&mut self, longest: Duration) -> bool {
        // Ours is not a connection's: dropped, so that the last of those is seen to end.
        self.hold = mpsc::channel(1).0;
        self.drain.send_replace(true);
        timeout(longest, self.ended.recv()).await.is_ok()
    }

    fn receive(&self, stream: TcpStream, peer: SocketAddr) {
        let hold = self.hold.clone();
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            let talk = converse(
                stream,
                peer,
                self.router.clone(),
                self.limits,
                self.drain.subscribe(),
            );
            tokio::spawn(async move {
                talk.await;
                drop((slot, hold));
            });
        } else if let Ok(slot) = Arc::clone(&self.refusals).try_acquire_owned() {
            tracing::warn!(%peer, "all {} connections are taken", self.limits.connections_max);
            tokio::spawn(refuse(stream, slot));
        }
    }
}

/// Serves one connection until it ends, or until its present request is answered when the server
/// drains.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    mut draining: watch::Receiver<bool>,
) {
    // Answers are small and awaited; without it, each may wait 40 ms for its own acknowledgement.
    let _ = stream.set_nodelay(true);
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = routes.call(request);
        async move {
            let answer = timeout(limits.answer_max, answer).await;
            answer.unwrap_or_else(|_| Ok(too_slow()))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_max)
        .max_buf_size(HEADER_BYTES_MAX);
    let stream = TokioIo::new(Unstalled::new(stream, limits.stall_max));
    let mut connection = pin!(builder.serve_connection(stream, service));
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

/// Tells one connection too many that it is. What it sends is read and let go for a moment: to
/// close before would take the answer back from under its eyes.
async fn refuse(stream: TcpStream, slot: OwnedSemaphorePermit) {
    // An answer this short fits the buffer of a new connection, or the other side is gone.
    let _ = stream.try_write(FULL);
    let stream = stream.into_std().and_then(|stream| {
        stream.shutdown(std::net::Shutdown::Write)?;
        TcpStream::from_std(stream)
    });
    let Ok(stream) = stream else {
        return;
    };
    let mut unread = [0; 4096];
    let read_off = async {
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut unread) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    let _ = timeout(REFUSAL_MAX, read_off).await;
    drop(slot);
}

/// A token and some headers; a room's name of 256 bytes may be escaped threefold.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Long enough for file descriptors to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Refusals under way at a time; a flood beyond them is closed without a word.
const REFUSALS_MAX: usize = 64;

/// For the other side to read why.
const REFUSAL_MAX: Duration = Duration::from_secs(1);

/// The answer that needs no request: written before one is read.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 46\r\n\
    Retry-After: 1\r\n\
    Connection: close\r\n\r\n\
    all connections are taken: try again shortly.\n";
