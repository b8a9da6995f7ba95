//! LiveKit's `RoomService` over HTTP: from a request to a typed call with its caller, and from the
//! reply to the answer. Apart from what the calls do, which a [`RoomService`] tells; it never
//! knows a room.

mod body;
mod declare;
pub mod json;
pub mod listed;
pub mod permission;
pub mod proto;
pub mod refusal;
pub mod render;
pub mod service;
pub mod translate;
pub mod twirp;
mod validate;
pub mod webhook;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::dialect::auth::claims::Claims;
use crate::dialect::auth::rate::RateLimits;
use crate::dialect::auth::token::{self, TokenError};
use crate::dialect::auth::trust::Keys;
use crate::dialect::body::{NoBody, little, taken};
use crate::dialect::caller::{Caller, header_text};
use crate::dialect::livekit::json::schema::UnknownName;
use crate::dialect::livekit::listed::Listed;
use crate::dialect::livekit::twirp::calls::{Call, Encoding, Reply, Request};
use crate::dialect::livekit::twirp::cors;
pub use crate::dialect::livekit::twirp::cors::Origins;
use crate::dialect::livekit::twirp::error::{ErrorCode, TwirpError};
use crate::dialect::livekit::twirp::route::{Route, route};
use crate::dialect::recorded::Recorded;
use crate::domain::Digest;
pub use body::BODY_BYTES_MAX;

/// Carries out the calls.
pub trait RoomService: Clone + Send + Sync + 'static {
    /// Carries out one call. It checks [`Request::right`] itself, because two calls look at sizes
    /// first, and because a refusal has to be recorded.
    ///
    /// A caller that goes away drops the future: what the call does then must be whole or nothing.
    fn call(&self, incoming: Incoming) -> impl Future<Output = Answer> + Send;
}

/// A call, decoded, with who makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    /// Who calls; the token is verified, the right is not.
    pub caller: Caller,
    /// What is asked.
    pub request: Request,
    /// Enum names that were dropped; a dropped track source would widen the permission.
    pub unknown_names: Vec<UnknownName>,
    /// SHA-256 of the body as it came.
    pub body_digest: Digest,
    /// Size of the body as it came.
    pub body_bytes: u64,
}

/// What a call came to.
#[derive(Debug)]
pub struct Answer {
    /// The answer itself.
    pub reply: Result<Given, TwirpError>,
    /// Where it stands in the log; `None` for what is not recorded.
    pub recorded: Option<Recorded>,
}

impl Answer {
    /// An answer that the log knows nothing of.
    pub fn unrecorded(reply: Result<Reply, TwirpError>) -> Self {
        Self::read(reply.map(Given::Whole))
    }

    /// The same, where it may be a list.
    pub const fn read(reply: Result<Given, TwirpError>) -> Self {
        Self {
            reply,
            recorded: None,
        }
    }
}

/// What a call gives.
#[derive(Debug)]
pub enum Given {
    /// All of it.
    Whole(Reply),
    /// A list that may be of any length.
    Listed(Listed),
}

impl From<Reply> for Given {
    fn from(reply: Reply) -> Self {
        Self::Whole(reply)
    }
}

impl From<Listed> for Given {
    fn from(listed: Listed) -> Self {
        Self::Listed(listed)
    }
}

/// The dialect: a service behind LiveKit's framing and tokens.
#[derive(Clone)]
pub struct LiveKit<S> {
    service: S,
    keys: Keys,
    now_s: Arc<dyn Fn() -> i64 + Send + Sync>,
    limits: Option<Arc<RateLimits>>,
    origins: Origins,
}

/// The dialect as the fallback of a router: it answers every path that nothing else takes.
pub fn router<S: RoomService>(dialect: LiveKit<S>) -> Router {
    Router::new()
        .fallback(async move |request: axum::extract::Request| dialect.respond(request).await)
}

/// What a request to that path is called: the call's own name, or that of a few other things.
pub fn call_name(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or_default();
    match Call::named(name) {
        Some(call) => call.name(),
        None if name == "validate" => "validate",
        None => "other",
    }
}

impl<S: RoomService> LiveKit<S> {
    /// Puts a service behind the dialect. `now_s` tells the wall time in seconds since 1970.
    pub fn new(
        service: S,
        keys: impl Into<Keys>,
        now_s: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            service,
            keys: keys.into(),
            now_s: Arc::new(now_s),
            limits: None,
            origins: Origins::default(),
        }
    }

    /// Lets the pages of these origins alone read answers.
    #[must_use]
    pub fn readable_by(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Lets each key call only so often.
    #[must_use]
    pub fn limited(mut self, limits: Option<Arc<RateLimits>>) -> Self {
        self.limits = limits;
        self
    }

    /// Answers one request.
    pub async fn respond(&self, request: axum::http::Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        if let Some(response) = cors::preflight(&self.origins, &parts) {
            return response;
        }
        let (form, body) = body::form(&parts, body).await;
        let mut response = match self.claims(&parts, &form) {
            Ok(claims) => self.answer(&parts, claims, body).await,
            Err(error) => text(StatusCode::UNAUTHORIZED, error.to_string()),
        };
        cors::mark(&self.origins, &parts.headers, response.headers_mut());
        response
    }

    async fn answer(&self, parts: &Parts, claims: Option<Claims>, body: Body) -> Response {
        let content_type = header_text(&parts.headers, &header::CONTENT_TYPE).unwrap_or_default();
        match route(parts.method.as_str(), parts.uri.path(), &content_type) {
            Ok(Route::Call(call, encoding)) => match claims {
                Some(claims) => match self.limits.as_ref().map(|all| all.admit(&claims)) {
                    None | Some(Ok(())) => {
                        let body = if claims.may_act() {
                            taken(parts, body, BODY_BYTES_MAX).await
                        } else if let Some(body) = little(parts, body, LITTLE_BYTES_MAX).await {
                            Ok(body)
                        } else {
                            return TwirpError::permissions_denied().into_response();
                        };
                        let caller = Caller::new(claims, parts);
                        self.call(call, encoding, caller, body).await
                    }
                    Some(Err(error)) => refusal::too_often(&error).into_response(),
                },
                // Before the body is read: nobody unknown makes us read 10 MiB.
                None => TwirpError::permissions_denied().into_response(),
            },
            Ok(Route::Validate) => {
                let (status, words) = validate::validate(claims.as_ref());
                text(status, words)
            }
            Ok(Route::Health) => text(StatusCode::OK, String::from("OK")),
            Ok(Route::Unknown) => text(StatusCode::NOT_FOUND, String::from("404 page not found\n")),
            Err(error) => error.into_response(),
        }
    }

    async fn call(
        &self,
        call: Call,
        encoding: Encoding,
        caller: Caller,
        body: Result<Bytes, NoBody>,
    ) -> Response {
        let body = match body {
            Ok(body) => body,
            Err(NoBody::TooLarge { bytes_max }) => {
                let limit = format!("request body is larger than {bytes_max} bytes\n");
                return text(StatusCode::PAYLOAD_TOO_LARGE, limit);
            }
            Err(error @ NoBody::Crowded(_)) => {
                let told = TwirpError::new(ErrorCode::Unavailable, error.to_string());
                return told
                    .retry_after(error.retry_after_s().unwrap_or_default())
                    .into_response();
            }
            Err(error @ (NoBody::Broken | NoBody::Packed)) => {
                return TwirpError::new(ErrorCode::Malformed, error.to_string()).into_response();
            }
        };
        let answer = match Request::decode(call, encoding, &body) {
            Ok(read) => {
                let incoming = Incoming {
                    caller,
                    request: read.message,
                    unknown_names: read.unknown_names,
                    body_digest: Digest::of(&body),
                    body_bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
                };
                self.service.call(incoming).await
            }
            Err(error) => Answer::unrecorded(Err(error)),
        };
        let mut response = match answer.reply {
            Ok(given) => {
                let body = match given {
                    Given::Whole(reply) => reply.encode(encoding).into(),
                    Given::Listed(listed) => listed.body(encoding).await,
                };
                let kind = HeaderValue::from_static(encoding.content_type());
                ([(header::CONTENT_TYPE, kind)], body).into_response()
            }
            Err(error) => error.into_response(),
        };
        if let Some(recorded) = answer.recorded {
            recorded.mark(response.headers_mut());
        }
        response
    }

    /// The claims of the header's token, else of the form's or the query's; none without a token.
    fn claims(&self, parts: &Parts, form: &str) -> Result<Option<Claims>, TokenError> {
        let header = header_text(&parts.headers, &header::AUTHORIZATION);
        let token = if let Some(header) = &header {
            Some(token::bearer(header)?)
        } else {
            let query = parts.uri.query().unwrap_or_default();
            parameter_token(form).or_else(|| parameter_token(query))
        };
        let verified = token.map(|token| {
            let claims = token::verify(&self.keys.ring(), token, (self.now_s)())?;
            token::check_dialect(&claims.limits, &claims.key_id, DIALECT)?;
            Ok(claims)
        });
        verified.transpose()
    }
}

/// A token needs no percent-encoding, so none is undone.
fn parameter_token(parameters: &str) -> Option<&str> {
    let mut values = parameters
        .split('&')
        .filter_map(|pair| pair.strip_prefix("access_token="));
    values.next().filter(|token| !token.is_empty())
}

/// Plain text that repeats a caller's word must not be taken for a page.
fn text(status: StatusCode, body: String) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
    ];
    (status, headers, body).into_response()
}

/// What a caller without any right may send is read for its names: metadata that is too large is
/// refused for its size by LiveKit, before its right is looked at, and has 512 KiB.
const LITTLE_BYTES_MAX: u64 = 1 << 20;
/// How events and figures name the dialect.
pub const DIALECT: &str = "livekit";
