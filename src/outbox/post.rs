//! One attempt to send one notice. Apart because it alone knows the HTTP client. It never follows
//! a redirect, and never believes a word of an answer beyond its status.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring::default_provider;
use tokio::time::timeout;

/// A receiver, and connections to it that are kept for the next notice.
pub(crate) struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    attempt_max: Duration,
}

impl Poster {
    /// A client of that address. `connections_max` are kept open.
    ///
    /// # Errors
    /// In words, when nothing can be posted there.
    pub(crate) fn new(
        address: &str,
        connections_max: usize,
        attempt_max: Duration,
    ) -> Result<Self, String> {
        let uri: Uri = address
            .parse()
            .map_err(|error| format!("no URL: {error}"))?;
        let authority = uri.authority().ok_or("no URL with a host")?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("write it as https://host/path or http://host/path".to_owned());
        }
        if authority.as_str().contains('@') {
            return Err(
                "a name and password in a URL would not be sent: leave them out".to_owned(),
            );
        }
        // Named, not looked up: a program that embeds this crate may have another one as well, and
        // the lookup would then panic.
        let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(default_provider());
        let tls = tls.map_err(|error| error.to_string())?;
        let connector = tls.https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(connections_max)
            .http1_max_buf_size(ANSWER_HEAD_BYTES_MAX)
            .build(connector.build());
        Ok(Self {
            client,
            uri,
            attempt_max,
        })
    }

    /// Sends it once; any 2xx is a yes.
    ///
    /// # Errors
    /// In words, for everything else.
    pub(crate) async fn post(
        &self,
        headers: Vec<(&'static str, String)>,
        body: String,
    ) -> Result<(), String> {
        let mut request = Request::post(self.uri.clone());
        for (name, value) in headers {
            let mut value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
            value.set_sensitive(name == "authorization");
            request = request.header(HeaderName::from_static(name), value);
        }
        let request = request.body(Full::from(body));
        let request = request.map_err(|error| error.to_string())?;
        let answer = timeout(self.attempt_max, self.client.request(request)).await;
        let answer = answer.map_err(|_| format!("no answer within {:?}", self.attempt_max))?;
        let answer = answer.map_err(|error| chain_of(&error))?;
        let status = answer.status();
        if status.is_success() {
            let _reused_or_closed = timeout(REST_MAX, drain(answer)).await;
            Ok(())
        } else if status.is_redirection() {
            Err(format!(
                "it answered {status}, and redirects are not followed"
            ))
        } else {
            Err(format!("it answered {status}"))
        }
    }
}

/// Reads a small rest, so that the connection can be used again. A longer one is cut off with it.
async fn drain(answer: Response<Incoming>) {
    let mut body = answer.into_body();
    let mut left = REST_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// An error with those beneath it: the client's own words do not say what the system's say.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut beneath = error.source();
    while let Some(cause) = beneath {
        words = format!("{words}: {cause}");
        beneath = cause.source();
    }
    words
}

/// Receivers close idle connections after a minute or so; ours go before.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// The smallest that hyper allows is 8 KiB; an answer here has nothing to say.
const ANSWER_HEAD_BYTES_MAX: usize = 16 * 1024;

/// What receivers answer is "ok"; reading it costs less than another connection.
const REST_BYTES_MAX: usize = 64 * 1024;
const REST_MAX: Duration = Duration::from_millis(500);
