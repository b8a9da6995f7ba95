//! A server with a room that its callers have no right in, and all words that would give it away.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use roomledger::domain::{Kind, RoomName};
use roomledger::engine::Engine;
use roomledger::store::encode_commit;
use roomledger::store::{CommandRecord, Commit, NewRecord, Position, Record};
use serde_json::{Value, json};

use crate::crossing::bearer;
use crate::videosdk::support::Server;

/// The room that is somebody else's.
pub(super) const ROOM: &str = "canary-board";
/// The room that guests and the other admin have a token for.
const LOBBY: &str = "open-lobby";

/// A caller, and what it may send.
pub(super) struct Caller {
    pub(super) name: &'static str,
    /// The `Authorization` header; none without a token.
    pub(super) token: Option<String>,
}

/// Tokens that every dialect reads, each in its own words.
pub(super) fn callers() -> Vec<Caller> {
    let guest = json!({"apikey": "devkey", "sub": "guest", "participantId": "guest",
        "video": {"roomJoin": true, "room": LOBBY}, "roles": ["rtc"],
        "permissions": ["allow_join"]});
    let admin = json!({"apikey": "devkey", "sub": "lobby-admin", "roles": ["crawler"],
        "permissions": ["allow_mod"], "roomId": LOBBY, "ledger": {"audit": true, "room": LOBBY},
        "video": {"roomAdmin": true, "room": LOBBY}});
    let webhook = json!({"nbf": 0, "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="});
    let expired = json!({"apikey": "devkey", "exp": 1_000_000, "roles": ["crawler"],
        "ledger": {"report": true, "admin": true, "audit": true},
        "video": {"roomAdmin": true, "roomCreate": true, "roomList": true, "room": ROOM}});
    let with = |name, claims: &Value| Caller {
        name,
        token: Some(bearer(claims)),
    };
    let nobody = Caller {
        name: "nobody",
        token: None,
    };
    vec![
        nobody,
        with("guest", &guest),
        with("another room's admin", &admin),
        with("a webhook's signature", &webhook),
        with("an expired token", &expired),
    ]
}

/// Words by the place that they stand in.
pub(super) type Words = BTreeMap<&'static str, String>;

/// The room with people in it, its ids, and the same words of what is not there.
pub(super) struct Scene {
    pub(super) server: Server,
    /// Forms of what is there, each with words of the same length of what is not.
    pub(super) forms: Vec<[Words; 2]>,
    /// What no answer may hold unless it was sent.
    pub(super) secret: Vec<String>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let server = Server::new();
        let full = bearer(&json!({"ledger": {"report": true, "admin": true, "audit": true}}));
        let post = |room: &str, call: &str, body: Value| {
            let path = format!("/api/v1/rooms/{room}/{call}");
            let (status, answer) = server.call_as(&full, "POST", &path, &body.to_string());
            assert!(status < 300, "{path}: {answer}");
            answer
        };
        post(LOBBY, "joins", json!({"identity": "lobby-person"}));
        let join = json!({"identity": "canary-ceo", "name": "Canary Chief",
            "connection": "canary-conn", "metadata": "canary-metadata"});
        let joined = post(ROOM, "joins", join);
        let track = json!({"type": "audio", "source": "microphone", "sid": "canary-track",
            "name": "canary-sound"});
        post(ROOM, "connections/canary-conn/tracks", track);
        let note = json!({"command": "add_note", "about": "room", "text": "canary-note"});
        let noted = post(ROOM, "commands", note);
        let room = server.engine.live(&RoomName::new(ROOM).unwrap()).unwrap();
        let life = room.life.as_ref().unwrap().id;
        let session = room.session.as_ref().unwrap();
        let position = noted["position"].to_string();
        let sid = joined["sid"].as_str().unwrap();
        let rooms = [
            ROOM.to_owned(),
            life.meeting_code(),
            life.uuid().to_string(),
            life.object_id(),
        ];
        let sessions = [
            session.sid(),
            session.id.uuid().to_string(),
            session.id.object_id(),
            session.sid(),
        ];
        let forms = rooms.iter().zip(&sessions).map(|(room, session)| {
            let there = [
                ("room", room.clone()),
                ("session", session.clone()),
                ("identity", "canary-ceo".to_owned()),
                ("connection", "canary-conn".to_owned()),
                ("track", "canary-track".to_owned()),
                ("position", position.clone()),
            ];
            let absent = [
                ("room", another(room)),
                ("session", another(session)),
                ("identity", "nobody-ceo".to_owned()),
                ("connection", "nobody-conn".to_owned()),
                ("track", "nobody-track".to_owned()),
                ("position", "9999".to_owned()),
            ];
            [there, absent].map(|words| words.into_iter().collect::<Words>())
        });
        let forms = forms.collect();
        let told = ["canary", "Canary", sid].map(str::to_owned);
        let secret = told.into_iter().chain(rooms).chain(sessions).collect();
        Self {
            server,
            forms,
            secret,
        }
    }

    /// The version of the room: no caller without a right changes it.
    pub(super) fn version(&self) -> u64 {
        let room = RoomName::new(ROOM).unwrap();
        self.server.engine.live(&room).unwrap().version.0
    }
}

/// A word of the same form that means nothing: its last letters are others.
fn another(word: &str) -> String {
    let turned = |letter: char| match letter {
        '0'..='9' => '7',
        'a'..='z' => 'b',
        'A'..='Z' => 'Q',
        other => other,
    };
    let keep = word.len() - 4;
    let (head, tail) = word.split_at(keep);
    let turned: String = tail.chars().map(turned).collect();
    assert_ne!(turned, tail, "{word}");
    format!("{head}{turned}")
}

/// What a call was answered, and what it left in the log.
pub(super) struct Left {
    pub(super) status: u16,
    /// Headers and body, but for where the log stands.
    pub(super) text: String,
    pub(super) body: Value,
    pub(super) records: Vec<Record>,
}

pub(super) fn send(
    server: &Server,
    caller: &Caller,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Left {
    let before = head(&server.engine);
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = &caller.token {
        request = request.header("Authorization", token);
    }
    request = request.header("Content-Type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let (head, body) = server.send(request);
    let mut headers = head.headers;
    headers.remove("x-ledger-position");
    let body = String::from_utf8(body).unwrap();
    Left {
        status: head.status.as_u16(),
        text: format!("{headers:?} {body}"),
        body: serde_json::from_str(&body).unwrap_or(Value::Null),
        records: server.engine.store().read_all(before, 1_000).unwrap(),
    }
}

/// The last position.
pub(super) fn head(engine: &Engine) -> Position {
    engine.head()
}

/// The bytes that each command takes in the log.
pub(super) fn sizes(records: &[Record]) -> Vec<usize> {
    let mut commands: BTreeMap<Position, CommandRecord> = BTreeMap::new();
    for record in records {
        let command = commands.entry(record.command_first);
        let command = command.or_insert_with(|| CommandRecord {
            header: Arc::clone(&record.command),
            events: Vec::new(),
        });
        command.events.push(NewRecord {
            room: record.room.clone(),
            version: record.version,
            event: record.event.clone(),
        });
    }
    let commands = commands.into_values();
    let sizes = commands.map(|command| {
        let commit = Commit {
            commands: vec![command],
        };
        encode_commit(&commit).unwrap().len()
    });
    sizes.collect()
}

/// Whether nothing but refusals was recorded, outside of any room.
pub(super) fn are_refusals(records: &[Record]) -> bool {
    let is_refusal = |record: &Record| {
        record.room.is_none() && record.event.event.kind() == Kind::CommandRefused
    };
    records.iter().all(is_refusal)
}
