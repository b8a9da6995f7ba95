//! The ledger's own API as a media server and a reviewer use it: reports what happens in a room,
//! reads what was recorded. Never calls a vendor's API; the tests do that with the vendor's client.
//!
//! Its tokens carry LiveKit's own grant `roomAdmin` for one room, which is enough for everything
//! in that room; the other suites use the ledger's claim.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use livekit_api::access_token::{AccessToken, VideoGrants};
pub use serde_json::{Value, json};

/// The dev key.
pub const KEY: &str = "devkey";
/// Its secret.
pub const SECRET: &str = "secret";

/// One room on one server, which no other test uses.
pub struct Room {
    /// Base address of the server.
    pub url: String,
    /// The room's name.
    pub name: String,
}

impl Room {
    /// A room on the server under test.
    pub fn new(name: &str) -> Self {
        Self::on("ROOMLEDGER_URL", name)
    }

    /// A room on the server where remote unmute is enabled.
    pub fn with_unmute(name: &str) -> Self {
        Self::on("ROOMLEDGER_UNMUTE_URL", name)
    }

    /// A room on the server for Daily's clients, one of which cannot read a list of a hundred.
    pub fn for_daily(name: &str) -> Self {
        Self::on("ROOMLEDGER_DAILY_URL", name)
    }

    /// A room on the server that tells what happens.
    pub fn with_hooks(name: &str) -> Self {
        Self::on("ROOMLEDGER_HOOKS_URL", name)
    }

    fn on(variable: &str, name: &str) -> Self {
        let url = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: start this suite by tests/clients/run")
        });
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock after 1970");
        let name = format!("rust-{name}-{:x}", now.as_nanos());
        Self { url, name }
    }

    /// Reports a join under LiveKit's own token; answers connection, sid, participant, position.
    pub fn join(&self, identity: &str, grants: VideoGrants) -> Value {
        let video = VideoGrants {
            room_join: true,
            room: self.name.clone(),
            ..grants
        };
        let token = signed(
            AccessToken::with_api_key(KEY, SECRET).with_identity(identity),
            video,
        );
        self.report("/joins", &json!({ "token": token }))
    }

    /// Reports a publication; answers the track's sid.
    pub fn publish(&self, joined: &Value, source: &str, muted: bool) -> String {
        let kind = if source == "microphone" {
            "audio"
        } else {
            "video"
        };
        let connection = joined["connection"].as_str().expect("a connection");
        let track = json!({ "type": kind, "source": source, "muted": muted });
        let answer = self.report(&format!("/connections/{connection}/tracks"), &track);
        answer["sid"].as_str().expect("a sid").to_owned()
    }

    /// The participant as the ledger folds it, those who left included.
    pub fn participant(&self, identity: &str) -> Value {
        self.get(&format!("/rooms/{}/participants/{identity}", self.name))
    }

    /// The room's events after a position, in log order.
    pub fn events(&self, after: u64) -> Vec<Value> {
        let path = format!("/events?room={}&after={after}&limit=1000", self.name);
        self.get(&path)["events"]
            .as_array()
            .expect("events")
            .clone()
    }

    /// The position of the room's last event.
    pub fn head(&self) -> u64 {
        self.events(0)
            .last()
            .map_or(0, |event| event["position"].as_u64().expect("a position"))
    }

    fn report(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}/api/v1/rooms/{}{path}", self.url, self.name);
        let sent = agent()
            .post(&url)
            .header("authorization", self.admin())
            .send_json(body);
        read(&url, 201, sent)
    }

    fn get(&self, path: &str) -> Value {
        let url = format!("{}/api/v1{path}", self.url);
        let sent = agent()
            .get(&url)
            .header("authorization", self.admin())
            .call();
        read(&url, 200, sent)
    }

    fn admin(&self) -> String {
        let video = VideoGrants {
            room_admin: true,
            room: self.name.clone(),
            ..unset()
        };
        format!(
            "Bearer {}",
            signed(AccessToken::with_api_key(KEY, SECRET), video)
        )
    }
}

/// A grant that says nothing but what follows.
pub fn unset() -> VideoGrants {
    VideoGrants::default()
}

/// Signs a token with these grants.
pub fn signed(token: AccessToken, video: VideoGrants) -> String {
    token.with_grants(video).to_jwt().expect("a token")
}

/// The one event of `kind`, with what every event of a LiveKit call carries.
pub fn only<'a>(events: &'a [Value], kind: &str, call: &str) -> &'a Value {
    let found: Vec<_> = events
        .iter()
        .filter(|event| event["kind"] == kind)
        .collect();
    let [event] = found.as_slice() else {
        panic!("not one {kind} in {events:#?}");
    };
    assert_eq!(
        (&event["actor"]["kind"], &event["actor"]["id"]),
        (&json!("api_key"), &json!(KEY))
    );
    assert_eq!(event["via"], json!({ "dialect": "livekit", "call": call }));
    event
}

/// Where cargo keeps the source of a package that these suites are built with.
pub fn source_of(package: &str) -> PathBuf {
    let version = output("rustc", &["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let platform = format!("--filter-platform={}", host.expect("rustc's host"));
    let options = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        &platform,
    ];
    let metadata: Value =
        serde_json::from_str(&output(env!("CARGO"), &options)).expect("cargo's metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let found = packages.iter().find(|it| it["name"] == package);
    let manifest = &found.expect("the package")["manifest_path"];
    Path::new(manifest.as_str().expect("a path")).with_file_name("src")
}

fn output(program: &str, options: &[&str]) -> String {
    let mut command = Command::new(program);
    command
        .args(options)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    String::from_utf8(output.stdout).expect("text")
}

/// Status errors are answers too: what a refusal says is what the tests read.
fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into()
}

fn read(
    url: &str,
    status: u16,
    sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Value {
    let mut answer = sent.unwrap_or_else(|error| panic!("{url}: {error}"));
    let text = answer.body_mut().read_to_string().expect("a body of text");
    assert_eq!(answer.status(), status, "{url}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"))
}
