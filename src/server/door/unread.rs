//! Bodies that nobody read to their end. Apart because an answer that comes before has to say that
//! the connection ends with it, and only what is left of the body tells.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// The body of a request, which comes back when its reader lets go of it before its end.
pub(super) struct Lent {
    body: Option<Incoming>,
    home: Home,
}

/// Where a body comes back to.
#[derive(Clone, Default)]
pub(super) struct Home(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    /// Its reader has it.
    #[default]
    Away,
    /// Its reader let go of it before its end.
    Left(Incoming),
    /// All of it was read, or it broke.
    Ended,
}

impl Lent {
    pub(super) fn new(body: Incoming) -> (Self, Home) {
        let home = Home::default();
        let lent = Self {
            body: Some(body),
            home: home.clone(),
        };
        (lent, home)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let state = match self.body.take() {
            Some(body) if !body.is_end_stream() => State::Left(body),
            Some(_) | None => State::Ended,
        };
        self.home.set(state);
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(HttpBody::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl Home {
    /// Whether all of the body is read. What is left of a small one is read off if it is at hand,
    /// so that the connection can go on; nobody waits for the rest.
    pub(super) async fn is_read_off(&self, headers: &HeaderMap) -> bool {
        match self.take() {
            State::Ended => true,
            State::Away => false,
            // It waits for leave to send, which reading it would give.
            State::Left(_) if headers.contains_key(header::EXPECT) => false,
            State::Left(body) if body.size_hint().lower() > READ_OFF_BYTES_MAX => false,
            State::Left(body) => {
                let ended = timeout(READ_OFF_MAX, read_off(body)).await;
                ended.unwrap_or(false)
            }
        }
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn take(&self) -> State {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *state)
    }
}

/// Reads and drops a body, and says whether its end came.
async fn read_off(mut body: Incoming) -> bool {
    let mut bytes: u64 = 0;
    while bytes <= READ_OFF_BYTES_MAX {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        match frame {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            }
        }
    }
    false
}

/// As much as Go's server reads before it keeps a connection.
const READ_OFF_BYTES_MAX: u64 = 256 * 1024;

/// For what is on its way between two buffers.
const READ_OFF_MAX: Duration = Duration::from_millis(10);
