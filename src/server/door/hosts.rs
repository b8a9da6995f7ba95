//! The names that a server answers for, and requests that name none. Apart because a page of
//! another site can make its own name point here: only the `Host` header tells it from ours.

use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Version, header};

use crate::dialect::reach::HostName;

/// The hosts that a server answers for, whatever the port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Option<Vec<HostName>>);

impl Hosts {
    /// Every host: who calls needs a secret that nobody else has.
    pub const fn any() -> Self {
        Self(None)
    }

    /// Only these, each without scheme and port.
    ///
    /// # Errors
    /// The one that is no host.
    pub fn only<'a>(named: impl IntoIterator<Item = &'a str>) -> Result<Self, HostError> {
        let read = |text: &str| {
            // An address of IPv6 is bare where no port can follow.
            let bracketed = format!("[{text}]");
            let text = if text.matches(':').count() > 1 && !text.starts_with('[') {
                &bracketed
            } else {
                text
            };
            let has_port = !text.ends_with(']') && text.contains(':');
            HostName::parse(text)
                .filter(|_| !has_port)
                .ok_or_else(|| HostError {
                    host: text.to_owned(),
                })
        };
        let named: Result<_, _> = named.into_iter().map(read).collect();
        Ok(Self(Some(named?)))
    }

    /// The names of this machine for itself, and these.
    ///
    /// # Errors
    /// The one that is no host.
    pub fn loopback_and<'a>(named: impl IntoIterator<Item = &'a str>) -> Result<Self, HostError> {
        Self::only(LOOPBACK.iter().copied().chain(named))
    }

    fn admit(&self, host: &HostName) -> bool {
        let named = self.0.as_ref();
        named.is_none_or(|named| named.contains(host))
    }

    /// Looks at the host of a request, before anything else of it is.
    ///
    /// # Errors
    /// 400 for a request that is no request of a server that is not a proxy, 421 for a host of
    /// somebody else's.
    pub(super) fn check(&self, parts: &Parts) -> Result<(), (StatusCode, &'static str)> {
        if parts.method == Method::CONNECT {
            return Err((StatusCode::BAD_REQUEST, NO_PROXY));
        }
        let mut given = parts.headers.get_all(header::HOST).iter();
        let host = match (given.next(), given.next()) {
            (_, Some(_)) => return Err((StatusCode::BAD_REQUEST, TWO_HOSTS)),
            (None, None) if parts.version >= Version::HTTP_11 => {
                return Err((StatusCode::BAD_REQUEST, NO_HOST));
            }
            // Older than the header, and so than any browser: no page sends it.
            (None, None) => return Ok(()),
            (Some(host), None) => {
                let host = host.to_str().ok().and_then(HostName::parse);
                host.ok_or((StatusCode::BAD_REQUEST, BAD_HOST))?
            }
        };
        // A target with a host of its own outranks the header (RFC 9112, section 3.2.2).
        let target = match parts.uri.authority() {
            Some(authority) => {
                let target = HostName::parse(authority.as_str());
                Some(target.ok_or((StatusCode::BAD_REQUEST, BAD_HOST))?)
            }
            None => None,
        };
        if self.admit(&host) && target.is_none_or(|target| self.admit(&target)) {
            return Ok(());
        }
        Err((StatusCode::MISDIRECTED_REQUEST, FOREIGN))
    }
}

/// The text is no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host:?} is no host: give a name or an address alone, without scheme, port or path")]
pub struct HostError {
    /// As it was given.
    pub host: String,
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

const NO_PROXY: &str = "this server is no proxy: it takes no CONNECT\n";
const TWO_HOSTS: &str = "the request has the header Host twice: send it once\n";
const NO_HOST: &str = "the request has no header Host: send the name of the server in it\n";
const BAD_HOST: &str =
    "the host of the request is no host: send a name or an address, and a port\n";
const FOREIGN: &str =
    "this server does not answer for that host: its operator lists the names that it has\n";
