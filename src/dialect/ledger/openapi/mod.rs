//! The OpenAPI document of our own API, made of what the router routes, what the readers read and
//! what is answered.
//!
//! Apart because it is a contract: `tests/golden/openapi.json` shows each change of it. It lists
//! nothing by itself, so that it cannot say what is not so.

mod assemble;
mod bodies;
mod errors;
mod operation;
mod table;

use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

pub(super) use operation::{Answer, Body, Operation};
pub(super) use table::{Listed, Table};

use crate::dialect::ledger::problem::Problem;

/// The document, made when it is first asked for.
#[derive(Clone)]
pub(super) struct Document {
    listed: Arc<Vec<Listed>>,
    made: Arc<OnceLock<Result<String, String>>>,
}

impl Document {
    pub(super) fn of(listed: Vec<Listed>) -> Self {
        Self {
            listed: Arc::new(listed),
            made: Arc::default(),
        }
    }
}

/// `GET /openapi.json`
pub(super) async fn document(Extension(document): Extension<Document>) -> Response {
    let made = document.made.get_or_init(|| {
        let whole = assemble::document(&document.listed)?;
        serde_json::to_string_pretty(&whole).map_err(|error| error.to_string())
    });
    match made {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (kind, text.clone()).into_response()
        }
        Err(problem) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "broken", problem.clone()).into_response()
        }
    }
}

pub(super) const DOCUMENT: Operation = Operation::open(
    "openapi",
    "This document.",
    Answer::of::<serde_json::Map<String, serde_json::Value>>(200),
);
