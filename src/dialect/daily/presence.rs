//! Who is in a meeting now. Apart from meetings that are over: this is read from memory, and knows
//! no history.

use serde_json::{Value, json};

use crate::dialect::daily::asked::{Answer, Asked};
use crate::dialect::daily::error::Error;
use crate::dialect::daily::rooms::is_there;
use crate::dialect::javascript;
use crate::dialect::written::{around, written};
use crate::domain::state::{Connection, Session};
use crate::domain::{Room, Timestamp};

/// `GET /presence`
///
/// # Errors
/// 400 for a parameter: it takes none.
pub(super) async fn everywhere(asked: &Asked) -> Result<Answer, Error> {
    asked.query()?.finish()?;
    let now = asked.daily.engine.now();
    let rooms = asked.daily.engine.live_rooms_after(None);
    let body = written(move |mut pen| async move {
        pen.write("{").await;
        let mut is_first_room = true;
        for room in rooms {
            let mut people = present(&room).peekable();
            if people.peek().is_none() {
                pen.pause().await;
                continue;
            }
            let name = javascript::json(&room.name.as_str().into());
            pen.item(&mut is_first_room, format!("{name}:[")).await;
            let mut is_first = true;
            for it in people {
                let shown = javascript::json(&it.shown(now));
                pen.item(&mut is_first, shown).await;
            }
            pen.write("]").await;
        }
        pen.write("}").await;
        Ok::<_, Error>(pen)
    });
    Ok(Answer::written(body.await?))
}

/// `GET /rooms/:name/presence`
///
/// # Errors
/// 404 without the room, 400 that names what is wrong.
pub(super) async fn in_room(asked: &Asked) -> Result<Answer, Error> {
    let name = asked.room()?;
    let mut query = asked.query()?;
    let limit = query.parsed("limit", at_least_one)?;
    let user_id = query.filter("userId")?;
    let user_name = query.filter("userName")?;
    query.finish()?;
    let room = asked.daily.engine.room(&name).await?;
    let now = asked.daily.engine.now();
    let room = room.filter(|room| is_there(room, now) || room.open_session().is_some());
    let room = room.ok_or_else(|| Error::not_found(format!("there is no room named {name}")))?;
    let wanted =
        |wanted: &Option<String>, shown: Option<String>| wanted.is_none() || *wanted == shown;
    let is_wanted = move |it: &Participant<'_>| {
        wanted(&user_id, it.user_id()) && wanted(&user_name, it.user_name())
    };
    let body = written(move |mut pen| async move {
        let mut total_count = 0_u64;
        for it in present(&room) {
            total_count += u64::from(is_wanted(&it));
            pen.pause().await;
        }
        let whole = javascript::json(&json!({"total_count": total_count, "data": []}));
        let (begin, end) = around(&whole, "data");
        pen.write(begin).await;
        let mut is_first = true;
        let people = present(&room).filter(is_wanted);
        for it in people.take(limit.unwrap_or(usize::MAX)) {
            let shown = javascript::json(&it.shown(now));
            pen.item(&mut is_first, shown).await;
        }
        pen.write(end).await;
        Ok::<_, Error>(pen)
    });
    Ok(Answer::written(body.await?))
}

/// Somebody in a meeting: one connection, from when its media flowed.
#[derive(Clone, Copy)]
pub(super) struct Participant<'a> {
    room: &'a Room,
    session: &'a Session,
    connection: &'a Connection,
    /// When media first flowed, which is when somebody joins to Daily.
    pub(super) joined_at: Timestamp,
}

/// Everybody who joined a session, oldest first; those who are gone too.
pub(super) fn participants<'a>(
    room: &'a Room,
    session: &'a Session,
) -> impl Iterator<Item = Participant<'a>> {
    let connections = session.connections.iter();
    connections.filter_map(|connection| Participant::of(room, session, connection))
}

fn present(room: &Room) -> impl Iterator<Item = Participant<'_>> {
    let session = room.open_session().into_iter();
    session.flat_map(|session| {
        let live = session.live();
        live.filter_map(|connection| Participant::of(room, session, connection))
    })
}

impl<'a> Participant<'a> {
    fn of(room: &'a Room, session: &'a Session, connection: &'a Connection) -> Option<Self> {
        Some(Self {
            room,
            session,
            connection,
            joined_at: connection.activated_at?,
        })
    }

    /// The connection's own id, new at every join.
    pub(super) fn id(&self) -> String {
        self.connection.id.uuid().to_string()
    }

    /// Who; none where the join said none, and the connection's own id stands for it.
    pub(super) fn user_id(&self) -> Option<String> {
        let person = self.room.person(self.connection.participant)?;
        let identity = person.identity.as_str();
        (identity != self.id()).then(|| identity.to_owned())
    }

    /// The name shown, if there is one.
    pub(super) fn user_name(&self) -> Option<String> {
        let name = &self.connection.name.value;
        (!name.is_empty()).then(|| name.to_string())
    }

    /// When they left, if they did.
    pub(super) fn left_at(&self) -> Option<Timestamp> {
        self.connection.closed.as_ref().map(|closed| closed.at)
    }

    fn shown(&self, now: Timestamp) -> Value {
        json!({
            "room": self.room.name.as_str(),
            "id": self.id(),
            "userId": self.user_id(),
            "userName": self.user_name(),
            "mtgSessionId": self.session.id.uuid().to_string(),
            "joinTime": javascript::iso(self.joined_at),
            "duration": seconds_between(self.joined_at, now),
        })
    }
}

/// Whole seconds, and none where the clock went back.
pub(super) fn seconds_between(start: Timestamp, end: Timestamp) -> i64 {
    let micros = end.micros().saturating_sub(start.micros());
    Timestamp::from_micros(micros.max(0)).seconds()
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    match text.parse() {
        Ok(limit @ 1..) => Ok(limit),
        Ok(_) | Err(_) => Err("has to be a number from 1 on"),
    }
}
