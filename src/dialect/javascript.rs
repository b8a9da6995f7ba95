//! JSON as JavaScript writes it, since vendors' servers and clients are written in it: numbers
//! without a useless fraction, and moments in milliseconds. Apart because it knows no vendor; it
//! never reads anything.

use std::io;

use chrono::SecondsFormat;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

use crate::domain::Timestamp;

/// What `JSON.stringify` makes of the value.
pub fn json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, JavaScript);
    // Values have text keys alone, and a vector takes every byte.
    let _ = serde::Serialize::serialize(value, &mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

/// A number as JavaScript prints it: the shortest digits that give it again, and an exponent only
/// from 1e21 on and below 1e-6.
pub fn number(number: f64) -> String {
    if number == 0.0 {
        return String::from("0");
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(-6..=20) => number.to_string(),
        Ok(21..) => format!("{digits}e+{exponent}"),
        Ok(_) | Err(_) => format!("{digits}e{exponent}"),
    }
}

/// A moment as `toISOString` prints it.
pub fn iso(at: Timestamp) -> String {
    let at = Timestamp::from_micros(at.millis().saturating_mul(1_000));
    at.to_chrono().map_or_else(
        || at.to_string(),
        |at| at.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

/// A moment in seconds since 1970, with a fraction where there is one.
pub fn seconds(at: Timestamp) -> Value {
    let micros = at.micros().rem_euclid(1_000_000);
    if micros == 0 {
        return Value::from(at.seconds());
    }
    let text = format!("{}.{micros:06}", at.seconds());
    text.parse::<f64>().map_or(Value::Null, Value::from)
}

struct JavaScript;

impl Formatter for JavaScript {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(number(value).as_bytes())
    }
}
