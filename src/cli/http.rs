//! The client side of `--server`: our own API over blocking HTTP. Apart, because it alone knows
//! the client library. Never interprets an answer beyond its status and its problem document.

use std::io::BufReader;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::cli::failure::{Exit, Failure};
use crate::cli::sse::{Message, Messages};

/// A server, and how to prove who asks.
pub struct Client<'a> {
    agent: Agent,
    base: String,
    bearer: &'a dyn Fn() -> Result<String, Failure>,
}

/// An answer that is none.
struct Trouble {
    failure: Failure,
    /// Whether the same call may succeed later.
    passing: bool,
}

impl<'a> Client<'a> {
    /// A client of the server at `base`, such as `http://127.0.0.1:7880`; `bearer` gives a fresh
    /// token for each call.
    ///
    /// # Errors
    /// `Usage`, when `base` is no HTTP address.
    pub fn new(
        base: &str,
        bearer: &'a dyn Fn() -> Result<String, Failure>,
    ) -> Result<Self, Failure> {
        let authority = base
            .strip_prefix("http://")
            .or_else(|| base.strip_prefix("https://"))
            .filter(|authority| !authority.is_empty())
            .ok_or_else(|| {
                Failure::new(Exit::Usage, format!("'{base}' is no address of a server"))
                    .hint("write it as http://127.0.0.1:7880")
            })?;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(SILENCE_MAX));
        if LOOPBACK.iter().any(|host| authority.starts_with(host)) {
            // A proxy of the environment has its own idea of what loopback is.
            config = config.proxy(None);
        }
        Ok(Client {
            agent: Agent::new_with_config(config.build()),
            base: base.trim_end_matches('/').to_owned(),
            bearer,
        })
    }

    /// `GET /api/v1/...`, its segments and query encoded here.
    ///
    /// # Errors
    /// `NotFound` for 404, `Refused` for every other answer that is no success, and when there is
    /// no answer.
    pub fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        let answer = self.send(path, query, None);
        Self::body(answer.map_err(|trouble| trouble.failure)?)
    }

    fn body(mut answer: Response<Body>) -> Result<Value, Failure> {
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        serde_json::from_reader(BufReader::new(body.reader())).map_err(|error| {
            Failure::new(Exit::Refused, "the answer of the server broke off").because(error)
        })
    }

    /// `POST /api/v1/...`, its segments encoded here.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        let told = |trouble: Trouble| trouble.failure;
        let request = self.agent.post(self.address(path));
        let request = request
            .header("Authorization", format!("Bearer {}", (self.bearer)()?))
            .header("Content-Type", "application/json");
        let answer = request.send(body.to_string());
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        Self::body(succeeded(answer).map_err(told)?)
    }

    /// Follows `GET /api/v1/stream` and calls `each` for every event, across lost connections,
    /// without gap or repeat, until `each` fails or the server refuses; `lost` is told why a
    /// connection was.
    pub fn follow(
        &self,
        query: &[(&str, &str)],
        each: &mut dyn FnMut(&Message) -> Result<(), Failure>,
        lost: &mut dyn FnMut(&str),
    ) -> Failure {
        let mut last_id: Option<String> = None;
        let mut has_connected = false;
        let mut wait = RETRY_WAIT_MIN;
        loop {
            let cause = match self.send(&["stream"], query, last_id.as_deref()) {
                Ok(answer) => {
                    has_connected = true;
                    let mut on_message = |message: &Message| {
                        each(message)?;
                        wait = RETRY_WAIT_MIN;
                        last_id = message.id.clone().or(last_id.take());
                        Ok(())
                    };
                    match relay(answer, &mut on_message) {
                        Ok(Some(cause)) => cause,
                        Ok(None) => continue,
                        Err(failure) => return failure,
                    }
                }
                Err(trouble) if !has_connected || !trouble.passing => return trouble.failure,
                Err(trouble) => trouble.failure.error,
            };
            lost(&cause);
            thread::sleep(wait);
            wait = RETRY_WAIT_MAX.min(wait * 2);
        }
    }

    fn send(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        last_id: Option<&str>,
    ) -> Result<Response<Body>, Trouble> {
        let token = (self.bearer)().map_err(|failure| Trouble {
            failure,
            passing: false,
        })?;
        let mut request = self
            .agent
            .get(self.address(path))
            .header("Authorization", format!("Bearer {token}"))
            .query_pairs(query.iter().copied());
        if let Some(last_id) = last_id {
            request = request.header("Last-Event-ID", last_id);
        }
        let answer = request.call().map_err(|error| Trouble {
            failure: self.unreachable(&error),
            passing: true,
        })?;
        succeeded(answer)
    }

    fn address(&self, path: &[&str]) -> String {
        let segments: Vec<String> = path.iter().map(|segment| encoded(segment)).collect();
        format!("{}/api/v1/{}", self.base, segments.join("/"))
    }

    fn unreachable(&self, error: &ureq::Error) -> Failure {
        Failure::new(Exit::Refused, format!("no answer from {}", self.base))
            .because(error)
            .hint("is 'roomledger serve' running there? --data DIR reads its log without it")
    }
}

/// An answer that is one, or the problem that it tells.
fn succeeded(mut answer: Response<Body>) -> Result<Response<Body>, Trouble> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(PROBLEM_BYTES_MAX);
    let problem: Value = serde_json::from_reader(body.reader()).unwrap_or(Value::Null);
    Err(Trouble {
        failure: refused(status, &problem),
        passing: matches!(status, 429 | 502..=504),
    })
}

/// Hands on the messages of one connection, and says why it was lost; it is not where its token is
/// over.
fn relay(
    answer: Response<Body>,
    each: &mut dyn FnMut(&Message) -> Result<(), Failure>,
) -> Result<Option<String>, Failure> {
    let mut messages = Messages::new(BufReader::new(answer.into_body().into_reader()));
    loop {
        match messages.next_message() {
            Ok(Some(message)) if message.event == ENDED => return Ok(None),
            Ok(Some(message)) => each(&message)?,
            Ok(None) => return Ok(Some("the server closed the stream".to_owned())),
            Err(error) => return Ok(Some(error.to_string())),
        }
    }
}

/// A failure from a status and its problem document (RFC 9457).
fn refused(status: u16, problem: &Value) -> Failure {
    let member = |name: &str| problem.get(name).and_then(Value::as_str);
    let said = member("detail").or_else(|| member("title"));
    let exit = if status == 404 {
        Exit::NotFound
    } else {
        Exit::Refused
    };
    let error = match said {
        Some(said) => said.to_owned(),
        None => format!("the server answered {status}"),
    };
    let failure = match member("type") {
        Some(slug) => Failure::new(exit, error).because(format!("{status} {slug}")),
        None => Failure::new(exit, error).because(format!("status {status}")),
    };
    match status {
        401 => failure.hint(
            "set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a key of the server \
             (serve --dev: devkey and secret)",
        ),
        410 => failure.hint("the server has another history; start again without a position"),
        _ => failure,
    }
}

/// A path segment with everything but RFC 3986's unreserved characters percent-encoded.
fn encoded(segment: &str) -> String {
    let bytes = segment.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    bytes.collect::<Vec<_>>().concat()
}

/// The last message of a stream whose token is over.
const ENDED: &str = "stream_ended";

const LOOPBACK: &[&str] = &["127.", "localhost", "[::1]"];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A stream says something every 15 s (api.md); after three times that it is dead.
const SILENCE_MAX: Duration = Duration::from_secs(45);

const RETRY_WAIT_MIN: Duration = Duration::from_millis(200);
const RETRY_WAIT_MAX: Duration = Duration::from_secs(5);

/// A room of 100,000 participants is some 100 MB of JSON.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// A problem document is a few lines; what is longer comes from something else.
const PROBLEM_BYTES_MAX: u64 = 64 * 1024;
