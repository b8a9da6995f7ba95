//! LiveKit's other JSON, that of its webhooks: names in camel case, and nothing that is at its
//! default (protojson without options; recorded in tests/data/livekit). Apart from the JSON of
//! answers, which shows every default; it never reads.

use serde_json::Value;

use crate::dialect::livekit::json::message::{JsonMessage, encode};
use crate::dialect::livekit::json::schema::{Field, Kind};

/// Writes a message, fields in the order of their declaration.
pub fn encode_lean<M: JsonMessage>(message: &M) -> String {
    let mut out = String::new();
    // What `encode` writes is JSON; nothing else can be parsed here.
    let whole: Value = serde_json::from_str(&encode(message)).unwrap_or_default();
    write_object(&whole, M::FIELDS, &mut out);
    out
}

fn write_object(object: &Value, fields: &[Field], out: &mut String) {
    out.push('{');
    for field in fields {
        let value = object.get(field.name).unwrap_or(&Value::Null);
        if is_default(value, field.kind) {
            continue;
        }
        if !out.ends_with('{') {
            out.push(',');
        }
        out.push('"');
        out.push_str(&camel(field.name));
        out.push_str("\":");
        write_value(value, field.kind, out);
    }
    out.push('}');
}

fn write_value(value: &Value, kind: Kind, out: &mut String) {
    match (kind, value) {
        (Kind::Message(fields), _) => write_object(value, fields, out),
        (Kind::Optional(inner), _) => write_value(value, *inner, out),
        (Kind::Repeated(inner), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                write_value(item, *inner, out);
            }
            out.push(']');
        }
        _ => out.push_str(&value.to_string()),
    }
}

/// A message or an optional value that is there is no default, whatever it holds.
fn is_default(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::Message(_) | Kind::Optional(_) => value.is_null(),
        Kind::Text | Kind::Bytes => value == "",
        Kind::Bool => value == false,
        Kind::Uint32 | Kind::Int32 => value == 0,
        Kind::Int64 => value == "0",
        Kind::Enum(names) => names
            .iter()
            .any(|(name, number)| *number == 0 && value == *name),
        Kind::Repeated(_) => value.as_array().is_none_or(Vec::is_empty),
        Kind::Map => value.as_object().is_none_or(serde_json::Map::is_empty),
    }
}

fn camel(name: &str) -> String {
    let mut upper = false;
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter == '_' {
            upper = true;
        } else if upper {
            text.push(letter.to_ascii_uppercase());
            upper = false;
        } else {
            text.push(letter);
        }
    }
    text
}
