//! How much is taken in of a request's body, and its members by name. Apart because VideoSDK's own
//! samples send JSON under any content type or none, forms, and nothing at all; it never takes
//! what it cannot read for nothing.

use serde_json::{Map, Value};

use crate::dialect::json;
use crate::dialect::urlencoded;
use crate::dialect::videosdk::error::ApiError;

/// The members of a body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Reads a body as JSON, whatever it is called, else as a form if it is called one; nothing at
    /// all has no members.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(super) fn parse(kind: &str, body: &[u8]) -> Result<Self, ApiError> {
        let body = body.trim_ascii();
        if body.is_empty() {
            return Ok(Self::default());
        }
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let is_form = kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        if is_form && !body.starts_with(b"{") {
            let pairs = std::str::from_utf8(body).ok().and_then(urlencoded::pairs);
            let pairs = pairs.ok_or_else(|| ApiError::invalid("the form is unreadable"))?;
            let text = |(name, value)| (name, Value::String(value));
            return Ok(Self(pairs.into_iter().map(text).collect()));
        }
        match json::value(body) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            Ok(_) => Err(ApiError::invalid("the body has to be a JSON object")),
            Err(error) => Err(ApiError::invalid(format!("the body is no JSON: {error}"))),
        }
    }

    /// A member that is text; `null` and empty are absent.
    ///
    /// # Errors
    /// 400 for any other type.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(ApiError::invalid(format!("{name} has to be a string"))),
        }
    }

    /// A member that is true or false, as JSON or as text; absent is false.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(on)) => Ok(*on),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(_) => Err(ApiError::invalid(format!("{name} has to be true or false"))),
        }
    }

    /// A member as it is; `null` is absent.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

/// No call takes more than a few settings of a room.
pub const BODY_BYTES_MAX: usize = 1 << 20;
