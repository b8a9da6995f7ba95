//! What a property of a room or a token may be. Apart because both have the same few forms; it
//! knows no property.

use serde_json::Value;

use crate::dialect::daily::permission::parse_permissions;
use crate::dialect::javascript;
use crate::domain::Timestamp;

/// The form of a property's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `true` or `false`.
    Flag,
    /// A string.
    Text,
    /// A string, or a number that stands for the string of its digits: a client's own id.
    TextOrNumber,
    /// A string, or a list of strings.
    TextOrTexts,
    /// Any number.
    Number,
    /// A whole number from 1 on, of people or of seconds.
    Count,
    /// Seconds since 1970.
    Moment,
    /// An object of the client's.
    Object,
    /// A list of such.
    Objects,
    /// What somebody may do.
    Rights,
    /// What everybody alike may do, so nobody is named in it.
    RightsOfAll,
}

impl Form {
    /// Whether a value has this form; `null` has every.
    ///
    /// # Errors
    /// What it has to be.
    pub(super) fn check(self, value: &Value) -> Result<(), String> {
        if value.is_null() {
            return Ok(());
        }
        let texts = |items: &Vec<Value>| items.iter().all(Value::is_string);
        let objects = |items: &Vec<Value>| items.iter().all(Value::is_object);
        let (fits, wanted) = match self {
            Self::Flag => (value.is_boolean(), "has to be a boolean"),
            Self::Text => (value.is_string(), "has to be a string"),
            Self::TextOrNumber => (written(value).is_some(), "has to be a string or a number"),
            Self::TextOrTexts => (
                value.is_string() || value.as_array().is_some_and(texts),
                "has to be a string or an array of strings",
            ),
            Self::Number => (value.is_number(), "has to be a number"),
            Self::Count => (
                count(value).is_some(),
                "has to be a whole number from 1 to 4294967295",
            ),
            Self::Moment => (
                moment(value).is_some(),
                "has to be a number of seconds since 1970, before the year 10000",
            ),
            Self::Object => (value.is_object(), "has to be an object"),
            Self::Objects => (
                value.as_array().is_some_and(objects),
                "has to be an array of objects",
            ),
            Self::Rights | Self::RightsOfAll => return self.rights(value),
        };
        if !fits {
            return Err(wanted.to_owned());
        }
        let bytes = javascript::json(value).len();
        if bytes > PROPERTY_BYTES_MAX {
            return Err(format!(
                "is {bytes} bytes of JSON, at most {PROPERTY_BYTES_MAX} are kept"
            ));
        }
        Ok(())
    }

    fn rights(self, value: &Value) -> Result<(), String> {
        let read = parse_permissions(value).map_err(|wrong| wrong.to_string())?;
        let update = read.update();
        let names = update.receive_by_identity.is_some() || update.receive_by_connection.is_some();
        if names && self == Self::RightsOfAll {
            let problem = "cannot name users or participants in canReceive: give its base alone";
            return Err(problem.to_owned());
        }
        Ok(())
    }
}

/// The text of a string, or of a number as JavaScript writes it; `None` of anything else.
pub(super) fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) => Some(javascript::json(value)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A moment in seconds since 1970, perhaps with a fraction; `None` where it is none.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    let number = value.as_number()?;
    if let Some(seconds) = number.as_i64() {
        return (0..=SECONDS_MAX)
            .contains(&seconds)
            .then(|| Timestamp::from_seconds(seconds));
    }
    let seconds = number.as_f64().filter(|it| (0.0..1e12).contains(it))?;
    let micros = format!("{:.0}", seconds * 1e6).parse().ok()?;
    let at = Timestamp::from_micros(micros);
    (at.seconds() <= SECONDS_MAX).then_some(at)
}

/// A whole number from 1 on, also where it is written `10.0`; `None` where it is none.
pub(super) fn count(value: &Value) -> Option<u32> {
    let number = value.as_number()?;
    let whole = match number.as_u64() {
        Some(whole) => Some(whole),
        None => javascript::number(number.as_f64()?).parse().ok(),
    };
    let whole = u32::try_from(whole?).ok()?;
    (whole > 0).then_some(whole)
}

/// Far more than any documented property needs.
const PROPERTY_BYTES_MAX: usize = 16 * 1024;
/// The last second of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;
