//! What makes a recorded answer and one of ours comparable: ids, order, and what is left out.

use std::collections::BTreeMap;

use roomledger::dialect::livekit::twirp::calls::{Call, Encoding};
use serde_json::{Value, json};

use super::support::Got;
use crate::livekit_wire::{hex, reply_of};

/// Which of our ids stands for which of the recording.
#[derive(Default)]
pub(crate) struct Ids {
    to_ours: BTreeMap<String, String>,
    pub(crate) to_recorded: BTreeMap<String, String>,
}

impl Ids {
    pub(crate) fn rebind(&mut self, recorded: &str, ours: String) {
        self.to_recorded.insert(ours.clone(), recorded.to_owned());
        self.to_ours.insert(recorded.to_owned(), ours);
    }

    pub(crate) fn recorded(&self, ours: &str) -> Option<&String> {
        self.to_recorded.get(ours)
    }

    /// The first sight of a pair binds it.
    pub(crate) fn bind(&mut self, want: &Value, got: &Value) {
        if let (Some(recorded), Some(ours)) = (want["sid"].as_str(), got["sid"].as_str())
            && !self.to_ours.contains_key(recorded)
            && !self.to_recorded.contains_key(ours)
        {
            self.rebind(recorded, ours.to_owned());
        }
        for list in ["rooms", "participants", "tracks"] {
            let (want, got) = (want[list].as_array(), got[list].as_array());
            for (want, got) in want.into_iter().flatten().zip(got.into_iter().flatten()) {
                self.bind(want, got);
            }
        }
    }

    /// A step with our ids in place of the recorded ones, in text and in bytes.
    pub(crate) fn in_ours(&self, step: &Value) -> Value {
        let mut text = step.to_string();
        for (recorded, ours) in &self.to_ours {
            text = text
                .replace(recorded, ours)
                .replace(&in_hex(recorded), &in_hex(ours));
        }
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) fn in_recorded(&self, got: &Value) -> Value {
        let mut text = got.to_string();
        for (ours, recorded) in &self.to_recorded {
            text = text.replace(ours, recorded);
        }
        serde_json::from_str(&text).unwrap()
    }
}

fn in_hex(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub(crate) fn recorded(call: Call, step: &Value, next: Option<&Value>) -> Value {
    let (body, protobuf) = match step["response_hex"].as_str() {
        Some("<see decoded>") => (next.unwrap()["message"].to_string().into_bytes(), false),
        Some(bytes) => (hex(bytes), true),
        // The answer of line 22 was cut when it was recorded.
        None if step["label"] == "metadata of 524288 bytes" => (b"{}".to_vec(), false),
        None => (text(&step["response_text"]).into_bytes(), false),
    };
    let reply = reply_of(call, &body, protobuf).encode(Encoding::Json);
    expanded(serde_json::from_slice(&reply).unwrap())
}

pub(crate) fn answered(call: Call, step: &Value, got: &Got) -> Value {
    if step["label"] == "metadata of 524288 bytes" {
        return serde_json::from_slice(&reply_of(call, b"{}", false).encode(Encoding::Json))
            .unwrap();
    }
    let protobuf = got.header("content-type") == Some("application/protobuf");
    let reply = reply_of(call, &got.body, protobuf).encode(Encoding::Json);
    serde_json::from_slice(&reply).unwrap()
}

/// Lists in one order: LiveKit's come from maps.
pub(crate) fn in_order(message: &mut Value, names: &BTreeMap<String, String>) {
    for (list, key) in [
        ("rooms", "name"),
        ("participants", "identity"),
        ("tracks", "sid"),
    ] {
        let Some(items) = message[list].as_array_mut() else {
            continue;
        };
        for item in items.iter_mut() {
            in_order(item, names);
        }
        items.sort_by_key(|item| {
            let key = text(&item[key]);
            names.get(&key).cloned().unwrap_or(key)
        });
    }
}

/// Without times, counts, media details, and what tells how often something changed.
pub(crate) fn plain(message: &Value) -> Value {
    match message {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| {
                !LEFT_OUT
                    .iter()
                    .any(|out| name == out || **name == in_camel(out))
            });
            kept.map(|(name, value)| (name.clone(), plain(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// `joined_at` as `joinedAt`.
fn in_camel(name: &str) -> String {
    let words = name.split('_').enumerate().map(|(at, word)| match at {
        0 => word.to_owned(),
        _ => word[..1].to_ascii_uppercase() + &word[1..],
    });
    words.collect()
}

const LEFT_OUT: &[&str] = &[
    "creation_time",
    "creation_time_ms",
    "joined_at",
    "joined_at_ms",
    "turn_password",
    "version",
    "num_participants",
    "num_publishers",
    "client_protocol",
    "capabilities",
    "mid",
    "cid",
    "layers",
    "codecs",
    "mime_type",
];

/// `<256 times n>` written out, wherever it stands.
pub(crate) fn expanded(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let run = text
                .strip_prefix('<')
                .and_then(|rest| rest.strip_suffix('>'));
            let run = run.and_then(|run| run.split_once(" times "));
            let run = run.and_then(|(times, of)| Some(of.repeat(times.parse().ok()?)));
            Value::String(run.unwrap_or(text))
        }
        Value::Array(items) => items.into_iter().map(expanded).collect(),
        Value::Object(fields) => {
            let fields = fields
                .into_iter()
                .map(|(name, value)| (name, expanded(value)));
            fields.collect()
        }
        other => other,
    }
}

/// The bodies that the recording only describes.
pub(crate) fn sized(step: &Value) -> Value {
    let town = |rest: Value| {
        let mut body = json!({"room": "town", "identity": "alice"});
        body.as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        body
    };
    let body = match step["label"].as_str().unwrap() {
        "metadata of 524288 bytes" => json!({"name": "big", "metadata": "x".repeat(524_288)}),
        "metadata of 524289 bytes" if step["scenario"] == "rooms" => {
            json!({"name": "bigger", "metadata": "m".repeat(524_289)})
        }
        "room metadata too large" | "room metadata too large, no grant" => {
            json!({"room": "beta", "metadata": "m".repeat(524_289)})
        }
        "body of 10 MiB + 1" => json!({"name": "n".repeat(10_485_761 - 11)}),
        "body of 10 MiB" => json!({"name": "n".repeat(10_485_760 - 11)}),
        "attributes of 65537 bytes" => town(json!({"attributes": {"k": "v".repeat(65_536)}})),
        "metadata of 524289 bytes" | "oversize without any grant" => {
            town(json!({"metadata": "m".repeat(524_289)}))
        }
        "data of 70000 bytes" => json!({"room": "town", "data": "eHh4".repeat(23_334)}),
        _ => return step.clone(),
    };
    let mut step = step.clone();
    step["request"] = body;
    step
}
