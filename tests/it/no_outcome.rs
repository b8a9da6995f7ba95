//! Where a call has no outcome, every API over HTTP says so alike, and says when to come again.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use roomledger::dialect::{daily, ledger, videosdk};
use roomledger::engine::EngineError;
use roomledger::store::{Position, StoreError};

#[test]
fn every_dialect_tells_it_alike() {
    let text = || "it broke".to_owned();
    let command = "join";
    let what = "commands";
    let of_engine = [
        (EngineError::Opening, 503, Some("1")),
        (EngineError::Closed, 503, Some("5")),
        (EngineError::Poisoned { cause: text() }, 503, None),
        (EngineError::Start { problem: text() }, 500, None),
    ];
    for (error, status, retry_after) in of_engine {
        check(&error, status, retry_after);
    }
    let waiting_max = 1;
    check(
        &EngineError::Overloaded { what, waiting_max },
        429,
        Some("1"),
    );
    let request_id = text();
    check(&EngineError::RequestIdReused { request_id }, 409, None);
    let room = text();
    check(&EngineError::Broken { command, room }, 500, None);

    let (path, problem) = (text(), text());
    let unmeasured = StoreError::Unmeasured { path, problem };
    check(&EngineError::Store(unmeasured), 503, Some("1"));
    let (path, free_bytes, reserve_bytes) = (text(), 1, 2);
    let full = StoreError::Full {
        path,
        free_bytes,
        reserve_bytes,
    };
    check(&EngineError::Store(full), 507, None);
    let (bytes, bytes_max) = (2, 1);
    let large = StoreError::TooLarge { bytes, bytes_max };
    check(&EngineError::Store(large), 413, None);
    let (position, problem) = (Position(1), text());
    let corrupt = StoreError::Corrupt { position, problem };
    check(&EngineError::Store(corrupt), 500, None);
}

#[track_caller]
fn check(error: &EngineError, status: u16, retry_after: Option<&str>) {
    let told: [(&str, Response); 3] = [
        (
            "daily",
            daily::error::Error::from(error.clone()).into_response(),
        ),
        (
            "videosdk",
            videosdk::error::ApiError::from(error.clone()).into_response(),
        ),
        (
            "ledger",
            ledger::Problem::from(error.clone()).into_response(),
        ),
    ];
    let wanted = (StatusCode::from_u16(status).unwrap(), retry_after);
    for (dialect, told) in told {
        let seconds = told.headers().get("retry-after");
        let seconds = seconds.map(|seconds| seconds.to_str().unwrap());
        assert_eq!((told.status(), seconds), wanted, "{dialect}: {error}");
    }
}
