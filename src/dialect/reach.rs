//! Where a caller reaches this server: the scheme and the host that links begin with. Apart because
//! every dialect writes links, and the server judges the same header; it believes no other header.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

/// How a request travelled: an extension of every request of a server that knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Readable on its way.
    #[default]
    Http,
    /// Encrypted, up to this server or to a proxy that it trusts.
    Https,
}

impl Scheme {
    /// As it is written in a URL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The host of a `Host` header, without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostName {
    /// An address; one of IPv6 stands in brackets.
    Address(IpAddr),
    /// Any other name, in lower case.
    Named(String),
}

impl HostName {
    /// Reads a host, perhaps with a port; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']')?;
            let address: Ipv6Addr = address.parse().ok()?;
            let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            return is_whole.then_some(Self::Address(IpAddr::V6(address).to_canonical()));
        }
        let name = match text.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            Some(_) => return None,
            None => text,
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_plain) {
            return None;
        }
        Some(match name.parse() {
            Ok(address) => Self::Address(address),
            Err(_) => Self::Named(name.to_ascii_lowercase()),
        })
    }
}

/// Scheme and host by which the caller reached the server, without a slash at the end; `None` where
/// the request names no host.
pub fn base(parts: &Parts) -> Option<String> {
    let scheme = parts.extensions.get::<Scheme>().copied();
    let authority = parts
        .uri
        .authority()
        .map(axum::http::uri::Authority::as_str);
    let host = host(&parts.headers).or(authority.filter(|host| HostName::parse(host).is_some()));
    host.map(|host| format!("{}://{host}", scheme.unwrap_or_default().name()))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    HostName::parse(host).map(|_| host)
}

/// RFC 3986 lets a port be empty.
fn is_port(text: &str) -> bool {
    text.is_empty() || (text.len() <= PORT_DIGITS_MAX && text.parse::<u16>().is_ok())
}

const PORT_DIGITS_MAX: usize = 5;
