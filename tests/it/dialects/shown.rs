//! Rooms as they are shown: by the model, by our own API at any position, and by the vendors, which
//! list the people inside. Apart because only here answers are read.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roomledger::domain::{Allowed, Id, Identity, ParticipantNumber, Permission};
use roomledger::store::Position;
use roomledger::testing::comparison::View;
use roomledger::testing::facts::{Connection, Room};
use serde_json::{Map, Value, json};

use super::vendors::DAILY;
use crate::crossing::bearer;
use crate::videosdk::support::{Server, application};

/// The room as the model has it, in the words of our own API.
pub(super) fn by_model(view: &View) -> Value {
    let room = &view.room;
    let mut people = BTreeMap::<&str, Vec<Value>>::new();
    for one in room.connections.values() {
        let tracks = one.tracks.values().map(|track| {
            json!({"name": track.name, "source": track.source, "muted": track.muted,
                "type": track.kind, "start": track.published_at})
        });
        let tracks: Vec<Value> = tracks.collect();
        let closed = one.closed.as_ref();
        let shown = json!({
            "sid": sid(one.id), "live": one.is_live(), "kind": one.kind, "name": one.name,
            "metadata": one.metadata, "attributes": one.attributes, "tracks": tracks,
            "permission": rights(room, &one.permission), "reporter": one.reporter,
            "start": one.opened_at, "end": closed.map(|it| it.at),
            "cause": closed.map(|it| it.cause), "confirmed": closed.map(|it| it.confirmed),
            "eject_at": one.eject_at, "activated_at": one.activated_at,
            "subscriptions": one.subscriptions.len(),
        });
        people.entry(one.identity.as_str()).or_default().push(shown);
    }
    let session = room.session.as_ref();
    let data = session.and_then(|it| it.data.as_deref());
    let data = data.map(|text| serde_json::from_str::<Value>(text).unwrap());
    let known = room.people.iter();
    let banned = known.clone().filter(|(_, it)| it.ban == Some(None));
    let revoked = known.filter_map(|(identity, it)| Some((Some(identity), it.revoked?)));
    let revoked = revoked.chain(room.revoked_all.map(|before| (None, before)));
    let revoked = revoked.map(|(identity, before)| json!([identity.map(Identity::as_str), before]));
    json!({
        "people": people.into_iter().map(|(who, all)| (who, listed(all))).collect::<Value>(),
        "metadata": view.metadata, "generation": room.generation,
        "counts": {"participants": view.participants, "publishers": view.publishers,
            "connections": room.live().count()},
        "session": {"start": session.map(|it| it.opened_at), "by": session.map(|it| it.by),
            "end": session.and_then(|it| it.ended), "data": data},
        "bans": listed(banned.map(|(identity, _)| json!(identity.as_str())).collect()),
        "revocations": listed(revoked.collect()),
    })
}

/// The same as `GET /api/v1/rooms/{room}` shows it. A ban with an end stands by the time of the
/// reader, so that bans for good alone are compared here.
pub(super) fn by_us(server: &Server, room: &str, at: Option<Position>) -> Value {
    let at = at.map_or_else(String::new, |at| format!("?at={at}"));
    let token = bearer(&json!({"ledger": {"audit": true}}));
    let shown = server.fine(&token, "GET", &format!("/api/v1/rooms/{room}{at}"), "");
    let mut people = Map::new();
    for person in shown["participants"].as_array().unwrap() {
        let connections = person["connections"].as_array().unwrap();
        let stints = |list: &Value| -> Vec<Value> {
            let stints = list.as_array().unwrap().iter();
            stints.map(|it| json!([it["start"], it["end"]])).collect()
        };
        let timelog = listed(stints(&person["timelog"]));
        assert_eq!(timelog, listed(stints(&person["connections"])), "{person}");
        let connections = connections.iter().map(|one| {
            let tracks = one["tracks"].as_array().unwrap().iter();
            let tracks =
                tracks.map(|track| picked(track, &["name", "source", "muted", "type", "start"]));
            let tracks: Vec<Value> = tracks.collect();
            let mut shown = picked(one, &CONNECTION);
            shown["tracks"] = json!(tracks);
            shown["permission"] = rights_shown(&one["permission"]);
            shown["cause"] = one["closed"]["cause"].clone();
            shown["confirmed"] = one["closed"]["confirmed"].clone();
            shown["subscriptions"] = json!(one["subscriptions"].as_array().unwrap().len());
            shown
        });
        let connections: Vec<Value> = connections.collect();
        if !connections.is_empty() {
            let identity = person["identity"].as_str().unwrap().to_owned();
            people.insert(identity, listed(connections));
        }
    }
    let all = |list: &str| shown[list].as_array().unwrap().clone().into_iter();
    let banned = all("bans").filter(|ban| ban["until"].is_null());
    let revoked = all("revocations").map(|it| json!([it["identity"], it["before"]]));
    let ended = [&shown["session_end"], &shown["session_end_reason"]];
    json!({
        "people": people, "metadata": shown["metadata"], "generation": shown["generation"],
        "counts": shown["counts"],
        "session": {"start": shown["session_start"], "by": shown["session_by"],
            "end": if ended[0].is_null() { Value::Null } else { json!(ended) },
            "data": shown["session_data"]},
        "bans": listed(banned.map(|ban| ban["identity"].clone()).collect()),
        "revocations": listed(revoked.collect()),
    })
}

/// A permission with people by identity, and connections without their names.
fn rights(room: &Room, permission: &Permission) -> Value {
    let mut shown = json!(permission);
    let receive = &permission.receive;
    let people = room.people.iter().filter_map(|(identity, person)| {
        let rule = receive
            .by_participant
            .get(&ParticipantNumber(person.number))?;
        Some((identity.as_str(), said(&json!(rule))))
    });
    let connections = receive
        .by_connection
        .values()
        .map(|rule| said(&json!(rule)));
    shown["receive"] = json!({"base": said(&json!(receive.base)),
        "by_participant": people.collect::<Value>(),
        "by_connection": listed(connections.collect())});
    shown["send"]["allowed"] = match &permission.send.allowed {
        Allowed::All => json!("all"),
        Allowed::Listed(sources) => json!(sources),
    };
    shown
}

fn rights_shown(permission: &Value) -> Value {
    let mut shown = permission.clone();
    let receive = &permission["receive"];
    let rules = |map: &str| receive[map].as_object().unwrap().iter();
    let people = rules("by_participant").map(|(who, rule)| (who.clone(), said(rule)));
    let connections = rules("by_connection").map(|(_, rule)| said(rule));
    shown["receive"] = json!({"base": said(&receive["base"]),
        "by_participant": people.collect::<Value>(),
        "by_connection": listed(connections.collect())});
    shown
}

/// What a rule says, without what it leaves open.
fn said(rule: &Value) -> Value {
    let all = rule.as_object().unwrap().iter();
    let said = all.filter(|(_, value)| !value.is_null());
    said.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn picked(from: &Value, members: &[&str]) -> Value {
    let members = members
        .iter()
        .map(|name| ((*name).to_owned(), from[*name].clone()));
    members.collect()
}

/// A list whose order says nothing.
fn listed(mut all: Vec<Value>) -> Value {
    all.sort_by_key(ToString::to_string);
    Value::Array(all)
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
        0 if view.room.open().is_some() => by_livekit(server, room, &live),
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

/// What a connection is compared by as it is shown.
const CONNECTION: [&str; 11] = [
    "sid",
    "live",
    "kind",
    "name",
    "metadata",
    "attributes",
    "reporter",
    "start",
    "end",
    "eject_at",
    "activated_at",
];
