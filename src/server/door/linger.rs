//! The end of a connection whose other side may still send. Apart because a close before it is done
//! takes the answer back: the system then resets the connection, and the client never reads why.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::AsyncWrite as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long and how much is read and dropped once all is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linger {
    /// In all.
    pub(super) longest: Duration,
    /// While nothing comes.
    pub(super) silence_max: Duration,
    /// Bytes that are dropped.
    pub(super) bytes_max: usize,
}

/// Says that nothing more will come, then reads and drops what the other side sends until it
/// closes, or until a bound is met.
pub(super) async fn linger(stream: &mut TcpStream, bounds: Linger) {
    let ended = poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context)).await;
    if ended.is_ok() {
        // Which bound it was makes no difference.
        let _ = timeout(bounds.longest, read_off(stream, bounds)).await;
    }
}

async fn read_off(stream: &TcpStream, bounds: Linger) {
    let mut dropped = vec![0; BUFFER_BYTES];
    let mut bytes: usize = 0;
    while bytes < bounds.bytes_max {
        let is_readable = timeout(bounds.silence_max, stream.readable()).await;
        if !matches!(is_readable, Ok(Ok(()))) {
            return;
        }
        match stream.try_read(&mut dropped) {
            Ok(0) => return,
            Ok(read) => bytes = bytes.saturating_add(read),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

const BUFFER_BYTES: usize = 16 * 1024;
