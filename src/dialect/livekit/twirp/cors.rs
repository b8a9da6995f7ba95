//! Cross-origin requests, as LiveKit answers them: every origin may call, because a token is needed
//! anyway and no cookie is ever read; or only those that the operator names. Apart from the calls;
//! it never refuses: a browser keeps an unmarked answer from the page that asked.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// Whose pages may read answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Everybody's, as the real server has it.
    #[default]
    Any,
    /// Those of these origins, as browsers spell them: nobody's, if there are none.
    Only(Vec<String>),
}

impl Origins {
    /// Reads what an operator lists: `*` or `none` alone, or origins; nothing is `*`.
    ///
    /// # Errors
    /// What is wrong, and how an origin looks.
    pub fn parse(listed: &[String]) -> Result<Self, String> {
        match listed {
            [] => Ok(Self::Any),
            [one] if one == "*" => Ok(Self::Any),
            [one] if one == "none" => Ok(Self::Only(Vec::new())),
            _ => match listed.iter().find(|one| !is_origin(one)) {
                None => Ok(Self::Only(listed.to_vec())),
                Some(one) => Err(format!(
                    "{one:?} is no origin: give scheme, host and port as a browser sends them, \
                     such as https://app.example or http://localhost:3000; or * or none alone"
                )),
            },
        }
    }

    fn admit(&self, origin: &HeaderValue) -> bool {
        match self {
            Self::Any => true,
            Self::Only(named) => named.iter().any(|one| one.as_bytes() == origin.as_bytes()),
        }
    }

    /// The origin of a request, if its page may read the answer.
    fn of<'a>(&self, asked: &'a HeaderMap) -> Option<&'a HeaderValue> {
        asked.get(ORIGIN).filter(|origin| self.admit(origin))
    }
}

/// The answer to a preflight, if the request is one.
pub fn preflight(origins: &Origins, parts: &Parts) -> Option<Response> {
    let asked = &parts.headers;
    let method = asked
        .get(ACCESS_CONTROL_REQUEST_METHOD)
        .filter(|_| parts.method == Method::OPTIONS)?;
    let mut headers = HeaderMap::from_iter([(VARY, HeaderValue::from_static(PREFLIGHT_VARY))]);
    if let Some(origin) = origins.of(asked) {
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
pub fn mark(origins: &Origins, asked: &HeaderMap, answered: &mut HeaderMap) {
    answered.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origins.of(asked) {
        answered.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answered.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
}

/// Whether a browser could send this: a scheme and a host, in lower case, and no path.
fn is_origin(text: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_graphic() && !it.is_ascii_uppercase();
    text.split_once("://").is_some_and(|(scheme, host)| {
        let is_whole = !scheme.is_empty() && !host.is_empty();
        is_whole && text.chars().all(is_plain) && !host.contains(['/', '?', '#', '@', '*'])
    })
}

const PREFLIGHT_VARY: &str =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
