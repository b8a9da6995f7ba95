//! The calls that came through this dialect, as the log knows them. Apart from the events that they
//! made, which our own API shows; it keeps no request, so it tells none.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::dialect::daily::asked::{Answer, Asked, DIALECT};
use crate::dialect::daily::error::{Error, kind_of};
use crate::dialect::daily::rooms::DOMAIN_ID;
use crate::dialect::javascript;
use crate::domain::{Code, Event};
use crate::store::{Position, Record};

/// `GET /logs/api`
///
/// # Errors
/// 400 that names what is wrong.
pub(super) async fn list(asked: &Asked) -> Result<Answer, Error> {
    todo!()
}
