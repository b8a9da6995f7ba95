//! A body that is sent piece by piece, while it is made. Apart because streams, batches and lists
//! are written so; it knows nothing of what the pieces are.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc::Receiver;

/// The pieces of a body, as they come.
pub(super) struct Pieces {
    first: Option<Bytes>,
    waiting: Receiver<Bytes>,
}

impl Pieces {
    /// All that comes.
    pub(super) const fn of(waiting: Receiver<Bytes>) -> Self {
        let first = None;
        Self { first, waiting }
    }

    /// The same, once the first has come.
    pub(super) async fn begun(mut waiting: Receiver<Bytes>) -> Self {
        let first = waiting.recv().await;
        Self { first, waiting }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        self.waiting.poll_recv(context).map(|piece| piece.map(Ok))
    }
}
