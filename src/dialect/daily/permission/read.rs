//! Reading a written permission. Apart from what it means; whatever is wrong is named with its
//! place, by the rules of daily-js 0.92.2 (`validateJSONObject`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::form::{COMPACT, Form, LONG, Lists, OTHERS};
use super::{ADMIN, CanReceive, DailyPermissions, MEDIA, normalised};
use crate::domain::limits::ALIAS_BYTES_MAX;
use crate::domain::{Identity, ReceiveRule, Source};

/// What is wrong with a written permission, with where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct Wrong {
    /// The path of the field, such as `permissions.canReceive.base.video`.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}

/// Reads the long form of the field `permissions`.
///
/// # Errors
/// [`Wrong`] names the field that is not as Daily writes it.
pub fn parse_permissions(value: &Value) -> Result<DailyPermissions, Wrong> {
    parse_permissions_at("permissions", value)
}

/// Reads the long form of a field with another name.
///
/// # Errors
/// As [`parse_permissions`].
pub fn parse_permissions_at(field: &str, value: &Value) -> Result<DailyPermissions, Wrong> {
    Reader { form: &LONG }.permissions(field, value)
}

/// Reads the abbreviated form: the `p` of a token.
///
/// # Errors
/// As [`parse_permissions`].
pub fn parse_compact(value: &Value) -> Result<DailyPermissions, Wrong> {
    Reader { form: &COMPACT }.permissions("p", value)
}

struct Reader {
    form: &'static Form,
}

impl Reader {
    fn permissions(&self, at: &str, value: &Value) -> Result<DailyPermissions, Wrong> {
        let form = self.form;
        let given = object(at, value)?;
        known(at, given, &form.fields())?;
        let field = |name: &str| given.get(name).map(|value| (format!("{at}.{name}"), value));
        let presence = field(form.has_presence).map(|(at, value)| boolean(&at, value));
        let send = field(form.can_send).map(|(at, value)| self.set(&at, value, form.media, MEDIA));
        let receive = field(form.can_receive).map(|(at, value)| self.receive(&at, value));
        let admin =
            field(form.can_admin).map(|(at, value)| self.set(&at, value, form.admin, ADMIN));
        Ok(DailyPermissions {
            has_presence: presence.transpose()?,
            can_send: send.transpose()?,
            can_receive: receive.transpose()?.unwrap_or_default(),
            can_admin: admin.transpose()?,
        })
    }

    /// All, none, or those that are listed.
    fn set<T: Copy + Ord, const N: usize>(
        &self,
        at: &str,
        value: &Value,
        words: [&'static str; N],
        meanings: [T; N],
    ) -> Result<BTreeSet<T>, Wrong> {
        let listed: Vec<&str> = match (value, self.form.lists) {
            (Value::Bool(true), _) => return Ok(meanings.into()),
            (Value::Bool(false), _) => return Ok(BTreeSet::new()),
            (Value::Array(items), Lists::Array) => {
                let words = items.iter().map(Value::as_str).collect::<Option<_>>();
                words.ok_or_else(|| wrong(at, "has to list strings"))?
            }
            (Value::String(text), Lists::Text) => {
                let words = text.split(',').map(str::trim);
                words.filter(|word| !word.is_empty()).collect()
            }
            (_, Lists::Array) => return Err(wrong(at, "has to be a boolean or an array")),
            (_, Lists::Text) => return Err(wrong(at, "has to be a boolean or a string")),
        };
        let meaning = |word: &str| {
            let found = words.iter().position(|known| *known == word);
            let found = found.and_then(|index| meanings.get(index));
            found.copied().ok_or_else(|| {
                let known = words.join(", ");
                wrong(
                    at,
                    &format!("cannot list {:?}: known are {known}", cut(word)),
                )
            })
        };
        listed.into_iter().map(meaning).collect()
    }

    fn receive(&self, at: &str, value: &Value) -> Result<CanReceive, Wrong> {
        let form = self.form;
        let given = object(at, value)?;
        known(at, given, &form.parts())?;
        let part = |name: &str| given.get(name).map(|value| (format!("{at}.{name}"), value));
        let base = part(form.base).map(|(at, value)| self.rule(&at, value, Extent::Whole));
        let by_user = part(form.by_user_id).map(|(at, value)| {
            self.rules(&at, value, |id| {
                Identity::new(id).map_err(|error| error.to_string())
            })
        });
        let by_connection = part(form.by_participant_id)
            .map(|(at, value)| self.rules(&at, value, |id| participant_id(id).map(str::to_owned)));
        Ok(CanReceive {
            base: base.transpose()?,
            by_user_id: by_user.transpose()?,
            by_participant_id: by_connection.transpose()?,
        })
    }

    fn rules<K: Ord>(
        &self,
        at: &str,
        value: &Value,
        key: impl Fn(&str) -> Result<K, String>,
    ) -> Result<BTreeMap<K, ReceiveRule>, Wrong> {
        let rules = object(at, value)?.iter().map(|(id, rule)| {
            let at = format!("{at}.{}", cut(id));
            let key = key(id).map_err(|problem| wrong(&at, &problem))?;
            Ok((key, self.rule(&at, rule, Extent::Part)?))
        });
        rules.collect()
    }

    fn rule(&self, at: &str, value: &Value, extent: Extent) -> Result<ReceiveRule, Wrong> {
        let form = self.form;
        let given = match value {
            Value::Bool(all) => return Ok(ReceiveRule::all(*all)),
            Value::Object(given) => given,
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(wrong(at, "has to be a boolean or an object"));
            }
        };
        known(at, given, &form.media)?;
        let mut rule = ReceiveRule::default();
        for (word, source) in form.media.into_iter().zip(MEDIA) {
            let at = format!("{at}.{word}");
            match (given.get(word), extent) {
                (Some(value), _) => say(&mut rule, source, &at, value, extent)?,
                (None, Extent::Part) => {}
                (None, Extent::Whole) => {
                    let all = form.media.join(", ");
                    let problem = format!("is missing: base has to tell {all}, or be a boolean");
                    return Err(wrong(&at, &problem));
                }
            }
        }
        Ok(normalised(rule))
    }
}

/// Whether a rule has to tell of every medium.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
}

/// The id of a connection, in whatever form.
///
/// # Errors
/// What is wrong with it.
pub(in crate::dialect::daily) fn participant_id(id: &str) -> Result<&str, String> {
    if id.is_empty() || id.len() > ALIAS_BYTES_MAX || id.chars().any(char::is_control) {
        return Err(format!(
            "is no participant id: give 1 to {ALIAS_BYTES_MAX} bytes without control characters"
        ));
    }
    Ok(id)
}

/// Says one medium of a rule; the two custom ones are maps by track name.
fn say(
    rule: &mut ReceiveRule,
    source: Source,
    at: &str,
    value: &Value,
    extent: Extent,
) -> Result<(), Wrong> {
    let (one, by_name) = match source {
        Source::Camera => (&mut rule.camera, None),
        Source::Microphone => (&mut rule.microphone, None),
        Source::ScreenShare => (&mut rule.screen_share, None),
        Source::ScreenShareAudio => (&mut rule.screen_share_audio, None),
        Source::CustomVideo => (&mut rule.custom_video, Some(&mut rule.custom_video_by_name)),
        Source::CustomAudio | Source::Unknown => {
            (&mut rule.custom_audio, Some(&mut rule.custom_audio_by_name))
        }
    };
    let Some(by_name) = by_name else {
        *one = Some(boolean(at, value)?);
        return Ok(());
    };
    let mut named = BTreeMap::new();
    for (name, value) in object(at, value)? {
        let allowed = boolean(&format!("{at}.{}", cut(name)), value)?;
        if name == OTHERS {
            *one = Some(allowed);
        } else {
            named.insert(name.clone(), allowed);
        }
    }
    if extent == Extent::Whole && one.is_none() {
        return Err(wrong(at, "has to tell of \"*\" as well"));
    }
    *by_name = Some(named);
    Ok(())
}

fn object<'a>(at: &str, value: &'a Value) -> Result<&'a Map<String, Value>, Wrong> {
    value
        .as_object()
        .ok_or_else(|| wrong(at, "has to be an object"))
}

fn boolean(at: &str, value: &Value) -> Result<bool, Wrong> {
    value
        .as_bool()
        .ok_or_else(|| wrong(at, "has to be a boolean"))
}

fn known(at: &str, given: &Map<String, Value>, names: &[&str]) -> Result<(), Wrong> {
    let unknown = given.keys().find(|name| !names.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| {
        let at = format!("{at}.{}", cut(name));
        Err(wrong(
            &at,
            &format!("is unknown: known are {}", names.join(", ")),
        ))
    })
}

fn wrong(at: &str, problem: &str) -> Wrong {
    Wrong {
        field: at.to_owned(),
        problem: problem.to_owned(),
    }
}

/// As much of a caller's word as a message repeats.
fn cut(text: &str) -> String {
    text.chars().take(ECHO_CHARS_MAX).collect()
}

const ECHO_CHARS_MAX: usize = 64;
