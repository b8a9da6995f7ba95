//! Who calls, where a proxy stands before the server. Apart because the headers that tell it are a
//! claim of whoever sends them: they count from the proxies that the operator names, and from
//! nobody else.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, header};

use crate::dialect::reach::Scheme;

/// Addresses that share their first bits, such as `10.0.0.0/8` or `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first address, as IPv6 writes it, so that both kinds are compared alike.
    bits: u128,
    prefix: u32,
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let differing = self.bits ^ bits(address);
        differing.leading_zeros() >= self.prefix
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let own = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| NetworkError)?,
            None => own,
        };
        if prefix > own {
            return Err(NetworkError);
        }
        let prefix = prefix + u128::BITS - own;
        let bits = bits(address);
        let host_bits = bits.checked_shl(prefix).unwrap_or_default();
        // What is written behind the prefix is a slip, and would trust others than were meant.
        if host_bits != 0 {
            return Err(NetworkError);
        }
        Ok(Self { bits, prefix })
    }
}

/// The proxies whose headers are believed; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

impl Proxies {
    /// Those of these networks.
    pub const fn of(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Where a request comes from and how it travelled: what its connection tells, and beyond a
    /// trusted proxy what that says.
    pub(super) fn caller(
        &self,
        peer: SocketAddr,
        scheme: Scheme,
        headers: &HeaderMap,
    ) -> (SocketAddr, Scheme) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if !self.trust(peer.ip()) {
            return (peer, scheme);
        }
        let forwarded = elements(headers);
        let hops = match listed(headers, &FORWARDED_FOR) {
            // Of two headers the one that proxies write most: the other may be a caller's own.
            Some(hops) => hops.iter().map(|hop| node(hop)).collect(),
            None => forwarded
                .iter()
                .map(|element| element.of.as_deref().and_then(node))
                .collect::<Vec<_>>(),
        };
        let mut address = peer.ip();
        for hop in hops.into_iter().rev() {
            let Some(hop) = hop else { break };
            address = hop;
            if !self.trust(hop) {
                break;
            }
        }
        let told = listed(headers, &FORWARDED_PROTO).and_then(|mut told| told.pop());
        let told = told.or_else(|| forwarded.into_iter().next_back()?.proto);
        let scheme = match told.as_deref() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            Some(_) | None => scheme,
        };
        let port = if address == peer.ip() { peer.port() } else { 0 };
        (SocketAddr::new(address, port), scheme)
    }
}

/// One hop of `Forwarded` (RFC 7239).
struct Element {
    of: Option<String>,
    proto: Option<String>,
}

/// The hops of `Forwarded`, the caller's own first.
fn elements(headers: &HeaderMap) -> Vec<Element> {
    let lines = headers.get_all(header::FORWARDED).iter();
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()));
    let whole = lines.collect::<Vec<_>>().join(",");
    if whole.is_empty() {
        return Vec::new();
    }
    let parsed = split(&whole, ',').into_iter().map(|element| {
        let mut parsed = Element {
            of: None,
            proto: None,
        };
        for pair in split(element, ';') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.trim().trim_matches('"').to_owned();
            let name = name.trim();
            if name.eq_ignore_ascii_case("for") {
                parsed.of = Some(value);
            } else if name.eq_ignore_ascii_case("proto") {
                parsed.proto = Some(value.to_ascii_lowercase());
            }
        }
        parsed
    });
    parsed.collect()
}

/// The parts of a text between separators that stand in no quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let parts = text.split(|it: char| {
        is_quoted ^= it == '"';
        it == separator && !is_quoted
    });
    parts.collect()
}

/// The values of a list header, over all its lines; `None` where there is none.
fn listed(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    // An empty one is one: a caller could hide the line of a proxy behind it.
    headers.contains_key(name).then_some(())?;
    let lines = headers.get_all(name).iter();
    let values = lines.flat_map(|line| {
        let line = String::from_utf8_lossy(line.as_bytes()).into_owned();
        let values = line.split(',').map(|value| value.trim().to_owned());
        values.collect::<Vec<_>>()
    });
    Some(values.collect())
}

/// The address of a hop, with or without a port; `None` where it says `unknown` or a name.
fn node(text: &str) -> Option<IpAddr> {
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(address, _)| address),
        None if text.matches(':').count() == 1 => text.split_once(':').map(|(address, _)| address),
        None => Some(text),
    };
    let address: IpAddr = address?.parse().ok()?;
    Some(address.to_canonical())
}

fn bits(address: IpAddr) -> u128 {
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    Ipv6Addr::to_bits(address)
}

/// The text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a network is an address, or the first one and its bits, such as 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
