//! What an event changed, in lines of old and new values. Apart from `show`, which also tells who,
//! why and with what effect. It reads the `data` of any kind by the words that all kinds share.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Each value that changed, with what it was: at most [`LINES_MAX`] lines and one more.
pub(super) fn changes(data: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    groups(data, &mut found);
    whole(data, &mut found);
    for name in ["name", "metadata", "data"] {
        if let Some(change) = data.get(name) {
            text(name, change, &mut found);
        }
    }
    if let Some(change) = data.get("attributes") {
        attributes(change, &mut found);
    }
    replaced(data, &mut found);
    subscriptions(data, &mut found);
    let more = found.len().saturating_sub(LINES_MAX);
    found.truncate(LINES_MAX);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

/// Permissions: connections that changed in the same way stand together.
fn groups(data: &Map<String, Value>, found: &mut Vec<String>) {
    let groups = data.get("groups").and_then(Value::as_array);
    let groups = groups.map(Vec::as_slice).unwrap_or_default();
    for group in groups {
        let (Some(before), Some(after)) = (group.get("before"), group.get("after")) else {
            continue;
        };
        let first = found.len();
        differ("", before, after, found);
        if groups.len() > 1 {
            let targets = group.get("targets").and_then(Value::as_array);
            let targets: Vec<&Value> = targets.into_iter().flatten().collect();
            let whose = whose(&targets);
            for line in found.iter_mut().skip(first) {
                line.push_str(&whose);
            }
        }
    }
}

/// A value that stands whole on both sides: whether a track is muted, its form, settings.
fn whole(data: &Map<String, Value>, found: &mut Vec<String>) {
    let apart = ["room", "session"].map(|scope| (scope, data.get(scope)));
    let mut are_apart = false;
    for (scope, change) in apart {
        let sides = change.map(|change| (change.get("before"), change.get("after")));
        if let Some((Some(before), Some(after))) = sides {
            differ(scope, before, after, found);
            are_apart = true;
        }
    }
    let after = data.get("after").or_else(|| data.get("config"));
    match (data.get("before"), after) {
        (Some(before @ Value::Bool(_)), Some(after)) => differ("muted", before, after, found),
        (Some(before @ Value::Object(_)), Some(after)) if !are_apart => {
            differ("", before, after, found);
        }
        _ => {}
    }
}

/// A text with what it was: for each connection, or once for the room.
fn text(name: &str, change: &Value, found: &mut Vec<String>) {
    let (Some(after), Some(before)) = (change.get("after"), change.get("before")) else {
        return;
    };
    let Some(befores) = before.as_array() else {
        match before.get("value") {
            Some(old) => differ(name, old, after, found),
            None => found.push(format!("{name}: {} -> {}", former(before), short(after))),
        }
        return;
    };
    let mut by_value: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for before in befores {
        by_value.entry(former(before)).or_default().push(before);
    }
    for (old, connections) in by_value {
        let whose = if befores.len() > 1 {
            whose(&connections)
        } else {
            String::new()
        };
        found.push(format!("{name}: {old} -> {}{whose}", short(after)));
    }
}

fn attributes(change: &Value, found: &mut Vec<String>) {
    let befores = change.get("before").and_then(Value::as_array);
    let befores = befores.map(Vec::as_slice).unwrap_or_default();
    let set = change.get("set").and_then(Value::as_object);
    let removed = change.get("removed").and_then(Value::as_array);
    let removed = removed.into_iter().flatten().filter_map(Value::as_str);
    let set = set.into_iter().flatten();
    let given = set
        .map(|(key, value)| (key.as_str(), Some(value)))
        .chain(removed.map(|key| (key, None)));
    for (key, new) in given {
        for before in befores {
            let old = before.get("keys").and_then(|keys| keys.get(key));
            let is_same = match (old, new) {
                (None, None) => true,
                (Some(old), Some(new)) => old.get("value") == Some(new),
                (None, Some(_)) | (Some(_), None) => false,
            };
            if is_same {
                continue;
            }
            let old = old.map_or_else(|| NONE.to_owned(), former);
            let new = new.map_or_else(|| DELETED.to_owned(), short);
            let whose = if befores.len() > 1 {
                whose(&[before])
            } else {
                String::new()
            };
            found.push(format!("attributes.{key}: {old} -> {new}{whose}"));
        }
    }
}

/// What an admin has people receive: of each track, by what was said of it before.
fn subscriptions(data: &Map<String, Value>, found: &mut Vec<String>) {
    let Some(new) = data.get("subscribe") else {
        return;
    };
    let list = |name: &str| {
        let list = data.get(name).and_then(Value::as_array);
        list.map(Vec::as_slice).unwrap_or_default()
    };
    let targets = list("targets");
    let number = |one: &Value| one.get("number").and_then(Value::as_u64);
    let befores: BTreeMap<_, _> = list("before").iter().map(|it| (number(it), it)).collect();
    for track in list("tracks").iter().take(LINES_MAX) {
        let Some(id) = track.get("sid") else {
            continue;
        };
        let mut by_value: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for target in targets {
            let said = |name: &str| {
                let before = befores.get(&number(target));
                let tracks = before.and_then(|before| before.get(name)?.as_array());
                tracks.is_some_and(|tracks| tracks.contains(id))
            };
            let old = match (said("subscribed"), said("unsubscribed")) {
                (true, _) => "true",
                (_, true) => "false",
                (false, false) => NONE,
            };
            by_value.entry(old).or_default().push(target);
        }
        let id = id.as_str().unwrap_or_default();
        let shown = new.to_string();
        by_value.retain(|old, _| *old != shown);
        for (old, connections) in by_value {
            let whose = whose(&connections);
            found.push(format!("subscriptions.{id}: {old} -> {new}{whose}"));
        }
    }
}

/// A ban or a revocation that another one replaces, or that is lifted.
fn replaced(data: &Map<String, Value>, found: &mut Vec<String>) {
    let Some(former) = data.get("former") else {
        return;
    };
    for name in ["until", "revoke_before"] {
        let Some(old) = former.get(name) else {
            continue;
        };
        let old = ban(name, Some(old));
        let new = match data.get(name) {
            None => "lifted".to_owned(),
            new => ban(name, new),
        };
        let place = place(former).map(|place| format!(" (set by {place})"));
        found.push(format!(
            "{name}: {old}{} -> {new}",
            place.unwrap_or_default()
        ));
    }
}

fn ban(name: &str, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) if name == "until" => "for good".to_owned(),
        None => NONE.to_owned(),
        Some(value) => short(value),
    }
}

/// Each value below a `before` that has another one below its `after`.
fn differ(path: &str, before: &Value, after: &Value, found: &mut Vec<String>) {
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        let added = new.keys().filter(|key| !old.contains_key(*key));
        for key in old.keys().chain(added) {
            let below = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            match (old.get(key), new.get(key)) {
                (Some(old), Some(new)) => differ(&below, old, new, found),
                (Some(old), None) => found.push(format!("{below}: {} -> {DELETED}", short(old))),
                (None, Some(new)) => found.push(format!("{below}: {NONE} -> {}", short(new))),
                (None, None) => {}
            }
        }
    } else if before != after {
        found.push(format!("{path}: {} -> {}", short(before), short(after)));
    }
}

/// An old value as an event refers to it: whole, or its beginning and where the rest stands.
fn former(before: &Value) -> String {
    if let Some(value) = before.get("value") {
        let shown = short(value);
        return match place(before).filter(|_| shown.ends_with(CUT)) {
            Some(place) => format!("{shown} (whole in {place})"),
            None => shown,
        };
    }
    let start = before.get("start").map(short);
    let bytes = before.get("bytes").and_then(Value::as_u64);
    let bytes = bytes.map(|bytes| format!("{bytes} bytes, "));
    match place(before) {
        Some(place) => format!(
            "{}({}whole in {place})",
            start.map(|start| format!("{start} ")).unwrap_or_default(),
            bytes.unwrap_or_default()
        ),
        None => start.unwrap_or_else(|| "unknown".to_owned()),
    }
}

fn place(of: &Value) -> Option<String> {
    let position = of.get("position")?.as_u64()?;
    Some(format!("#{position}"))
}

/// A value as JSON, cut where it is long: the whole of it stands in `data`.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}{CUT}", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Whose connections, where a line has to say so.
fn whose(connections: &[&Value]) -> String {
    let identities = connections.iter().filter_map(|one| one.get("identity"));
    let mut identities: Vec<&str> = identities.filter_map(Value::as_str).collect();
    identities.dedup();
    let more = identities.len().saturating_sub(NAMED_MAX);
    identities.truncate(NAMED_MAX);
    match more {
        0 => format!(" ({})", identities.join(", ")),
        more => format!(" ({} and {more} more)", identities.join(", ")),
    }
}

/// More lines than these nobody reads; `-o json` has them all.
const LINES_MAX: usize = 200;

/// A longer value is cut in a line.
const VALUE_CHARACTERS_MAX: usize = 200;

/// How a value is told that was not there, and one that is no longer there: no JSON is written so.
const NONE: &str = "none";
const DELETED: &str = "deleted";

/// What ends a value that was cut.
const CUT: &str = "...";

/// More names than these make a line hard to read.
const NAMED_MAX: usize = 4;
