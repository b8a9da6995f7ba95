//! What an operator says of the way in. Apart, since the server, the doorway and every connection
//! read it.

use std::time::Duration;

use crate::server::door::hosts::Hosts;
use crate::server::door::proxies::Proxies;
use crate::server::door::tls::Certificate;

/// How callers come in.
#[derive(Clone, Debug)]
pub struct DoorConfig {
    /// What a connection may cost.
    pub limits: ConnectionLimits,
    /// The names that are answered for.
    pub hosts: Hosts,
    /// The proxies that tell where a request comes from.
    pub proxies: Proxies,
    /// How bytes travel.
    pub transport: Transport,
    /// What the bodies of all requests may hold together, in bytes; a quarter of it those of one
    /// address.
    pub body_memory_bytes: usize,
}

impl Default for DoorConfig {
    fn default() -> Self {
        Self {
            limits: ConnectionLimits::default(),
            hosts: Hosts::default(),
            proxies: Proxies::default(),
            transport: Transport::default(),
            body_memory_bytes: 256 << 20,
        }
    }
}

/// How bytes travel between a caller and the server.
#[derive(Clone, Debug, Default)]
pub enum Transport {
    /// Readable, and so on loopback only.
    #[default]
    PlainOnLoopback,
    /// Readable everywhere: a proxy in front encrypts what leaves the machine.
    Plain,
    /// Encrypted by the server itself.
    Tls(Certificate),
}

/// What a connection may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Open at a time; one more is told 503 and closed. Each costs a task, a buffer and a file
    /// descriptor.
    pub connections_max: usize,
    /// The same of one address, so that nobody alone takes all; trusted proxies have no such limit.
    pub per_address_max: usize,
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
            per_address_max: 4_096,
            head_max: Duration::from_secs(75),
            answer_max: Duration::from_secs(60),
            stall_max: Duration::from_secs(60),
        }
    }
}
