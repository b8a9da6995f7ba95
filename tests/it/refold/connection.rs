//! One connection of a refolded room.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::{list, number, spans};

/// A connection, as its events tell it.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) participant: u64,
    session: Value,
    /// The members of its view that events set as they are.
    members: Map<String, Value>,
    was_active: bool,
    publishes: bool,
}

impl Connection {
    pub(super) fn opened(event: &Value) -> Self {
        let data = &event["data"];
        let moved = data
            .get("moved_from")
            .map(|from| json!({ "room": from["room"], "number": from["number"] }));
        let members = json!({
            "connection": data["connection"],
            "sid": data["sid"],
            "live": true,
            "state": "joining",
            "kind": data["kind"],
            "name": data["name"],
            "metadata": data["metadata"],
            "attributes": data["attributes"],
            "permission": data["permission"],
            "permission_set": event["position"],
            "tracks": [],
            "subscriptions": [],
            "start": event["recorded_at"],
            "opened": event["position"],
            "activated_at": null,
            "end": null,
            "closed": null,
            "credential": data["credential"],
            "reporter": data["reporter"],
            "eject_at": data["eject_at"],
            "moved_from": moved,
        });
        let mut one = Self {
            number: number(&data["number"]),
            participant: number(&data["participant"]),
            session: data["session"].clone(),
            members: members.as_object().cloned().expect("members"),
            was_active: false,
            publishes: false,
        };
        one.reported("start_reported", event);
        one
    }

    pub(super) fn is_live(&self) -> bool {
        self.members["closed"].is_null()
    }

    /// Agents and recorders neither count nor keep a room open.
    pub(super) fn counts(&self) -> bool {
        let kind = &self.members["kind"];
        let permission = &self.members["permission"];
        kind != "agent"
            && kind != "egress"
            && permission["agent"] == false
            && permission["recorder"] == false
    }

    pub(super) fn publishes(&self) -> bool {
        self.counts() && self.publishes
    }

    pub(super) fn close(&mut self, event: &Value, because: u64) {
        let data = &event["data"];
        self.set("live", false);
        self.set("subscriptions", json!([]));
        self.set("state", "closed");
        self.set("end", event["recorded_at"].clone());
        self.reported("end_reported", event);
        self.set(
            "closed",
            json!({
                "cause": data["cause"],
                "position": event["position"],
                "because": because,
                "reported_reason": data["reported_reason"],
                "confirmed": false,
            }),
        );
    }

    /// What an admin had it receive, by track.
    pub(super) fn subscribed(&mut self, tracks: &[Value], subscribe: &Value) {
        let entries = self.list("subscriptions");
        for track in tracks {
            entries.retain(|entry| entry["number"] != track["number"]);
            entries.push(json!({
                "number": track["number"],
                "track": track["sid"],
                "subscribed": subscribe,
            }));
        }
        entries.sort_by_key(|entry| number(&entry["number"]));
    }

    /// Tracks are gone, and what an admin said of them.
    pub(super) fn forget(&mut self, gone: &[RangeInclusive<u64>]) {
        let is_gone = |entry: &Value| {
            gone.iter()
                .any(|span| span.contains(&number(&entry["number"])))
        };
        self.list("subscriptions").retain(|entry| !is_gone(entry));
    }

    pub(super) fn profile(&mut self, data: &Value) {
        for name in ["name", "metadata"] {
            if let Some(change) = data.get(name) {
                self.set(name, change["after"].clone());
            }
        }
        let Some(change) = data.get("attributes") else {
            return;
        };
        let attributes = self.members["attributes"].as_object_mut().expect("a map");
        for key in list(&change["removed"]) {
            attributes.remove(key.as_str().expect("a key"));
        }
        let set = change["set"].as_object().expect("a map");
        attributes.extend(set.clone());
    }

    /// Where nobody asked for it, a rule follows somebody else who was moved.
    pub(super) fn permission(&mut self, after: &Value, position: &Value, is_asked: bool) {
        if is_asked {
            self.publishes = after["send"]["enabled"] == true;
        }
        self.set("permission", after.clone());
        self.set("permission_set", position.clone());
    }

    /// An event about this connection alone.
    pub(super) fn happened(&mut self, kind: &str, event: &Value) {
        let data = &event["data"];
        match kind {
            "connection_activated" => {
                self.was_active = true;
                self.set("state", "active");
                self.whole_again();
                if self.members["activated_at"].is_null() {
                    self.set("activated_at", event["recorded_at"].clone());
                    self.reported("activated_reported", event);
                }
            }
            "connection_interrupted" => {
                self.set("state", "interrupted");
                self.set("interrupted_at", event["recorded_at"].clone());
                self.reported("interrupted_reported", event);
            }
            "connection_resumed" => {
                let state = if self.was_active { "active" } else { "joining" };
                self.set("state", state);
                self.whole_again();
            }
            "close_confirmed" => self.members["closed"]["confirmed"] = true.into(),
            "track_published" => self.published(event),
            "tracks_unpublished" => {
                let gone = spans(&data["numbers"]);
                let is_gone = |track: &Value| {
                    gone.iter()
                        .any(|span| span.contains(&number(&track["number"])))
                };
                self.tracks().retain(|track| !is_gone(track));
            }
            "track_mute_changed" => {
                if let Some(track) = self.track(&data["track"]["number"]) {
                    track["muted"] = data["after"].clone();
                }
            }
            "track_updated" => {
                let after = data["after"].as_object().expect("a form").clone();
                if let Some(track) = self.track(&data["track"]["number"]) {
                    track.as_object_mut().expect("a track").extend(after);
                }
            }
            _ => {}
        }
    }

    fn published(&mut self, event: &Value) {
        let told = &event["data"]["track"];
        let or = |value: &Value, default: Value| {
            if value.is_null() {
                default
            } else {
                value.clone()
            }
        };
        let mut track = json!({
            "number": told["number"],
            "sid": told["sid"],
            "source": told["source"],
            "type": told["type"],
            "name": told["name"],
            "muted": told["muted"],
            "mime_type": or(&told["mime_type"], "".into()),
            "width": or(&told["width"], 0.into()),
            "height": or(&told["height"], 0.into()),
            "start": event["recorded_at"],
            "published": event["position"],
        });
        if let Some(reported) = event.get("occurred_at") {
            track["start_reported"] = reported.clone();
        }
        self.publishes = true;
        self.tracks().push(track);
    }

    /// As the view of a room shows it.
    pub(super) fn view(&self) -> Value {
        let mut members = self.members.clone();
        // The view names a track by its id alone.
        for name in ["tracks", "subscriptions"] {
            let entries = members.get_mut(name).and_then(Value::as_array_mut);
            for entry in entries.into_iter().flatten() {
                entry.as_object_mut().expect("an entry").remove("number");
            }
        }
        Value::Object(members)
    }

    pub(super) fn stint(&self) -> Value {
        let mut stint = json!({
            "start": self.members["start"],
            "end": self.members["end"],
            "connection": self.members["connection"],
            "session": self.session,
        });
        for name in ["start_reported", "end_reported"] {
            if let Some(reported) = self.members.get(name) {
                stint[name] = reported.clone();
            }
        }
        if let Some(because) = self.members["closed"].get("because") {
            stint["cause"] = because.clone();
        }
        stint
    }

    fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }

    fn reported(&mut self, name: &str, event: &Value) {
        if let Some(reported) = event.get("occurred_at") {
            self.set(name, reported.clone());
        }
    }

    fn whole_again(&mut self) {
        self.members.remove("interrupted_at");
        self.members.remove("interrupted_reported");
    }

    fn tracks(&mut self) -> &mut Vec<Value> {
        self.list("tracks")
    }

    fn list(&mut self, name: &str) -> &mut Vec<Value> {
        let list = self.members.get_mut(name);
        list.and_then(Value::as_array_mut).expect("a list")
    }

    fn track(&mut self, number: &Value) -> Option<&mut Value> {
        let mut tracks = self.tracks().iter_mut();
        tracks.find(|track| track["number"] == *number)
    }
}
