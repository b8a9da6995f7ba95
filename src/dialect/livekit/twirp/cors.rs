//! Cross-origin requests, as LiveKit answers them: every origin may call, because a token is needed
//! anyway and no cookie is ever read. Apart from the calls; it never refuses.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// The answer to a preflight, if the request is one.
pub fn preflight(parts: &Parts) -> Option<Response> {
    let asked = &parts.headers;
    let method = asked
        .get(ACCESS_CONTROL_REQUEST_METHOD)
        .filter(|_| parts.method == Method::OPTIONS)?;
    let mut headers = HeaderMap::from_iter([(VARY, HeaderValue::from_static(PREFLIGHT_VARY))]);
    if let Some(origin) = asked.get(ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }
    Some((StatusCode::NO_CONTENT, headers).into_response())
}

/// Marks any other answer.
pub fn mark(asked: &HeaderMap, answered: &mut HeaderMap) {
    answered.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = asked.get(ORIGIN) {
        answered.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answered.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
}

const PREFLIGHT_VARY: &str =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
