//! What a token says: LiveKit's grants and our own, typed, and the one function that tells which
//! grant allows what. Apart from the signature, so that it can be read as a table; it never trusts
//! a claim of the wrong type.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What a verified token carries, as a join stores it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The key that signed it (`iss`).
    pub key_id: String,
    /// What it grants, and to whom.
    pub grants: Grants,
    /// `nbf`, in seconds since 1970.
    pub not_before_s: Option<i64>,
    /// `iat`, in seconds since 1970.
    pub issued_at_s: Option<i64>,
    /// `exp`, in seconds since 1970.
    pub expires_at_s: i64,
    /// `jti`.
    pub token_id: Option<String>,
    /// SHA-256 of the whole token as it was sent.
    pub token_sha256: [u8; 32],
}

impl Claims {
    /// Whether the token allows it: the one place where grants become rights.
    pub fn may(&self, right: Right<'_>) -> bool {
        let Grants { video, ledger, .. } = &self.grants;
        let video = |allows: &dyn Fn(&VideoGrant) -> bool| video.as_ref().is_some_and(allows);
        let room_admin =
            |room: &str| !room.is_empty() && video(&|v| v.room_admin && v.room == room);
        let in_ledger = |room: &str| {
            ledger
                .room
                .as_deref()
                .is_none_or(|only| !room.is_empty() && only == room)
        };
        match right {
            Right::RoomAdmin(room) => room_admin(room),
            Right::RoomCreate => video(&|v| v.room_create),
            Right::RoomList => video(&|v| v.room_list),
            Right::Join(room) => !room.is_empty() && video(&|v| v.room_join && v.room == room),
            Right::MoveTo { from, to } => {
                room_admin(from) && !to.is_empty() && video(&|v| v.destination_room == to)
            }
            Right::Report(room) => room_admin(room) || (ledger.report && in_ledger(room)),
            Right::Admin(room) => room_admin(room) || (ledger.admin && in_ledger(room)),
            Right::Audit(Some(room)) => room_admin(room) || (ledger.audit && in_ledger(room)),
            Right::Audit(None) => ledger.audit && ledger.room.is_none(),
        }
    }
}

/// What a call asks for; [`Claims::may`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right<'a> {
    /// LiveKit's `roomAdmin` for this room.
    RoomAdmin(&'a str),
    /// LiveKit's `roomCreate`: create and delete any room.
    RoomCreate,
    /// LiveKit's `roomList`.
    RoomList,
    /// LiveKit's `roomJoin` for this room.
    Join(&'a str),
    /// LiveKit's `roomAdmin` for one room and `destinationRoom` for the other.
    MoveTo {
        /// The room that the participant is in.
        from: &'a str,
        /// The room that it goes to.
        to: &'a str,
    },
    /// Report joins, leaves, tracks and activity in this room.
    Report(&'a str),
    /// Give commands in this room.
    Admin(&'a str),
    /// Read the history of this room, or of all (`None`: the system stream and the list too).
    Audit(Option<&'a str>),
}

/// The part of a token that its maker chooses; times, key and signature are added by
/// [`mint`](crate::dialect::auth::token::mint).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grants {
    /// `sub`, else `jti`; empty when the token names nobody.
    pub identity: String,
    /// `name`: the display name.
    pub name: String,
    /// `kind`: `standard`, `agent`, `egress`, ... as written; empty = standard.
    pub kind: String,
    /// `kindDetails`, as written.
    pub kind_details: Vec<String>,
    /// `metadata` of the participant.
    pub metadata: String,
    /// `attributes` of the participant.
    pub attributes: BTreeMap<String, String>,
    /// `sha256`: base64 of the hash of a webhook's body.
    pub sha256: String,
    /// `roomPreset`: the name of a configuration on the server.
    pub room_preset: String,
    /// `roomConfig`: LiveKit's `RoomConfiguration` as JSON, checked to be an object.
    pub room_config: Option<Value>,
    /// `video`: LiveKit's grant; absent is not the same as empty when somebody joins.
    pub video: Option<VideoGrant>,
    /// `ledger`: our own grant.
    pub ledger: LedgerGrant,
}

/// LiveKit's `video` grant. `None` = not said: the methods know the defaults.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the grant is LiveKit's list of flags"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VideoGrant {
    /// `roomCreate`.
    pub room_create: bool,
    /// `roomList`.
    pub room_list: bool,
    /// `roomRecord`.
    pub room_record: bool,
    /// `roomAdmin`; with [`room`](Self::room).
    pub room_admin: bool,
    /// `roomJoin`; with [`room`](Self::room).
    pub room_join: bool,
    /// `room`: the one that `roomAdmin` and `roomJoin` are about.
    pub room: String,
    /// `destinationRoom`: where people may be moved to.
    pub destination_room: String,
    /// `canPublish`.
    pub can_publish: Option<bool>,
    /// `canSubscribe`.
    pub can_subscribe: Option<bool>,
    /// `canPublishData`.
    pub can_publish_data: Option<bool>,
    /// `canPublishSources`, lower-case names as written; empty = all.
    pub can_publish_sources: Vec<String>,
    /// `canUpdateOwnMetadata`.
    pub can_update_own_metadata: Option<bool>,
    /// `canSubscribeMetrics`.
    pub can_subscribe_metrics: Option<bool>,
    /// `canManageAgentSession`.
    pub can_manage_agent_session: Option<bool>,
    /// `ingressAdmin`.
    pub ingress_admin: bool,
    /// `hidden`: others do not see the participant.
    pub hidden: bool,
    /// `recorder`: the participant records the room.
    pub recorder: bool,
    /// `agent`: the participant is a program.
    pub agent: bool,
}

impl VideoGrant {
    /// May publish: yes unless said otherwise.
    pub fn may_publish(&self) -> bool {
        self.can_publish.unwrap_or(true)
    }

    /// May subscribe: yes unless said otherwise.
    pub fn may_subscribe(&self) -> bool {
        self.can_subscribe.unwrap_or(true)
    }

    /// May send data: as [`may_publish`](Self::may_publish) unless said otherwise.
    pub fn may_publish_data(&self) -> bool {
        self.can_publish_data.unwrap_or_else(|| self.may_publish())
    }

    /// May change its own name, metadata and attributes: no unless said otherwise.
    pub fn may_update_own_metadata(&self) -> bool {
        self.can_update_own_metadata.unwrap_or(false)
    }

    /// May subscribe to metrics: no unless said otherwise.
    pub fn may_subscribe_metrics(&self) -> bool {
        self.can_subscribe_metrics.unwrap_or(false)
    }

    /// May manage an agent's session: no unless said otherwise.
    pub fn may_manage_agent_session(&self) -> bool {
        self.can_manage_agent_session.unwrap_or(false)
    }
}

/// Our own `ledger` grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerGrant {
    /// Report what happens.
    pub report: bool,
    /// Give commands.
    pub admin: bool,
    /// Read everything.
    pub audit: bool,
    /// Only in this room; absent = in all.
    pub room: Option<String>,
}

/// A claim of the wrong type: its path, and what it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dialect::auth) struct WrongClaim {
    pub(in crate::dialect::auth) path: String,
    pub(in crate::dialect::auth) expected: &'static str,
}

/// The claims of an object, read by name and type. `null` is absent, as in LiveKit.
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
            room: self.optional_text("room")?,
        })
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
        let all_text = |value: &Value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
        self.typed(name, "an array of strings", all_text)
            .map(Option::unwrap_or_default)
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
