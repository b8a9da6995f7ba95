//! The webhooks that the recorded calls came to, against those that our log comes to: kind, order
//! in each room, fields, types and values.

use std::collections::BTreeMap;

use roomledger::engine::Engine;
use serde_json::{Value, json};

use super::comparison::{Ids, plain};
use crate::told::Teller;

/// Rooms whose creation we refuse, and so tell nothing of, by the line of the webhooks: names that
/// are empty or hold control characters (lines 14 and 21), and a call that answers an error and
/// makes the room all the same (line 25).
const REFUSED: &[(u64, &[&str])] = &[(56, &["", "tab\there\u{0}nul", "eg"])];

/// What we tell besides, by line, room and kind: our Move really moves (line 438), and the test
/// brings bob back; the room that he was moved to ends by its timer.
const BESIDES: &[(u64, &str, &[&str])] = &[
    (444, "town", &["participant_left", "participant_joined"]),
    (
        444,
        "city",
        &["room_started", "participant_joined", "participant_left"],
    ),
    (472, "city", &["room_finished"]),
];

/// What a log has come to so far.
#[derive(Default)]
pub(crate) struct Hooks(Teller);

impl Hooks {
    /// Compares what the log came to since the last time with a recorded step.
    pub(crate) fn compare(&mut self, engine: &Engine, step: &Value, ids: &mut Ids) {
        let n = step["n"].as_u64().unwrap();
        let is_day = step["scenario"] != "remote-unmute-enabled";
        let told = self.0.told(&**engine.store());
        let bodies = told
            .iter()
            .map(|(_, body)| serde_json::from_str(body).unwrap());
        let told = by_room(bodies.collect());
        let recorded = step["events"].as_array().unwrap();
        for event in recorded {
            assert_eq!(event["content_type"], CONTENT_TYPE, "line {n}");
        }
        let mut want = by_room(recorded.iter().map(|event| event["body"].clone()).collect());
        let refused = REFUSED.iter().filter(|(line, _)| is_day && *line == n);
        for room in refused.flat_map(|(_, rooms)| *rooms) {
            assert!(want.remove(*room).is_some(), "line {n}: {room:?}");
        }
        for (room, got) in &told {
            let besides = BESIDES
                .iter()
                .find(|besides| is_day && (besides.0, besides.1) == (n, room));
            if let Some((_, _, kinds)) = besides {
                assert!(!want.contains_key(room), "line {n}: {room}");
                assert_eq!(kinds_of(got), *kinds, "line {n}: {room}");
                continue;
            }
            let want = want.remove(room).unwrap_or_default();
            assert_eq!(kinds_of(got), kinds_of(&want), "line {n}: {room}");
            for (got, want) in got.iter().zip(&want) {
                compare(got, want, ids, &format!("line {n}: {want}"));
            }
        }
        assert_eq!(
            want.keys().collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "line {n}"
        );
    }
}

fn compare(got: &Value, want: &Value, ids: &mut Ids, at: &str) {
    for part in ["room", "participant", "track"] {
        ids.bind(&want[part], &got[part]);
    }
    let mapped = ids.in_recorded(got);
    assert_eq!(
        plain(&without_id(&mapped)),
        plain(&without_id(want)),
        "{at}: {got}"
    );
    assert!(is_id(&got["id"]) && is_id(&want["id"]), "{at}: {got}");
    for part in ["room", "participant", "track"] {
        for (field, recorded) in want[part].as_object().into_iter().flatten() {
            let ours = &got[part][field];
            let is_left_out = NOT_OURS.contains(&field.as_str()) && ours.is_null();
            assert!(
                is_left_out || form(ours) == form(recorded),
                "{at}: {part}.{field}: {got}"
            );
        }
        let known = want[part].as_object().into_iter().flatten();
        let known: Vec<&String> = known.map(|(field, _)| field).collect();
        for (field, _) in got[part].as_object().into_iter().flatten() {
            let is_exact = EXACT.contains(&field.as_str());
            assert!(
                known.contains(&field) || is_exact,
                "{at}: {part}.{field}: {got}"
            );
        }
    }
}

/// Without what differs in every run; it is looked at by its form.
fn without_id(body: &Value) -> Value {
    let mut body = body.clone();
    for field in ["id", "createdAt"] {
        body[field] = json!(form(&body[field]));
    }
    body
}

/// What a value is, not which.
fn form(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(text) if text.parse::<i64>().is_ok() => "a number in a string",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_id(id: &Value) -> bool {
    let id = id.as_str().unwrap();
    id.len() == 15 && id.starts_with("EV_") && id[3..].bytes().all(|it| it.is_ascii_alphanumeric())
}

fn by_room(bodies: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    let mut rooms: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for body in bodies {
        let name = body["room"]["name"].as_str().unwrap_or_default().to_owned();
        rooms.entry(name).or_default().push(body);
    }
    rooms
}

fn kinds_of(bodies: &[Value]) -> Vec<&str> {
    bodies
        .iter()
        .map(|body| body["event"].as_str().unwrap())
        .collect()
}

const CONTENT_TYPE: &str = "application/webhook+json";

/// Counts that are stale there (0 is left out), and exact here.
const EXACT: &[&str] = &["numParticipants", "numPublishers"];

/// What only a media server knows, and those counts.
const NOT_OURS: &[&str] = &[
    "numParticipants",
    "numPublishers",
    "clientProtocol",
    "capabilities",
    "mid",
    "layers",
    "codecs",
    "mimeType",
];
