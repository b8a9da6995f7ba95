//! What anybody may do after any sequence of Daily's patches and LiveKit's replacements, by a model
//! that is written from the seed's prose and docs/domain.md alone: it shares no code with either
//! dialect, and reads the requests as they are sent.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use roomledger::domain::{AdminRight, Allowed, Permission, ReceiveRule, Room, Source};
use serde_json::{Map, Value, json};

use super::support::Server;

/// A request about the room.
#[derive(Clone, Debug)]
enum Step {
    /// What for whom; the keys are people's names, `*` and `ghost`.
    Daily(BTreeMap<&'static str, Value>),
    /// A whole permission for one.
    LiveKit(&'static str, Value),
}

/// What one connection may do, in Daily's words where Daily has any.
#[derive(Clone, Debug, PartialEq)]
struct Rights {
    present: bool,
    sends: bool,
    /// Every source when absent.
    sources: Option<Vec<String>>,
    data: bool,
    base: Rule,
    by_user: BTreeMap<String, Rule>,
    by_id: BTreeMap<String, Rule>,
    admin: BTreeSet<String>,
    /// LiveKit's other rights and marks, by its names.
    marks: BTreeMap<&'static str, bool>,
    tracks: Vec<&'static str>,
}

/// What is told of each medium; of custom tracks by `customVideo.NAME`, where `*` is the others.
type Rule = BTreeMap<String, bool>;

impl Rights {
    fn new() -> Self {
        Self {
            present: true,
            sends: true,
            sources: None,
            data: true,
            base: rule(&json!(true)),
            by_user: BTreeMap::new(),
            by_id: BTreeMap::new(),
            admin: BTreeSet::new(),
            marks: MARKS.iter().map(|mark| (*mark, false)).collect(),
            tracks: TRACKS.to_vec(),
        }
    }

    /// "the provided permission completely overwrites whatever value the participant previously
    /// had"; of `canReceive` each part that is provided; what is omitted stays.
    fn patch(&mut self, said: &Value) {
        if let Some(present) = said.get("hasPresence") {
            self.present = present == &json!(true);
        }
        if let Some(send) = said.get("canSend") {
            let listed = words(send, &MEDIA);
            self.sends = !listed.is_empty();
            let some = !listed.is_empty() && listed.len() < MEDIA.len();
            let in_order = MEDIA.iter().filter(|medium| listed.contains(**medium));
            self.sources = some.then(|| in_order.map(|it| (*it).to_owned()).collect());
        }
        if let Some(admin) = said.get("canAdmin") {
            self.admin = words(admin, &TASKS);
        }
        let receive = &said["canReceive"];
        if let Some(base) = receive.get("base") {
            self.base = rule(base);
        }
        for (part, map) in [
            ("byUserId", &mut self.by_user),
            ("byParticipantId", &mut self.by_id),
        ] {
            if let Some(given) = receive.get(part).and_then(Value::as_object) {
                *map = given
                    .iter()
                    .map(|(id, it)| (id.clone(), rule(it)))
                    .collect();
            }
        }
    }

    /// All that LiveKit knows of, and what equals its rendering stays as fine as it was.
    fn replace(&mut self, said: &Value) {
        let is = |name: &str| said[name] == json!(true);
        self.present = !is("hidden");
        self.sends = is("can_publish");
        self.data = is("can_publish_data");
        for (mark, value) in &mut self.marks {
            *value = is(mark);
        }
        let given: Vec<String> = said["can_publish_sources"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|source| source.as_str().unwrap().to_owned())
            .collect();
        let shown: Vec<String> = self.sources.iter().flatten().map(|it| coarse(it)).collect();
        if given != shown {
            let known = given.iter().map(|source| fine(source));
            self.sources = (!given.is_empty()).then(|| known.collect());
        }
        if is("can_subscribe") != self.receives() {
            self.base = rule(&said["can_subscribe"]);
            self.by_user.clear();
            self.by_id.clear();
        }
    }

    fn receives(&self) -> bool {
        let named = self.by_user.values().chain(self.by_id.values());
        let mut rules = named.chain([&self.base]);
        rules.any(|rule| rule.values().any(|allowed| *allowed))
    }

    /// A track goes when its source may not be sent any more.
    fn unpublish(&mut self) {
        let (sends, sources) = (self.sends, self.sources.clone());
        self.tracks.retain(|track| {
            let listed = sources.as_ref().is_none_or(|sources| {
                let is_custom = track.starts_with("custom");
                sources
                    .iter()
                    .any(|it| it == track || is_custom && it == "UNKNOWN")
            });
            sends && listed
        });
    }
}

/// What the room says of each connection, in the model's form; ids as the model names them.
fn seen(room: &Room, ids: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, Rights> {
    let of = |name: &&'static str| {
        let connection = room.connection_by_ref(&ids[name]).unwrap();
        let mut rights = seen_of(room, &connection.permission);
        rights.tracks = connection
            .tracks
            .iter()
            .map(|it| medium(it.source))
            .collect();
        (*name, rights)
    };
    PEOPLE.iter().map(of).collect()
}

fn seen_of(room: &Room, it: &Permission) -> Rights {
    let by_user = it.receive.by_participant.iter();
    let by_id = it.receive.by_connection.iter();
    Rights {
        present: it.presence,
        sends: it.send.enabled,
        sources: match &it.send.allowed {
            Allowed::All => None,
            Allowed::Listed(listed) => {
                Some(listed.iter().map(|it| medium(*it).to_owned()).collect())
            }
        },
        data: it.data,
        base: told(&it.receive.base),
        by_user: by_user
            .map(|(number, rule)| {
                let identity = &room.person(*number).unwrap().identity;
                (identity.to_string(), told(rule))
            })
            .collect(),
        by_id: by_id
            .map(|(number, rule)| {
                let id = room.connection(*number).unwrap().id;
                (id.uuid().to_string(), told(rule))
            })
            .collect(),
        admin: it.admin.iter().map(|it| task(*it).to_owned()).collect(),
        marks: [
            ("recorder", it.recorder),
            ("agent", it.agent),
            ("can_update_metadata", it.update_own_metadata),
            ("can_subscribe_metrics", it.subscribe_metrics),
            ("can_manage_agent_session", it.manage_agent_session),
        ]
        .into(),
        tracks: Vec::new(),
    }
}

fn told(it: &ReceiveRule) -> Rule {
    let plain = [
        ("video", it.camera),
        ("audio", it.microphone),
        ("screenVideo", it.screen_share),
        ("screenAudio", it.screen_share_audio),
        ("customVideo.*", it.custom_video),
        ("customAudio.*", it.custom_audio),
    ];
    let plain = plain.into_iter();
    let mut rule: Rule = plain
        .filter_map(|(name, allowed)| Some((name.to_owned(), allowed?)))
        .collect();
    for (medium, named) in [
        ("customVideo", &it.custom_video_by_name),
        ("customAudio", &it.custom_audio_by_name),
    ] {
        let named = named.iter().flatten();
        rule.extend(named.map(|(name, allowed)| (format!("{medium}.{name}"), *allowed)));
    }
    rule
}

/// A written rule; a boolean tells of every medium.
fn rule(written: &Value) -> Rule {
    let Value::Object(written) = written else {
        let all = written == &json!(true);
        let plain = MEDIA[..4].iter().map(|medium| (*medium).to_owned());
        let custom = MEDIA[4..].iter().map(|medium| format!("{medium}.*"));
        return plain.chain(custom).map(|medium| (medium, all)).collect();
    };
    let mut rule = Rule::new();
    for (medium, value) in written {
        match value {
            Value::Object(named) => rule.extend(
                named
                    .iter()
                    .map(|(name, allowed)| (format!("{medium}.{name}"), allowed == &json!(true))),
            ),
            allowed => {
                rule.insert(medium.clone(), allowed == &json!(true));
            }
        }
    }
    rule
}

fn words(written: &Value, all: &[&str]) -> BTreeSet<String> {
    match written {
        Value::Array(listed) => listed
            .iter()
            .map(|it| it.as_str().unwrap().to_owned())
            .collect(),
        Value::Bool(true) => all.iter().map(|it| (*it).to_owned()).collect(),
        _ => BTreeSet::new(),
    }
}

/// A medium as LiveKit shows it, which has no custom ones.
fn coarse(medium: &str) -> String {
    let named = NAMES.iter().find(|(ours, _)| *ours == medium);
    named.map_or("UNKNOWN", |(_, theirs)| theirs).to_owned()
}

fn fine(source: &str) -> String {
    let named = NAMES.iter().find(|(_, theirs)| *theirs == source);
    named.map_or("UNKNOWN", |(ours, _)| ours).to_owned()
}

fn medium(source: Source) -> &'static str {
    match source {
        Source::Camera => "video",
        Source::Microphone => "audio",
        Source::ScreenShare => "screenVideo",
        Source::ScreenShareAudio => "screenAudio",
        Source::CustomVideo => "customVideo",
        Source::CustomAudio => "customAudio",
        Source::Unknown => "UNKNOWN",
    }
}

fn task(right: AdminRight) -> &'static str {
    match right {
        AdminRight::Participants => "participants",
        AdminRight::Streaming => "streaming",
        AdminRight::Transcription => "transcription",
    }
}

fn patch() -> impl Strategy<Value = Value> {
    let set = |all: &'static [&'static str]| {
        prop_oneof![
            1 => any::<bool>().prop_map(Value::from),
            2 => subsequence(all, 0..=all.len()).prop_shuffle().prop_map(Value::from),
        ]
    };
    let fields = (
        option::of(any::<bool>().prop_map(Value::from)),
        option::of(set(&MEDIA)),
        option::of(receive()),
        option::of(set(&TASKS)),
    );
    fields.prop_map(|(presence, send, receive, admin)| {
        object([
            ("hasPresence", presence),
            ("canSend", send),
            ("canReceive", receive),
            ("canAdmin", admin),
        ])
    })
}

fn receive() -> impl Strategy<Value = Value> {
    let parts = (
        option::of(written_rule(true)),
        option::of(btree_map(
            select(&["alice", "bob", "eve"][..]),
            written_rule(false),
            0..3,
        )),
        option::of(btree_map(select(&PEOPLE[..]), written_rule(false), 0..3)),
    );
    parts.prop_map(|(base, by_user, by_id)| {
        object([
            ("base", base),
            ("byUserId", by_user.map(|map| json!(map))),
            ("byParticipantId", by_id.map(|map| json!(map))),
        ])
    })
}

fn written_rule(is_whole: bool) -> impl Strategy<Value = Value> {
    let plain = || option::of(any::<bool>().prop_map(Value::from));
    let custom = move || {
        let others = option::of(any::<bool>());
        let map = (others, btree_map("[a-c]", any::<bool>(), 0..2));
        let map = map.prop_map(move |(others, named)| {
            let mut map: Map<String, Value> = named
                .into_iter()
                .map(|(name, it)| (name, it.into()))
                .collect();
            if let Some(others) = others.or(is_whole.then_some(true)) {
                map.insert("*".to_owned(), others.into());
            }
            Value::Object(map)
        });
        option::of(map)
    };
    let rule = (plain(), plain(), plain(), plain(), custom(), custom());
    let rule = rule.prop_map(move |(video, audio, screen, sound, customs, sounds)| {
        let or = |value: Option<Value>, other: Value| value.or(is_whole.then_some(other));
        object([
            ("video", or(video, json!(false))),
            ("audio", or(audio, json!(false))),
            ("screenVideo", or(screen, json!(true))),
            ("screenAudio", or(sound, json!(false))),
            ("customVideo", or(customs, json!({"*": false}))),
            ("customAudio", or(sounds, json!({"*": true}))),
        ])
    });
    prop_oneof![2 => rule, 1 => any::<bool>().prop_map(Value::from)]
}

fn step() -> impl Strategy<Value = Step> {
    let key = select(&["alice", "bob", "cy", "*", "ghost"][..]);
    let sources = [
        "CAMERA",
        "MICROPHONE",
        "SCREEN_SHARE",
        "SCREEN_SHARE_AUDIO",
        "UNKNOWN",
    ];
    let flags = subsequence(&FLAGS[..], 0..=FLAGS.len());
    let whole = (flags, vec(select(sources.to_vec()), 0..4)).prop_map(|(flags, sources)| {
        let flags = flags.into_iter().map(|flag| (flag.to_owned(), json!(true)));
        let mut whole: Map<String, Value> = flags.collect();
        whole.insert("can_publish_sources".to_owned(), json!(sources));
        Value::Object(whole)
    });
    prop_oneof![
        3 => btree_map(key, patch(), 0..4).prop_map(Step::Daily),
        2 => (select(&PEOPLE[..]), whole).prop_map(|(who, it)| Step::LiveKit(who, it)),
    ]
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let given = members.into_iter();
    given
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// The same with people's names in `byParticipantId` as their connections' ids.
fn with_ids(said: &Value, ids: &BTreeMap<&'static str, String>) -> Value {
    let mut said = said.clone();
    let map = said.pointer_mut("/canReceive/byParticipantId");
    if let Some(Value::Object(map)) = map {
        let named = std::mem::take(map);
        *map = named
            .into_iter()
            .map(|(name, it)| (ids[&*name].clone(), it))
            .collect();
    }
    said
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Each is a server of its own with a dozen requests.
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    #[test]
    fn rights_are_those_of_the_model(steps in vec(step(), 1..12)) {
        let server = Server::new();
        let mut ids = BTreeMap::new();
        for name in PEOPLE {
            let id = server.join("r", name);
            for source in [
                Source::Camera, Source::Microphone, Source::ScreenShare, Source::CustomVideo,
            ] {
                server.publish("r", &id, source);
            }
            ids.insert(name, id);
        }
        let mut model: BTreeMap<&str, Rights> =
            PEOPLE.iter().map(|name| (*name, Rights::new())).collect();
        for step in steps {
            match &step {
                Step::Daily(targets) => {
                    let data: Map<String, Value> = targets
                        .iter()
                        .map(|(key, said)| {
                            let id = ids.get(key).map_or(*key, String::as_str);
                            (id.to_owned(), with_ids(said, &ids))
                        })
                        .collect();
                    let body = json!({"data": data});
                    let got = server.daily("POST", "/rooms/r/update-permissions", &body);
                    prop_assert_eq!(got.expect(200), json!({"status": "sent"}));
                    for (name, rights) in &mut model {
                        if let Some(said) = targets.get(name).or_else(|| targets.get("*")) {
                            rights.patch(&with_ids(said, &ids));
                        }
                    }
                }
                Step::LiveKit(who, whole) => {
                    let body = json!({"room": "r", "identity": who, "permission": whole});
                    server.livekit("UpdateParticipant", "r", &body).expect(200);
                    model.get_mut(who).unwrap().replace(whole);
                }
            }
            for rights in model.values_mut() {
                rights.unpublish();
            }
            prop_assert_eq!(&seen(&server.room("r"), &ids), &model, "after {:?}", step);
        }
    }
}

const PEOPLE: [&str; 3] = ["alice", "bob", "cy"];
const TRACKS: [&str; 4] = ["video", "audio", "screenVideo", "customVideo"];
const TASKS: [&str; 3] = ["participants", "streaming", "transcription"];
const MEDIA: [&str; 6] = [
    "video",
    "audio",
    "screenVideo",
    "screenAudio",
    "customVideo",
    "customAudio",
];
const NAMES: [(&str, &str); 4] = [
    ("video", "CAMERA"),
    ("audio", "MICROPHONE"),
    ("screenVideo", "SCREEN_SHARE"),
    ("screenAudio", "SCREEN_SHARE_AUDIO"),
];
const MARKS: [&str; 5] = [
    "recorder",
    "agent",
    "can_update_metadata",
    "can_subscribe_metrics",
    "can_manage_agent_session",
];
const FLAGS: [&str; 9] = [
    "can_subscribe",
    "can_publish",
    "can_publish_data",
    "hidden",
    "recorder",
    "agent",
    "can_update_metadata",
    "can_subscribe_metrics",
    "can_manage_agent_session",
];
