//! One connection: its requests one after the other, and how it ends. Apart from the doorway, which
//! counts connections and knows nothing of HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::dialect::body_memory::BodyMemory;
use crate::dialect::reach::Scheme;
use crate::server::door::config::{ConnectionLimits, Transport};
use crate::server::door::hosts::Hosts;
use crate::server::door::linger::{Linger, linger};
use crate::server::door::proxies::Proxies;
use crate::server::door::stall::Unstalled;
use crate::server::door::unread::Lent;

/// What all connections share.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    pub(super) router: Router,
    pub(super) limits: ConnectionLimits,
    pub(super) hosts: Hosts,
    pub(super) proxies: Proxies,
    pub(super) transport: Transport,
    pub(super) bodies: BodyMemory,
}

/// How a connection ended.
enum Ending {
    /// All that was sent is read, or nobody is there.
    Read,
    /// The last answer came before all of its request.
    Early,
    /// What was sent is no HTTP.
    Unreadable,
    /// An answer could not be written to its end.
    BrokenOff,
}

impl Entrance {
    /// Serves one connection until it ends, or until its present request is answered when the
    /// server drains.
    pub(super) async fn receive(
        &self,
        mut stream: TcpStream,
        peer: SocketAddr,
        mut draining: watch::Receiver<bool>,
    ) {
        // Answers are small and awaited; without it, each may wait 40 ms for its own
        // acknowledgement.
        let _ = stream.set_nodelay(true);
        let ending = match &self.transport {
            Transport::PlainOnLoopback | Transport::Plain => {
                self.talk(&mut stream, peer, Scheme::Http, &mut draining)
                    .await
            }
            Transport::Tls(certificate) => {
                let encrypted = certificate.acceptor().accept(&mut stream);
                let longest = HANDSHAKE_MAX.min(self.limits.head_max);
                match timeout(longest, encrypted).await {
                    Ok(Ok(encrypted)) => {
                        self.talk(encrypted, peer, Scheme::Https, &mut draining)
                            .await
                    }
                    Ok(Err(error)) => {
                        tracing::debug!(%peer, %error, "no TLS came about");
                        Ending::Unreadable
                    }
                    Err(_) => Ending::Read,
                }
            }
        };
        let bounds = match ending {
            Ending::Read => return,
            Ending::Early => EARLY,
            Ending::Unreadable => UNREADABLE,
            Ending::BrokenOff => {
                // An orderly end would be that of the answer to a client of HTTP/1.0.
                let _ = stream.set_zero_linger();
                return;
            }
        };
        tokio::select! {
            () = linger(&mut stream, bounds) => {}
            () = begun(&mut draining) => {}
        }
    }

    async fn talk(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: SocketAddr,
        scheme: Scheme,
        draining: &mut watch::Receiver<bool>,
    ) -> Ending {
        let is_early = AtomicBool::new(false);
        let service = service_fn(async |request: Request<Incoming>| {
            let (answer, is_read) = self.answer(request, peer, scheme).await;
            is_early.store(!is_read, Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        });
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_max)
            .half_close(true)
            .max_buf_size(HEADER_BYTES_MAX);
        let stream = TokioIo::new(Unstalled::new(stream, self.limits.stall_max));
        let mut connection = pin!(builder.serve_connection(stream, service));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = begun(draining) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        match ended {
            Err(error) => {
                tracing::debug!(%peer, %error, "a connection broke");
                if error.is_parse() {
                    Ending::Unreadable
                } else if error.is_user() {
                    Ending::BrokenOff
                } else {
                    Ending::Read
                }
            }
            Ok(()) if is_early.load(Ordering::Relaxed) => Ending::Early,
            Ok(()) => Ending::Read,
        }
    }

    /// The answer to one request, and whether all of the request was read.
    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        scheme: Scheme,
    ) -> (Response, bool) {
        let (parts, body) = request.into_parts();
        let (lent, home) = Lent::new(body);
        let headers = parts.headers.clone();
        let mut response = if let Err((status, words)) = self.hosts.check(&parts) {
            drop(lent);
            plain(status, words)
        } else {
            let mut request = Request::from_parts(parts, Body::new(lent));
            let (caller, scheme) = self.proxies.caller(peer, scheme, &headers);
            request.extensions_mut().insert(ConnectInfo(caller));
            request.extensions_mut().insert(scheme);
            // Held until the answer begins: a reader keeps a body longer than its request.
            let lease = self.bodies.lease(caller.ip());
            request.extensions_mut().insert(lease.clone());
            let answer = self.router.clone().oneshot(request);
            let answer = timeout(self.limits.answer_max, answer).await;
            drop(lease);
            match answer {
                Ok(Ok(answer)) => answer,
                Err(_) => plain(StatusCode::REQUEST_TIMEOUT, TOO_SLOW),
            }
        };
        let is_read = home.is_read_off(&headers).await;
        if !is_read {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        (response, is_read)
    }
}

/// Ready when the server drains, or is gone.
async fn begun(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|is_draining| *is_draining).await;
}

fn plain(status: StatusCode, words: &'static str) -> Response {
    (status, words).into_response()
}

/// A token and some headers; a room's name of 256 bytes may be escaped threefold.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Two round trips over a slow line.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A client that sends the largest body over a slow line reads its answer once all is sent.
const EARLY: Linger = Linger {
    longest: Duration::from_secs(30),
    silence_max: Duration::from_secs(5),
    bytes_max: 64 << 20,
};

/// Heads are small: who sends more is no client.
const UNREADABLE: Linger = Linger {
    longest: Duration::from_secs(2),
    silence_max: Duration::from_secs(1),
    bytes_max: 1 << 20,
};

const TOO_SLOW: &str =
    "the request took too long; its outcome is unknown, repeat it with its request id\n";
