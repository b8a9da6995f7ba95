//! What each dialect answers, byte by byte: conversations in `tests/golden/<dialect>`, whose
//! answers `ROOMLEDGER_BLESS=1` writes. A change of them is a change of what clients see.
//!
//! A conversation begins with remarks (`#`) and names for tokens (`let admin = jwt({...})`: the
//! claims, signed with `devkey`). Each exchange is a line `=== what it shows`, then the request as
//! it is sent, then `--- ` with the answer. `{admin}` stands for what a name stands for;
//! `let id = /pointer/into/json` between the title and the request names a part of the answer
//! before. `=== advance 90` lets 90 seconds pass. Ids and clock are the same in each run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use jsonwebtoken::Algorithm;
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::livekit::twirp::calls::Call;
use roomledger::server::router;
use roomledger::testing::virtual_time::VirtualEngine;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::auth::signed;

#[test]
fn livekit_answers_as_written() {
    let said = check("livekit");
    for call in Call::ALL {
        let asked = format!("POST /twirp/livekit.RoomService/{}", call.name());
        let answers = said
            .iter()
            .filter(|(request, _)| request.starts_with(&asked));
        let (fine, refused): (Vec<u16>, Vec<u16>) = answers
            .map(|(_, status)| status)
            .partition(|status| **status == 200);
        assert!(!refused.is_empty(), "{}: no error is shown", call.name());
        let is_done = call.answered() != roomledger::dialect::coverage::Answered::NeedsMedia;
        assert_eq!(!fine.is_empty(), is_done, "{}", call.name());
    }
}

/// Holds every conversation of a dialect, and tells the requests' lines with their statuses.
pub(crate) fn check(dialect: &str) -> Vec<(String, u16)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(dialect);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}: nothing there", folder.display());
    let mut said = Vec::new();
    for path in paths {
        let written = std::fs::read_to_string(&path).unwrap();
        let held = Conversation::new().hold(&written, &mut said);
        if std::env::var_os("ROOMLEDGER_BLESS").is_some() {
            std::fs::write(&path, held).unwrap();
        } else {
            let name = path.display();
            if let Err(differs) = similar(&written, &held) {
                panic!("{name}:{differs}\nROOMLEDGER_BLESS=1 writes what is answered");
            }
        }
    }
    said
}

/// A server of its own, and what was named so far.
struct Conversation {
    engine: VirtualEngine,
    router: Router,
    runtime: tokio::runtime::Runtime,
    names: BTreeMap<String, String>,
    last: Value,
}

impl Conversation {
    fn new() -> Self {
        let engine = VirtualEngine::in_memory().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        Self {
            router: router(&engine, &Arc::new(KeyRing::dev()), None),
            engine,
            runtime: runtime.unwrap(),
            names: BTreeMap::new(),
            last: Value::Null,
        }
    }

    /// The same text with the answers that are given now.
    fn hold(&mut self, written: &str, said: &mut Vec<(String, u16)>) -> String {
        let mut exchanges = written.split("\n=== ");
        let before = exchanges.next().unwrap_or_default();
        self.name(before.lines().filter(|line| !line.starts_with('#')));
        let mut held = before.trim_end().to_owned();
        for exchange in exchanges {
            let (asked, _) = exchange.split_once("\n--- ").unwrap_or((exchange, ""));
            let asked = asked.trim_end();
            write!(held, "\n\n=== {asked}").unwrap();
            if let Some(seconds) = asked.strip_prefix("advance ") {
                let by = Duration::from_secs(seconds.parse().unwrap());
                self.engine.advance(by).unwrap();
                continue;
            }
            let (_, asked) = asked.split_once('\n').expect("a request below its title");
            let (lets, request): (Vec<&str>, Vec<&str>) =
                asked.lines().partition(|line| line.starts_with("let "));
            self.name(lets.into_iter());
            let (status, answer) = self.exchange(&request.join("\n"));
            said.push((
                request.first().copied().unwrap_or_default().to_owned(),
                status,
            ));
            write!(held, "\n--- {answer}").unwrap();
        }
        held + "\n"
    }

    fn name<'a>(&mut self, lets: impl Iterator<Item = &'a str>) {
        for line in lets.filter(|line| !line.trim().is_empty()) {
            let named = line
                .strip_prefix("let ")
                .and_then(|line| line.split_once(" = "));
            let (name, value) = named.unwrap_or_else(|| panic!("{line}: let NAME = VALUE"));
            let claims = value
                .strip_prefix("jwt(")
                .and_then(|rest| rest.strip_suffix(')'));
            let value = match (claims, self.last.pointer(value)) {
                (Some(claims), _) => signed(
                    r#"{"alg":"HS256","typ":"JWT"}"#,
                    claims,
                    Algorithm::HS256,
                    "secret",
                ),
                (None, Some(Value::String(text))) => text.clone(),
                (None, found) => panic!("{line}: {found:?} in {:#}", self.last),
            };
            self.names.insert(format!("{{{name}}}"), value);
        }
    }

    fn exchange(&mut self, request: &str) -> (u16, String) {
        let mut request = request.to_owned();
        for (name, value) in &self.names {
            request = request.replace(name, value);
        }
        let (head, body) = request.split_once("\n\n").unwrap_or((&request, ""));
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let (method, path) = first.split_once(' ').expect("METHOD PATH");
        let mut asked = Request::builder().method(method).uri(path);
        for line in lines {
            let (name, value) = line.split_once(": ").expect("NAME: VALUE");
            asked = asked.header(name, value);
        }
        let asked = asked.body(Body::from(body.to_owned())).unwrap();
        let (status, answer, body) = self.runtime.block_on(async {
            let answered = self.router.clone().oneshot(asked).await.unwrap();
            told(answered).await
        });
        self.last = serde_json::from_str(&body).unwrap_or_default();
        (status, answer)
    }
}

/// An answer as it is written: status, headers in order, body.
async fn told(response: Response<Body>) -> (u16, String, String) {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(bytes.to_vec()).expect("text");
    let headers = parts.headers.iter();
    let mut lines: Vec<String> = headers
        .map(|(name, value)| format!("\n{name}: {}", value.to_str().unwrap()))
        .filter(|line| !line.starts_with("\ncontent-length"))
        .collect();
    lines.sort();
    let status = parts.status.as_u16();
    let lines: String = lines.concat();
    (
        status,
        format!("{status}{lines}\n\n{body}").trim_end().to_owned(),
        body,
    )
}

/// # Errors
/// The first line that differs, by its number from 1.
fn similar(written: &str, held: &str) -> Result<(), String> {
    let lines = written.lines().zip(held.lines()).enumerate();
    for (at, (written, held)) in lines {
        if written != held {
            return Err(format!("{}\nwritten: {written}\nanswered: {held}", at + 1));
        }
    }
    let (written, held) = (written.lines().count(), held.lines().count());
    let same = (written == held).then_some(());
    same.ok_or_else(|| format!("{written} lines are written, {held} answered"))
}
