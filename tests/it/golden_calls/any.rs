//! Requests that nobody thought of: those of the dialects' properties, drawn alike in each run, and
//! those of the fuzz targets' corpora. Apart from who sends them.

use std::path::Path;

use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;

use super::conversation::Conversation;
use super::dialect::Dialect;
use crate::{daily_people, router_fuzz, videosdk};

/// A server where they mean something: the town with two people that those targets have, too.
pub(crate) fn town() -> Conversation {
    let mut server = Conversation::new();
    server.hold(TOWN, |_, title, exchange| {
        assert!(exchange.status < 300, "{title}: {}", exchange.answer);
    });
    server
}

/// The requests, as that server takes them.
pub(crate) fn requests(dialect: Dialect, town: &Conversation) -> Vec<Vec<u8>> {
    let mut all = match dialect {
        Dialect::LiveKit => drawn(router_fuzz::request()),
        Dialect::Daily => drawn(daily_people::bodies::request()),
        Dialect::VideoSdk => drawn(videosdk::any_request::request()),
    };
    all.extend(corpus(dialect));
    let (mount, key) = match dialect {
        Dialect::LiveKit => ("", "Bearer {admin}"),
        Dialect::Daily => ("/daily/v1", "Bearer secret"),
        Dialect::VideoSdk => ("/videosdk", "{app}"),
    };
    let key = format!("\nauthorization: {}\n", town.filled(key));
    all.iter()
        .filter_map(|request| sent(request, mount, &key, town))
        .filter(|request| dialect.asked(request).is_some())
        .collect()
}

fn drawn(strategy: impl Strategy<Value = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let draws = (0..DRAWN).map(|_| strategy.new_tree(&mut runner).unwrap().current());
    draws.collect()
}

/// What the corpus of the dialect's target holds, conversations taken apart.
fn corpus(dialect: Dialect) -> Vec<Vec<u8>> {
    let target = match dialect {
        Dialect::LiveKit => "router",
        Dialect::Daily | Dialect::VideoSdk => dialect.name(),
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let texts = paths
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok());
    let requests = texts.flat_map(|text| {
        let requests = text.split("\n%%\n");
        requests
            .map(|request| request.as_bytes().to_vec())
            .collect::<Vec<_>>()
    });
    requests.collect()
}

/// A request as a target reads it, mounted, with a key, and with the ids that words stand for.
fn sent(request: &[u8], mount: &str, key: &str, town: &Conversation) -> Option<Vec<u8>> {
    let end = request.iter().position(|byte| *byte == b'\n');
    let (first, rest) = request.split_at(end.unwrap_or(request.len()));
    let mut words = std::str::from_utf8(first).ok()?.split(' ');
    let first = format!("{} {mount}{}", words.next()?, words.next()?);
    let mut whole = first.into_bytes();
    whole.extend_from_slice(key.as_bytes());
    whole.extend_from_slice(rest.strip_prefix(b"\n").unwrap_or(rest));
    Some(match String::from_utf8(whole) {
        Ok(text) => {
            let text = text.replace("<session>", "{session}");
            let text = text.replace("<room>", "{room}").replace("<jwt>", "{admin}");
            town.filled(&text).into_bytes()
        }
        Err(error) => error.into_bytes(),
    })
}

const TOWN: &str = include_str!("town.txt");

/// As many as the properties draw themselves, about.
const DRAWN: usize = 512;
