//! Meetings, also those that are over: one for each session in which media flowed, with a row for
//! each connection. Apart from presence: these are folds of the log.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::dialect::daily::asked::{Answer, Asked};
use crate::dialect::daily::error::Error;
use crate::dialect::daily::page::Page;
use crate::dialect::daily::presence::{Participant, participants, seconds_between};
use crate::dialect::daily::state::Daily;
use crate::dialect::javascript;
use crate::dialect::written::{around, written};
use crate::domain::{Room, Timestamp};
use crate::replay::SessionEntry;

/// `GET /meetings`
///
/// # Errors
/// 400 that names what is wrong.
pub(super) async fn list(asked: &Asked) -> Result<Answer, Error> {
    let mut query = asked.query()?;
    let page = Page::read(&mut query)?;
    let room = query.filter("room")?;
    let start = query.parsed("timeframe_start", epoch_seconds)?;
    let end = query.parsed("timeframe_end", epoch_seconds)?;
    let ongoing = query.parsed("ongoing", str::parse::<bool>)?;
    let bare = query.parsed("no_participants", str::parse::<bool>)?;
    query.finish()?;
    let is_wanted = move |it: &SessionEntry| {
        it.active_at.is_some_and(|at| {
            room.as_ref().is_none_or(|room| it.room.as_str() == room)
                && start.is_none_or(|start| at.seconds() >= start)
                && end.is_none_or(|end| at.seconds() <= end)
                && ongoing.is_none_or(|ongoing| ongoing == it.ended.is_none())
        })
    };
    let found = asked.daily.catalogue.read(move |catalogue| {
        let newest_first: Vec<&SessionEntry> = catalogue.sessions().iter().rev().collect();
        let count = newest_first.iter().filter(|it| is_wanted(it)).count();
        let found = page.of(&newest_first, |it, id| is_named(it, id), |it| is_wanted(it))?;
        let found: Vec<SessionEntry> = found
            .into_iter()
            .map(|it| SessionEntry::clone(it))
            .collect();
        Ok::<_, Error>((count, found))
    });
    let (total_count, found) = found.await??;
    let daily = asked.daily.clone();
    let with_people = !bare.unwrap_or_default();
    let body = written(move |mut pen| async move {
        let whole = javascript::json(&json!({"total_count": total_count, "data": []}));
        let (begin, end) = around(&whole, "data");
        pen.write(begin).await;
        let mut is_first = true;
        for entry in found {
            let (head, room) = shown(&daily, entry, with_people).await?;
            let (head, tail) = around(&javascript::json(&head), "participants");
            pen.item(&mut is_first, head).await;
            if with_people {
                let now = daily.engine.now();
                let mut is_first = true;
                for row in rows(&room) {
                    let row = javascript::json(&row_of(&row, now));
                    pen.item(&mut is_first, row).await;
                }
            }
            pen.write(tail).await;
        }
        pen.write(end).await;
        Ok::<_, Error>(pen)
    });
    Ok(Answer::written(body.await?))
}

/// `GET /meetings/:id`
///
/// # Errors
/// 404 for an id of no meeting.
pub(super) async fn one(asked: &Asked) -> Result<Answer, Error> {
    asked.query()?.finish()?;
    let entry = found(asked).await?;
    let (meeting, _) = shown(&asked.daily, entry, false).await?;
    Ok(Answer::read(meeting))
}

/// `GET /meetings/:id/participants`
///
/// # Errors
/// 404 for an id of no meeting, 400 that names what is wrong.
pub(super) async fn people(asked: &Asked) -> Result<Answer, Error> {
    let mut query = asked.query()?;
    // Whoever joined before somebody stands behind them.
    let page = Page::read_as(&mut query, "joined_before", "joined_after")?;
    query.finish()?;
    let entry = found(asked).await?;
    let room = folded(&asked.daily, &entry).await?;
    let now = asked.daily.engine.now();
    let mut rows: Vec<Participant<'_>> = rows(&room).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.joined_at));
    let rows = page.of(&rows, |row, id| row.id() == id, |_| true)?;
    let data: Vec<Value> = rows.into_iter().map(|row| row_of(row, now)).collect();
    Ok(Answer::read(json!({"data": data})))
}

async fn found(asked: &Asked) -> Result<SessionEntry, Error> {
    let id = asked.named().to_owned();
    let found = asked.daily.catalogue.read(move |catalogue| {
        let found = catalogue.session(&id);
        found.filter(|it| it.active_at.is_some()).cloned()
    });
    let found = found.await?;
    found.ok_or_else(|| no_such_meeting(asked.named()))
}

fn no_such_meeting(id: &str) -> Error {
    Error::not_found(format!("there is no meeting {id:?}"))
}

/// The room as the session left it, or as it is.
async fn folded(daily: &Daily, entry: &SessionEntry) -> Result<Arc<Room>, Error> {
    let room = daily.catalogue.room_of(entry).await?;
    room.ok_or_else(|| no_such_meeting(&entry.id.uuid().to_string()))
}

fn rows(room: &Room) -> impl Iterator<Item = Participant<'_>> {
    let session = room.session.as_ref();
    session.into_iter().flat_map(|it| participants(room, it))
}

/// A meeting, with an empty list of its people where they are asked for, and its room.
async fn shown(
    daily: &Daily,
    entry: SessionEntry,
    with_people: bool,
) -> Result<(Value, Arc<Room>), Error> {
    let room = folded(daily, &entry).await?;
    let now = daily.engine.now();
    // Who was there at once takes a look at everybody.
    let shown = daily.engine.read(move |_| {
        let mut meeting = summary(&entry, &room, now);
        if let (true, Some(meeting)) = (with_people, meeting.as_object_mut()) {
            meeting.insert("participants".to_owned(), json!([]));
        }
        Ok((meeting, room))
    });
    Ok(shown.await?)
}

fn summary(entry: &SessionEntry, room: &Room, now: Timestamp) -> Value {
    let start = entry.active_at.unwrap_or(entry.opened_at);
    // A meeting is over when the last one leaves, a session when nobody came back for a while.
    let left: Option<Vec<Timestamp>> = rows(room).map(|row| row.left_at()).collect();
    let last_left = left.and_then(|left| left.into_iter().max());
    let ended = room.session.as_ref().and_then(|session| session.ended);
    let end = last_left.unwrap_or_else(|| ended.map_or(now, |ended| ended.at));
    json!({
        "id": entry.id.uuid().to_string(),
        "room": entry.room.as_str(),
        "start_time": start.seconds(),
        "duration": seconds_between(start, end),
        "ongoing": ended.is_none(),
        "max_participants": most_at_once(rows(room)),
    })
}

fn row_of(row: &Participant<'_>, now: Timestamp) -> Value {
    json!({
        "user_id": row.user_id(),
        "participant_id": row.id(),
        "user_name": row.user_name(),
        "join_time": row.joined_at.seconds(),
        "duration": seconds_between(row.joined_at, row.left_at().unwrap_or(now)),
    })
}

/// The largest number of connections at one moment; who comes as another goes takes their place.
fn most_at_once<'a>(rows: impl Iterator<Item = Participant<'a>>) -> u64 {
    let mut moments = Vec::new();
    for row in rows {
        moments.push((row.joined_at, 1_i64));
        moments.extend(row.left_at().map(|at| (at, -1)));
    }
    let most_ever = i64::from(!moments.is_empty());
    moments.sort_unstable();
    let (mut inside, mut most) = (0_i64, most_ever);
    for (_, change) in moments {
        inside = inside.saturating_add(change);
        most = most.max(inside);
    }
    u64::try_from(most).unwrap_or_default()
}

fn is_named(entry: &SessionEntry, id: &str) -> bool {
    entry.id.uuid().to_string() == id
}

fn epoch_seconds(text: &str) -> Result<i64, &'static str> {
    text.parse()
        .map_err(|_| "has to be a whole number of seconds since 1970")
}
