//! LiveKit's `RoomService` over HTTP: from a request to a typed call with its caller, and from the
//! reply to the answer. Apart from what the calls do, which a [`RoomService`] tells; it never
//! knows a room.

mod declare;
pub mod json;
pub mod proto;
pub mod twirp;

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::dialect::auth::claims::Claims;
use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::token::{self, TokenError};
use crate::dialect::caller::{Caller, header_text};
use crate::dialect::livekit::json::schema::UnknownName;
use crate::dialect::livekit::twirp::calls::{Call, Encoding, Reply, Request};
use crate::dialect::livekit::twirp::cors;
use crate::dialect::livekit::twirp::error::TwirpError;
use crate::dialect::livekit::twirp::route::{Route, route};

/// Carries out the calls.
pub trait RoomService: Clone + Send + Sync + 'static {
    /// Carries out one call. It checks [`Request::right`] itself, because two calls look at sizes
    /// first, and because a refusal has to be recorded.
    ///
    /// A caller that goes away drops the future: what the call does then must be whole or nothing.
    fn call(&self, incoming: Incoming) -> impl Future<Output = Result<Reply, TwirpError>> + Send;
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
}

/// The dialect: a service behind LiveKit's framing and tokens.
#[derive(Clone)]
pub struct LiveKit<S> {
    service: S,
    keys: Arc<KeyRing>,
    now_s: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// The dialect as the fallback of a router: it answers every path that nothing else takes.
pub fn router<S: RoomService>(dialect: LiveKit<S>) -> Router {
    Router::new()
        .fallback(async move |request: axum::extract::Request| dialect.respond(request).await)
}

impl<S: RoomService> LiveKit<S> {
    /// Puts a service behind the dialect. `now_s` tells the wall time in seconds since 1970.
    pub fn new(
        service: S,
        keys: Arc<KeyRing>,
        now_s: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            service,
            keys,
            now_s: Arc::new(now_s),
        }
    }

    /// Answers one request.
    pub async fn respond(&self, request: axum::http::Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        if let Some(response) = cors::preflight(&parts) {
            return response;
        }
        let mut response = match self.claims(&parts) {
            Ok(claims) => self.answer(&parts, claims, body).await,
            Err(error) => text(StatusCode::UNAUTHORIZED, error.to_string()),
        };
        cors::mark(&parts.headers, response.headers_mut());
        response
    }

    async fn answer(&self, parts: &Parts, claims: Option<Claims>, body: Body) -> Response {
        let content_type = header_text(&parts.headers, &header::CONTENT_TYPE).unwrap_or_default();
        match route(parts.method.as_str(), parts.uri.path(), &content_type) {
            Ok(Route::Call(call, encoding)) => match claims {
                Some(claims) => {
                    self.call(call, encoding, Caller::new(claims, parts), body)
                        .await
                }
                // Before the body is read: nobody unknown makes us read 10 MiB.
                None => TwirpError::permissions_denied().into_response(),
            },
            Ok(Route::Health) => text(StatusCode::OK, String::from("OK")),
            Ok(Route::Unknown) => text(StatusCode::NOT_FOUND, String::from("404 page not found\n")),
            Err(error) => error.into_response(),
        }
    }

    async fn call(&self, call: Call, encoding: Encoding, caller: Caller, body: Body) -> Response {
        let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
            let limit = format!("request body is larger than {BODY_BYTES_MAX} bytes\n");
            return text(StatusCode::PAYLOAD_TOO_LARGE, limit);
        };
        let reply = match Request::decode(call, encoding, &body) {
            Ok(read) => {
                let (request, unknown_names) = (read.message, read.unknown_names);
                self.service
                    .call(Incoming {
                        caller,
                        request,
                        unknown_names,
                    })
                    .await
            }
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) => {
                let kind = HeaderValue::from_static(encoding.content_type());
                ([(header::CONTENT_TYPE, kind)], reply.encode(encoding)).into_response()
            }
            Err(error) => error.into_response(),
        }
    }

    /// The claims of the header's token, else of the query parameter's; none without a token.
    fn claims(&self, parts: &Parts) -> Result<Option<Claims>, TokenError> {
        let header = header_text(&parts.headers, &header::AUTHORIZATION);
        let token = match &header {
            Some(header) => Some(token::bearer(header)?),
            None => query_token(parts.uri.query().unwrap_or_default()),
        };
        token
            .map(|token| token::verify(&self.keys, token, (self.now_s)()))
            .transpose()
    }
}

/// A token needs no percent-encoding, so none is undone.
fn query_token(query: &str) -> Option<&str> {
    let mut values = query
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

/// LiveKit's limit in builds after 1.13.4.
pub const BODY_BYTES_MAX: usize = 10 << 20;
