//! Server-Sent Events, as a reader of lines: text in, messages out. Apart from the connection, so
//! that cuts in every place can be tested. Never connects.

use std::io::{self, BufRead, Read};

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The resume token to send as `Last-Event-ID`.
    pub id: Option<String>,
    /// The kind of the event.
    pub event: String,
    /// The event, as JSON text.
    pub data: String,
}

/// The messages of a stream.
pub struct Messages<R> {
    lines: R,
}

impl<R: BufRead> Messages<R> {
    /// Reads messages from here on.
    pub fn new(lines: R) -> Self {
        Messages { lines }
    }

    /// The next message, or none when the stream ends; one that was cut off is no message.
    ///
    /// # Errors
    /// Those of the reader; `InvalidData` for text that is not UTF-8 or a line without end.
    pub fn next_message(&mut self) -> io::Result<Option<Message>> {
        let mut message = Message::default();
        let mut data: Vec<String> = Vec::new();
        while let Some(line) = self.line()? {
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() && !data.is_empty() => {
                    message.data = data.join("\n");
                    return Ok(Some(message));
                }
                "id" => message.id = Some(value.to_owned()),
                "event" => value.clone_into(&mut message.event),
                "data" => data.push(value.to_owned()),
                // A comment keeps the connection warm; fields that we do not know are skipped.
                _ => {}
            }
        }
        Ok(None)
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        let mut bounded = self.lines.by_ref().take(LINE_BYTES_MAX);
        bounded.read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            let too_long = bounded.limit() == 0;
            return if too_long {
                Err(io::Error::from(io::ErrorKind::InvalidData))
            } else {
                Ok(None)
            };
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        match String::from_utf8(bytes) {
            Ok(line) => Ok(Some(line)),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }
}

/// No event comes near it: the largest part of one, metadata, is limited to 512 KiB, and JSON
/// makes at most six bytes of one.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
