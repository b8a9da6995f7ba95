//! A token's payload: its JSON object to typed claims and back. Apart from what the claims allow;
//! it never takes a claim of the wrong type for an absent one.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::dialect::auth::claims::{Grants, LedgerGrant, VideoGrant};

/// A claim of the wrong type: its path, and what it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialect::auth) struct WrongClaim {
    pub(in crate::dialect::auth) path: String,
    pub(in crate::dialect::auth) expected: &'static str,
}

/// The claims of an object, read by name and type. `null` is absent, as in LiveKit, but where that
/// would widen a grant of our own.
pub(in crate::dialect::auth) struct Reader<'a> {
    object: &'a Map<String, Value>,
    prefix: &'static str,
}

type Claim<T> = Result<T, WrongClaim>;

impl<'a> Reader<'a> {
    pub(in crate::dialect::auth) fn new(object: &'a Map<String, Value>) -> Self {
        Self { object, prefix: "" }
    }

    /// All grants of a token's payload.
    pub(in crate::dialect::auth) fn grants(&self) -> Claim<Grants> {
        let subject = self.text("sub")?;
        let identity = if subject.is_empty() {
            self.text("jti")?
        } else {
            subject
        };
        Ok(Grants {
            identity,
            name: self.text("name")?,
            kind: self.text("kind")?,
            kind_details: self.texts("kindDetails")?,
            metadata: self.text("metadata")?,
            attributes: self.attributes()?,
            sha256: self.text("sha256")?,
            room_preset: self.text("roomPreset")?,
            room_config: self
                .object("roomConfig", "")?
                .map(|r| Value::Object(r.object.clone())),
            video: self
                .object("video", "video.")?
                .map(|video| video.video())
                .transpose()?,
            ledger: self
                .object("ledger", "ledger.")?
                .map(|ledger| ledger.ledger())
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// A date in seconds since 1970. A fraction is dropped; what lies beyond the year 9999 is no
    /// date, so that sums with it cannot overflow.
    pub(in crate::dialect::auth) fn date(&self, name: &str) -> Claim<Option<i64>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let wrong = || self.wrong(name, "a number of seconds since 1970");
        let number = value.as_number().ok_or_else(wrong)?;
        let seconds = match (number.as_i64(), number.as_f64()) {
            (Some(seconds), _) => Some(seconds),
            (None, Some(float)) if float.abs() < 1e15 => {
                format!("{:.0}", float.floor()).parse().ok()
            }
            _ => None,
        };
        let seconds = seconds.filter(|s| (-DATE_S_MAX..=DATE_S_MAX).contains(s));
        seconds.map(Some).ok_or_else(wrong)
    }

    pub(in crate::dialect::auth) fn optional_text(&self, name: &str) -> Claim<Option<String>> {
        self.typed(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    fn video(&self) -> Claim<VideoGrant> {
        Ok(VideoGrant {
            room_create: self.flag("roomCreate")?,
            room_list: self.flag("roomList")?,
            room_record: self.flag("roomRecord")?,
            room_admin: self.flag("roomAdmin")?,
            room_join: self.flag("roomJoin")?,
            room: self.text("room")?,
            destination_room: self.text("destinationRoom")?,
            can_publish: self.choice("canPublish")?,
            can_subscribe: self.choice("canSubscribe")?,
            can_publish_data: self.choice("canPublishData")?,
            can_publish_sources: self.texts("canPublishSources")?,
            can_update_own_metadata: self.choice("canUpdateOwnMetadata")?,
            can_subscribe_metrics: self.choice("canSubscribeMetrics")?,
            can_manage_agent_session: self.choice("canManageAgentSession")?,
            ingress_admin: self.flag("ingressAdmin")?,
            hidden: self.flag("hidden")?,
            recorder: self.flag("recorder")?,
            agent: self.flag("agent")?,
        })
    }

    fn ledger(&self) -> Claim<LedgerGrant> {
        Ok(LedgerGrant {
            report: self.flag("report")?,
            admin: self.flag("admin")?,
            audit: self.flag("audit")?,
            room: self.room()?,
        })
    }

    /// Absent is every room, so that `null`, which clients make of a variable that is not set, must
    /// not be.
    fn room(&self) -> Claim<Option<String>> {
        let expected = "a room's name; leave it out for all rooms";
        let Some(room) = self.object.get("room") else {
            return Ok(None);
        };
        let room = room.as_str().ok_or_else(|| self.wrong("room", expected))?;
        Ok(Some(room.to_owned()))
    }

    fn attributes(&self) -> Claim<BTreeMap<String, String>> {
        let all_text = |value: &Value| {
            let entries = value.as_object()?.iter();
            entries
                .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect()
        };
        self.typed("attributes", "an object of strings", all_text)
            .map(Option::unwrap_or_default)
    }

    fn text(&self, name: &str) -> Claim<String> {
        self.optional_text(name).map(Option::unwrap_or_default)
    }

    fn texts(&self, name: &str) -> Claim<Vec<String>> {
        self.optional_texts(name).map(Option::unwrap_or_default)
    }

    pub(in crate::dialect::auth) fn optional_texts(
        &self,
        name: &str,
    ) -> Claim<Option<Vec<String>>> {
        let all_text = |value: &Value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        self.typed(name, "an array of strings", all_text)
    }

    fn flag(&self, name: &str) -> Claim<bool> {
        self.choice(name).map(Option::unwrap_or_default)
    }

    fn choice(&self, name: &str) -> Claim<Option<bool>> {
        self.typed(name, "true or false", Value::as_bool)
    }

    fn object(&self, name: &str, prefix: &'static str) -> Claim<Option<Reader<'a>>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let object = value
            .as_object()
            .ok_or_else(|| self.wrong(name, "an object"))?;
        Ok(Some(Reader { object, prefix }))
    }

    fn typed<T>(
        &self,
        name: &str,
        expected: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Claim<Option<T>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| self.wrong(name, expected))
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, expected: &'static str) -> WrongClaim {
        WrongClaim {
            path: format!("{}{name}", self.prefix),
            expected,
        }
    }
}

impl Grants {
    /// The claims as LiveKit's clients read them; what is not set is left out.
    pub(in crate::dialect::auth) fn to_claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value, set: bool| {
            if set {
                claims.insert(name.to_owned(), value);
            }
        };
        put("sub", json!(self.identity), !self.identity.is_empty());
        put("name", json!(self.name), !self.name.is_empty());
        put("kind", json!(self.kind), !self.kind.is_empty());
        put(
            "kindDetails",
            json!(self.kind_details),
            !self.kind_details.is_empty(),
        );
        put("metadata", json!(self.metadata), !self.metadata.is_empty());
        put(
            "attributes",
            json!(self.attributes),
            !self.attributes.is_empty(),
        );
        put("sha256", json!(self.sha256), !self.sha256.is_empty());
        put(
            "roomPreset",
            json!(self.room_preset),
            !self.room_preset.is_empty(),
        );
        put(
            "roomConfig",
            json!(self.room_config),
            self.room_config.is_some(),
        );
        if let Some(video) = &self.video {
            put("video", Value::Object(video.to_claims()), true);
        }
        put(
            "ledger",
            self.ledger.to_claim(),
            self.ledger != LedgerGrant::default(),
        );
        claims
    }
}

impl VideoGrant {
    fn to_claims(&self) -> Map<String, Value> {
        let flags = [
            ("roomCreate", self.room_create),
            ("roomList", self.room_list),
            ("roomRecord", self.room_record),
            ("roomAdmin", self.room_admin),
            ("roomJoin", self.room_join),
            ("ingressAdmin", self.ingress_admin),
            ("hidden", self.hidden),
            ("recorder", self.recorder),
            ("agent", self.agent),
        ];
        let choices = [
            ("canPublish", self.can_publish),
            ("canSubscribe", self.can_subscribe),
            ("canPublishData", self.can_publish_data),
            ("canUpdateOwnMetadata", self.can_update_own_metadata),
            ("canSubscribeMetrics", self.can_subscribe_metrics),
            ("canManageAgentSession", self.can_manage_agent_session),
        ];
        let texts = [
            ("room", &self.room),
            ("destinationRoom", &self.destination_room),
        ];
        let sources = Some(&self.can_publish_sources).filter(|sources| !sources.is_empty());
        let set = flags
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, on)| (name, json!(on)));
        set.chain(
            choices
                .into_iter()
                .filter_map(|(name, choice)| Some((name, json!(choice?)))),
        )
        .chain(
            texts
                .iter()
                .filter(|(_, t)| !t.is_empty())
                .map(|(name, t)| (*name, json!(t))),
        )
        .chain(sources.map(|sources| ("canPublishSources", json!(sources))))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

impl LedgerGrant {
    fn to_claim(&self) -> Value {
        let flags = [
            ("report", self.report),
            ("admin", self.admin),
            ("audit", self.audit),
        ];
        let set = flags
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, on)| (name, json!(on)));
        let room = self.room.iter().map(|room| ("room", json!(room)));
        set.chain(room)
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

/// The last second of the year 9999.
const DATE_S_MAX: i64 = 253_402_300_799;
