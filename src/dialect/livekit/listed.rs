//! LiveKit's lists, which have no pages: written as they are made. Apart because a list may be
//! longer than memory; the bytes are those of the whole answer.

use std::convert::Infallible;
use std::fmt;

use axum::body::Body;

use crate::dialect::livekit::proto::models::{ParticipantInfo, Room};
use crate::dialect::livekit::proto::service::{ListParticipantsResponse, ListRoomsResponse};
use crate::dialect::livekit::twirp::calls::{Encoding, Reply};
use crate::dialect::written::written;

/// An answer that is one list.
pub struct Listed {
    empty: Reply,
    /// Answers of one member each.
    members: Box<dyn Iterator<Item = Reply> + Send>,
}

impl Listed {
    /// The answer to `ListRooms`.
    pub fn rooms(rooms: impl Iterator<Item = Room> + Send + 'static) -> Self {
        let of = |rooms| Reply::ListRooms(ListRoomsResponse { rooms });
        Self {
            empty: of(Vec::new()),
            members: Box::new(rooms.map(move |room| of(vec![room]))),
        }
    }

    /// The answer to `ListParticipants`.
    pub fn participants(all: impl Iterator<Item = ParticipantInfo> + Send + 'static) -> Self {
        let of = |participants| Reply::ListParticipants(ListParticipantsResponse { participants });
        Self {
            empty: of(Vec::new()),
            members: Box::new(all.map(move |one| of(vec![one]))),
        }
    }

    /// The body, which asks for members as it is read.
    pub async fn body(self, encoding: Encoding) -> Body {
        let Self { empty, members } = self;
        let empty = empty.encode(encoding);
        // In JSON the brackets of the empty list; in protobuf nothing, since lists are joined.
        let end = match encoding {
            Encoding::Json => JSON_END.len().min(empty.len()),
            Encoding::Protobuf => 0,
        };
        let begin = empty.len().saturating_sub(end);
        let body = written(|mut pen| async move {
            pen.write(empty.get(..begin).unwrap_or_default()).await;
            let mut is_first = true;
            for member in members {
                let whole = member.encode(encoding);
                let inside = begin..whole.len().saturating_sub(end);
                let inside = whole.get(inside).unwrap_or_default();
                match encoding {
                    Encoding::Json => pen.item(&mut is_first, inside).await,
                    Encoding::Protobuf => pen.write(inside).await,
                }
            }
            pen.write(empty.get(begin..).unwrap_or_default()).await;
            Ok::<_, Infallible>(pen)
        });
        let Ok(body) = body.await;
        body
    }
}

impl fmt::Debug for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.empty.call().name();
        f.debug_tuple("Listed").field(&call).finish()
    }
}

/// What follows the last member.
const JSON_END: &str = "]}";
