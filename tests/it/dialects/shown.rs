//! Rooms as they are shown: by the model, by our own API at any position, and by the vendors, which
//! list the people inside. Apart because only here answers are read.

use proptest::prelude::*;
use roomledger::domain::Id;
use roomledger::store::Position;
use roomledger::testing::model::{Connection, View};
use serde_json::{Map, Value, json};

use super::vendors::DAILY;
use crate::crossing::bearer;
use crate::videosdk::support::{Server, application};

/// The people of the latest session, as the model has them.
pub(super) fn by_model(view: &View) -> Value {
    let mut people = Map::new();
    for one in view.room.connections.values() {
        let permission = &one.permission;
        let tracks = one.tracks.values().map(|track| {
            json!({"name": track.name, "source": track.source, "muted": track.muted,
                "type": track.kind})
        });
        let tracks: Vec<Value> = tracks.collect();
        let shown = json!({
            "sid": sid(one.id), "live": one.is_live(), "name": one.name,
            "metadata": one.metadata, "attributes": one.attributes, "tracks": tracks,
            "send": permission.send.enabled, "data": permission.data,
            "presence": permission.presence, "admin": permission.admin,
            "agent": permission.agent, "recorder": permission.recorder,
            "start": one.opened_at, "end": one.closed.as_ref().map(|closed| closed.at),
        });
        let all = people.entry(one.identity.as_str().to_owned());
        let all = all.or_insert_with(|| json!([])).as_array_mut().unwrap();
        all.push(shown);
    }
    for all in people.values_mut().filter_map(Value::as_array_mut) {
        all.sort_by_key(|one| one["sid"].to_string());
    }
    json!({"people": people, "metadata": view.metadata})
}

/// The same as `GET /api/v1/rooms/{room}` shows it.
pub(super) fn by_us(server: &Server, room: &str, at: Option<Position>) -> Value {
    let at = at.map_or_else(String::new, |at| format!("?at={at}"));
    let token = bearer(&json!({"ledger": {"audit": true}}));
    let shown = server.fine(&token, "GET", &format!("/api/v1/rooms/{room}{at}"), "");
    let mut people = Map::new();
    for person in shown["participants"].as_array().unwrap() {
        let connections = person["connections"].as_array().unwrap();
        let connections = connections.iter().map(|one| {
            let tracks = one["tracks"].as_array().unwrap().iter().map(|track| {
                json!({"name": track["name"], "source": track["source"],
                    "muted": track["muted"], "type": track["type"]})
            });
            let tracks: Vec<Value> = tracks.collect();
            let permission = &one["permission"];
            json!({
                "sid": one["sid"], "live": one["live"], "name": one["name"],
                "metadata": one["metadata"], "attributes": one["attributes"], "tracks": tracks,
                "send": permission["send"]["enabled"], "data": permission["data"],
                "presence": permission["presence"], "admin": permission["admin"],
                "agent": permission["agent"], "recorder": permission["recorder"],
                "start": one["start"], "end": one["end"],
            })
        });
        let mut connections: Vec<Value> = connections.collect();
        if connections.is_empty() {
            continue;
        }
        connections.sort_by_key(|one| one["sid"].to_string());
        let identity = person["identity"].as_str().unwrap().to_owned();
        people.insert(identity, Value::Array(connections));
    }
    json!({"people": people, "metadata": shown["metadata"]})
}

/// Who is inside, as one of the vendors lists it.
pub(super) fn by_vendor(
    server: &Server,
    room: &str,
    view: &View,
    chance: u8,
) -> Result<(), TestCaseError> {
    let live: Vec<&Connection> = view.room.live().map(|(_, one)| one).collect();
    match chance % 3 {
        0 if view.room.is_open() => by_livekit(server, room, &live),
        1 => by_daily(server, room, &active(&live)),
        2 => by_videosdk(server, view, &active(&live)),
        _ => Ok(()),
    }
}

fn by_livekit(server: &Server, room: &str, live: &[&Connection]) -> Result<(), TestCaseError> {
    let grants = bearer(&json!({"video": {"roomAdmin": true, "room": room}}));
    let path = "/twirp/livekit.RoomService/ListParticipants";
    let list = json!({ "room": room }).to_string();
    let listed = server.fine(&grants, "POST", path, &list);
    let found = texts(&listed["participants"], "sid");
    let sids = live.iter().map(|one| sid(one.id));
    prop_assert_eq!(found, sorted(sids), "LiveKit lists {}", listed);
    Ok(())
}

/// A room whose time is over is none to Daily.
fn by_daily(server: &Server, room: &str, active: &[&Connection]) -> Result<(), TestCaseError> {
    let path = format!("/daily/v1/rooms/{room}/presence");
    let (status, presence) = server.call_as(DAILY, "GET", &path, "");
    if status == 200 {
        let uuids = active.iter().map(|one| one.id.uuid().to_string());
        let found = texts(&presence["data"], "id");
        prop_assert_eq!(found, sorted(uuids), "Daily lists {}", presence);
    }
    Ok(())
}

fn by_videosdk(server: &Server, view: &View, active: &[&Connection]) -> Result<(), TestCaseError> {
    let Some(session) = view.room.session.as_ref().filter(|_| !active.is_empty()) else {
        return Ok(());
    };
    let session = session.id.object_id();
    let path = format!("/videosdk/v2/sessions/{session}/participants/active");
    let listed = server.fine(&application(), "GET", &path, "");
    let mut found = texts(&listed["data"][0]["participants"], "participantId");
    found.dedup();
    let names = active.iter().map(|one| one.identity.as_str().to_owned());
    let mut names = sorted(names);
    names.dedup();
    prop_assert_eq!(found, names, "VideoSDK lists {}", listed);
    Ok(())
}

/// Connections through which media may flow.
fn active<'a>(live: &[&'a Connection]) -> Vec<&'a Connection> {
    let active = live.iter().filter(|one| one.activated_at.is_some());
    active.copied().collect()
}

fn texts(list: &Value, member: &str) -> Vec<String> {
    let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
    sorted(
        all.iter()
            .map(|one| one[member].as_str().unwrap().to_owned()),
    )
}

fn sorted(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = all.collect();
    all.sort_unstable();
    all
}

fn sid(id: Id) -> String {
    format!("PA_{}", id.short())
}
