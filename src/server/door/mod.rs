//! Connections: how many, how slow they may be, and what becomes of those beyond. Apart from the
//! server, which knows what is served; this knows no path.

mod addresses;
mod config;
mod hosts;
mod linger;
mod proxies;
mod stall;
mod tls;
mod unread;
mod visit;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{sleep, timeout};

pub use config::{ConnectionLimits, DoorConfig, Transport};
pub use hosts::{HostError, Hosts};
pub use proxies::{Network, NetworkError, Proxies};
pub use tls::{Certificate, TlsError};

use crate::dialect::body_memory::BodyMemory;

use addresses::{Addresses, Place};
use linger::{Linger, linger};
use visit::Entrance;

/// Takes connections until told to stop, and says when the last has ended.
pub(super) struct Doorway {
    entrance: Arc<Entrance>,
    slots: Arc<Semaphore>,
    addresses: Addresses,
    /// Those that are told why there is no room for them.
    refusals: Arc<Semaphore>,
    drain: watch::Sender<bool>,
    /// Every connection holds a clone: when all are gone, `ended` says so.
    hold: mpsc::Sender<Infallible>,
    ended: mpsc::Receiver<Infallible>,
}

impl Doorway {
    pub(super) fn new(router: Router, config: DoorConfig) -> Self {
        let (hold, ended) = mpsc::channel(1);
        let DoorConfig {
            limits,
            hosts,
            proxies,
            transport,
            body_memory_bytes,
        } = config;
        Self {
            slots: Arc::new(Semaphore::new(limits.connections_max)),
            addresses: Addresses::new(limits.per_address_max),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
            drain: watch::Sender::new(false),
            hold,
            ended,
            entrance: Arc::new(Entrance {
                router,
                limits,
                hosts,
                proxies,
                transport,
                bodies: BodyMemory::new(body_memory_bytes),
            }),
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
        let refusal = match (
            Arc::clone(&self.slots).try_acquire_owned(),
            self.place(peer.ip()),
        ) {
            (Ok(slot), Ok(place)) => {
                let (entrance, hold) = (Arc::clone(&self.entrance), self.hold.clone());
                let draining = self.drain.subscribe();
                tokio::spawn(async move {
                    entrance.receive(stream, peer, draining).await;
                    drop((slot, place, hold));
                });
                return;
            }
            (Err(_), _) => FULL,
            (Ok(_), Err(())) => CROWDED,
        };
        if let Ok(slot) = Arc::clone(&self.refusals).try_acquire_owned() {
            tracing::warn!(%peer, "a connection is refused: {}", refusal.reason);
            tokio::spawn(refuse(stream, refusal.answer, slot));
        }
    }

    /// A place of this address; none is counted for a proxy, behind which is everybody.
    fn place(&self, address: IpAddr) -> Result<Option<Place>, ()> {
        if self.entrance.proxies.trust(address) {
            return Ok(None);
        }
        self.addresses.enter(address).map(Some).ok_or(())
    }
}

/// Tells one connection too many that it is.
async fn refuse(mut stream: TcpStream, answer: &'static [u8], slot: OwnedSemaphorePermit) {
    // An answer this short fits the buffer of a new connection, or the other side is gone.
    let _ = stream.try_write(answer);
    linger(&mut stream, REFUSED).await;
    drop(slot);
}

/// Why a connection is not taken.
struct Refusal {
    reason: &'static str,
    /// Needs no request: it is written before one is read.
    answer: &'static [u8],
}

/// Long enough for file descriptors to come free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Refusals under way at a time; a flood beyond them is closed without a word.
const REFUSALS_MAX: usize = 64;

/// For the other side to read why.
const REFUSED: Linger = Linger {
    longest: Duration::from_secs(1),
    silence_max: Duration::from_secs(1),
    bytes_max: 1 << 20,
};

const FULL: Refusal = Refusal {
    reason: "all are taken",
    answer: b"HTTP/1.1 503 Service Unavailable\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 46\r\n\
        Retry-After: 1\r\n\
        Connection: close\r\n\r\n\
        all connections are taken: try again shortly.\n",
};

const CROWDED: Refusal = Refusal {
    reason: "its address has all that one may have",
    answer: b"HTTP/1.1 503 Service Unavailable\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 63\r\n\
        Retry-After: 1\r\n\
        Connection: close\r\n\r\n\
        your address has too many connections: close some, come again.\n",
};
