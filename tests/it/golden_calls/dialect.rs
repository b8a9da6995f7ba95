//! The dialects whose conversations are kept: their calls, and what tells their errors apart.
//! Apart because each answers in its own words; it never sends a request.

use std::fmt;

use roomledger::dialect::coverage::Answered;
use roomledger::dialect::{daily, livekit, videosdk};
use serde_json::Value;

/// A vendor's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    LiveKit,
    Daily,
    VideoSdk,
}

/// What an answer comes to, as far as a client or a reviewer tells answers apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outcome {
    /// The call, or `NO_CALL`.
    pub(crate) call: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The dialect's own word for the error; empty where it has none.
    pub(crate) code: String,
    /// The domain's word for the refusal on record.
    pub(crate) refused: Option<String>,
}

impl Outcome {
    /// What an answer to a call comes to; one that was not even routed is for none.
    pub(crate) fn new(
        call: &'static str,
        status: u16,
        code: String,
        refused: Option<String>,
    ) -> Self {
        let is_lost = code == "bad_route";
        Self {
            call: if is_lost { NO_CALL } else { call },
            status,
            code,
            refused,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.call, self.status, self.code)?;
        match &self.refused {
            Some(code) => write!(f, " (on record: {code})"),
            None => Ok(()),
        }
    }
}

impl Dialect {
    /// Its folder of conversations.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LiveKit => "livekit",
            Self::Daily => "daily",
            Self::VideoSdk => "videosdk",
        }
    }

    /// Every call, and how far it is answered.
    pub(crate) fn calls(self) -> Vec<(&'static str, Answered)> {
        match self {
            Self::LiveKit => livekit::twirp::calls::Call::ALL
                .iter()
                .map(|call| (call.name(), call.answered()))
                .collect(),
            Self::Daily => daily::call::Call::ALL
                .iter()
                .map(|call| (call.name(), call.answered()))
                .collect(),
            Self::VideoSdk => videosdk::call::Call::ALL
                .iter()
                .map(|call| (call.name(), call.answered()))
                .collect(),
        }
    }

    /// Every word of its list of errors.
    pub(crate) fn words(self) -> Vec<&'static str> {
        match self {
            Self::LiveKit => livekit::twirp::error::ErrorCode::ALL
                .iter()
                .map(|code| code.name())
                .collect(),
            Self::Daily => daily::error::Kind::ALL
                .iter()
                .map(|kind| kind.name())
                .collect(),
            Self::VideoSdk => videosdk::error::VendorCode::ALL
                .iter()
                .map(|code| code.number())
                .collect(),
        }
    }

    /// As [`Self::call`], of a whole request; `None` for HEAD as well, whose answers have no body.
    pub(crate) fn asked(self, request: &[u8]) -> Option<&'static str> {
        let first = request.split(|byte| *byte == b'\n').next()?;
        let (method, uri) = std::str::from_utf8(first).ok()?.split_once(' ')?;
        let path = uri.split('?').next().filter(|_| method != "HEAD")?;
        self.call(method, path)
    }

    /// The call that a request is for; `NO_CALL` where it has one of this dialect's paths and is
    /// for none, `None` where the path is another's.
    fn call(self, method: &str, path: &str) -> Option<&'static str> {
        Some(match self {
            Self::LiveKit => {
                path.strip_prefix("/twirp/")?;
                match livekit::twirp::route::route(method, path, "application/json") {
                    Ok(livekit::twirp::route::Route::Call(call, _)) => call.name(),
                    _ => NO_CALL,
                }
            }
            Self::Daily => match daily::call::route(method, path.strip_prefix("/daily/v1")?) {
                daily::call::Route::Call(call, _) => call.name(),
                _ => NO_CALL,
            },
            Self::VideoSdk => {
                let routed = videosdk::call::route(method, path.strip_prefix("/videosdk/")?);
                routed.map_or(NO_CALL, |routed| routed.call.name())
            }
        })
    }

    /// What its clients tell errors apart by.
    pub(crate) fn code(self, body: &str) -> String {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        match self {
            Self::LiveKit => text("code").to_owned(),
            Self::Daily => text("error").to_owned(),
            Self::VideoSdk if text("code") == text("type") => text("code").to_owned(),
            Self::VideoSdk => format!("{} {}", text("code"), text("type")),
        }
    }
}

/// Stands for the call of a request that is for none.
pub(crate) const NO_CALL: &str = "no call";
