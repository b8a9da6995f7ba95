//! A body that others send piece by piece. Apart because a stream of events is made so, which ends
//! whenever its sender does; it knows nothing of what the pieces are.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc::Receiver;

/// The pieces of a body, as they come.
pub(super) struct Pieces(Receiver<Bytes>);

impl Pieces {
    /// All that comes.
    pub(super) const fn of(waiting: Receiver<Bytes>) -> Self {
        Self(waiting)
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|piece| piece.map(Ok))
    }
}
