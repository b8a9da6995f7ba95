//! A body that is written while it is read. Apart because lists without an end in sight are made
//! so in every dialect; it knows nothing of what is written.
//!
//! The work runs inside of the body: it goes on when the reader has taken the last piece, and ends
//! with the reader. So an answer of any length takes the memory of one piece. What fits into one is
//! an ordinary body with its length. A failure after the first piece breaks the connection, since
//! the status is sent by then: a list that was cut off must not look whole.

use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use futures_core::Stream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::coop::consume_budget;

/// What the work writes with.
#[derive(Debug)]
pub struct Pen {
    piece: Vec<u8>,
    pieces: Sender<Bytes>,
}

impl Pen {
    /// Adds to the body; waits for the reader where a piece is full.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]> + Send) {
        self.piece.extend_from_slice(bytes.as_ref());
        if self.piece.len() >= PIECE_BYTES {
            self.hand_over().await;
        }
    }

    /// Adds bytes that are at hand without a copy of them: megabytes would keep others from this
    /// thread.
    pub async fn write_large(&mut self, bytes: Bytes) {
        if bytes.len() < PIECE_BYTES {
            return self.write(bytes).await;
        }
        if !self.piece.is_empty() {
            self.hand_over().await;
        }
        self.hand(bytes).await;
    }

    /// Adds a member of a list: a comma before all but the first.
    pub async fn item(&mut self, is_first: &mut bool, bytes: impl AsRef<[u8]> + Send) {
        if !std::mem::replace(is_first, false) {
            self.piece.push(b',');
        }
        self.write(bytes).await;
    }

    /// Lets others go on from time to time: for work that looks at much and writes little.
    pub async fn pause(&self) {
        consume_budget().await;
    }

    async fn hand_over(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.hand(piece.into()).await;
    }

    async fn hand(&self, piece: Bytes) {
        // The receiver lives as long as the work does, which is inside of it.
        if self.pieces.send(piece).await.is_ok() {
            let _taken = self.pieces.reserve().await;
        }
    }
}

/// The body that `work` writes, once its first piece is there.
///
/// # Errors
/// As `work`, where it fails before the first piece is full. A later failure is the body's.
pub async fn written<E, W>(work: impl FnOnce(Pen) -> W) -> Result<Body, E>
where
    E: Display + Send + 'static,
    W: Future<Output = Result<Pen, E>> + Send + 'static,
{
    let (pieces, waiting) = channel(1);
    let pen = Pen {
        piece: Vec::new(),
        pieces,
    };
    let mut written = Written {
        work: Some(Box::pin(work(pen))),
        waiting,
    };
    let first = poll_fn(|context| written.poll_piece(context)).await;
    match first.transpose()? {
        None => Ok(Body::empty()),
        Some(piece) if written.work.is_none() => Ok(piece.into()),
        Some(piece) => Ok(Body::from_stream(Begun {
            first: Some(piece),
            written,
        })),
    }
}

/// Both parts of a JSON text around its empty list of that name: the members go between.
pub fn around(whole: &str, name: &str) -> (String, String) {
    // Within a string, the quotes of such a text would be escaped.
    let list = format!("\"{name}\":[");
    match whole.split_once(&format!("{list}]")) {
        Some((before, after)) => (format!("{before}{list}"), format!("]{after}")),
        None => (whole.to_owned(), String::new()),
    }
}

/// Work, and the piece that it wrote last.
struct Written<E> {
    work: Option<Work<E>>,
    waiting: Receiver<Bytes>,
}

type Work<E> = Pin<Box<dyn Future<Output = Result<Pen, E>> + Send>>;

impl<E> Written<E> {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, E>>> {
        let Some(work) = &mut self.work else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(Some(piece)) = self.waiting.poll_recv(context) {
            return Poll::Ready(Some(Ok(piece)));
        }
        match work.as_mut().poll(context) {
            Poll::Ready(ended) => {
                self.work = None;
                let rest = ended.map(|pen| Bytes::from(pen.piece));
                let is_all = rest.as_ref().is_ok_and(Bytes::is_empty);
                Poll::Ready((!is_all).then_some(rest))
            }
            Poll::Pending => match self.waiting.poll_recv(context) {
                Poll::Ready(Some(piece)) => Poll::Ready(Some(Ok(piece))),
                // The pen is the work's: there is no end before that of the work.
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
        }
    }
}

/// A body whose first piece is made.
struct Begun<E> {
    first: Option<Bytes>,
    written: Written<E>,
}

impl<E: Display> Stream for Begun<E> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let piece = std::task::ready!(self.written.poll_piece(context));
        Poll::Ready(piece.map(|piece| {
            piece.map_err(|error| {
                tracing::warn!(%error, "an answer broke off");
                io::Error::other("the answer broke off")
            })
        }))
    }
}

/// A piece ends after what makes it so long: a fraction of a millisecond's work.
pub const PIECE_BYTES: usize = 64 * 1024;
