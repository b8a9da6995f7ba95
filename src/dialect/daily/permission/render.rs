//! Writing a permission, in full or abbreviated. Apart from reading, whose inverse it is: what is
//! written here reads as what it was made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde_json::{Map, Value};

use super::form::{COMPACT, Form, LONG, Lists, OTHERS};
use super::{ADMIN, CanReceive, DailyPermissions, MEDIA, normalised};
use crate::domain::{ReceiveRule, Source};

/// As Daily's API writes it; what is not said is not written.
pub fn render_long(permissions: &DailyPermissions) -> Value {
    Writer { form: &LONG }.permissions(permissions)
}

/// As a token's `p` writes it, and as Daily answers when it is asked what a token holds.
pub fn render_compact(permissions: &DailyPermissions) -> Value {
    Writer { form: &COMPACT }.permissions(permissions)
}

struct Writer {
    form: &'static Form,
}

impl Writer {
    fn permissions(&self, it: &DailyPermissions) -> Value {
        let form = self.form;
        let send = it.can_send.as_ref();
        let admin = it.can_admin.as_ref();
        let is_given = it.can_receive != CanReceive::default();
        object([
            (form.has_presence, it.has_presence.map(Value::Bool)),
            (
                form.can_send,
                send.map(|set| self.set(set, form.media, MEDIA)),
            ),
            (
                form.can_receive,
                is_given.then(|| self.receive(&it.can_receive)),
            ),
            (
                form.can_admin,
                admin.map(|set| self.set(set, form.admin, ADMIN)),
            ),
        ])
    }

    fn set<T: Ord, const N: usize>(
        &self,
        set: &BTreeSet<T>,
        words: [&'static str; N],
        meanings: [T; N],
    ) -> Value {
        if set.is_empty() || set.len() == N {
            return Value::Bool(!set.is_empty());
        }
        let words = words.into_iter().zip(meanings);
        let words = words.filter(|(_, meaning)| set.contains(meaning));
        let words: Vec<&str> = words.map(|(word, _)| word).collect();
        match self.form.lists {
            Lists::Array => words.into(),
            Lists::Text => words.join(",").into(),
        }
    }

    fn receive(&self, it: &CanReceive) -> Value {
        let form = self.form;
        object([
            (form.base, it.base.as_ref().map(|rule| self.rule(rule))),
            (
                form.by_user_id,
                it.by_user_id.as_ref().map(|rules| self.rules(rules)),
            ),
            (
                form.by_participant_id,
                it.by_participant_id.as_ref().map(|rules| self.rules(rules)),
            ),
        ])
    }

    fn rules<K: Display>(&self, rules: &BTreeMap<K, ReceiveRule>) -> Value {
        let rules = rules.iter();
        rules
            .map(|(id, rule)| (id.to_string(), self.rule(rule)))
            .collect()
    }

    fn rule(&self, rule: &ReceiveRule) -> Value {
        let rule = normalised(rule.clone());
        for all in [true, false] {
            if rule == ReceiveRule::all(all) {
                return Value::Bool(all);
            }
        }
        let media = self.form.media.into_iter().zip(MEDIA);
        let said = media.filter_map(|(word, source)| Some((word.to_owned(), said(&rule, source)?)));
        said.collect()
    }
}

/// What a rule says of one medium, if it says anything.
fn said(rule: &ReceiveRule, source: Source) -> Option<Value> {
    match source {
        Source::Camera => rule.camera.map(Value::Bool),
        Source::Microphone => rule.microphone.map(Value::Bool),
        Source::ScreenShare => rule.screen_share.map(Value::Bool),
        Source::ScreenShareAudio => rule.screen_share_audio.map(Value::Bool),
        Source::CustomVideo => custom(rule.custom_video, rule.custom_video_by_name.as_ref()),
        Source::CustomAudio | Source::Unknown => {
            custom(rule.custom_audio, rule.custom_audio_by_name.as_ref())
        }
    }
}

fn custom(others: Option<bool>, by_name: Option<&BTreeMap<String, bool>>) -> Option<Value> {
    let mut map = Map::new();
    for (name, allowed) in by_name.into_iter().flatten() {
        map.insert(name.clone(), Value::Bool(*allowed));
    }
    if let Some(allowed) = others {
        map.insert(OTHERS.to_owned(), Value::Bool(allowed));
    }
    (!map.is_empty()).then_some(Value::Object(map))
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let given = members.into_iter();
    given
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
