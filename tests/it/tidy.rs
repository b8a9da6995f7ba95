//! The architecture as a test: who may import whom, one owner per outside technology, vendor
//! words in their own folder, no import cycle, and the shape of every source file.
//!
//! Reads sources as text and never compiles them, so it needs no tool and no network. All
//! findings are collected first and reported together.

mod graph;
mod paths;
mod planted;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use paths::{Code, UsedPath};

/// Who may import whom, topologically sorted: a row names only modules of rows above it, so a
/// cycle between modules cannot even be written down (`table_is_a_dag`).
///
/// An entry with `::` allows that part of a module and nothing else of it.
const LAYERS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("audit", &[]),
    ("store", &["domain", "audit"]),
    ("replay", &["domain", "audit", "store"]),
    ("engine", &["domain", "audit", "store", "replay"]),
    ("testing", &["domain", "audit", "store", "replay", "engine"]),
    // Tells what happened to whoever was named, in a dialect's words, which it does not know.
    ("outbox", &["domain", "store", "replay", "engine"]),
    // Receipts and views speak of positions and records, and every failure of a store has an
    // answer; no dialect ever sees a store.
    (
        "dialect",
        &[
            "domain",
            "replay",
            "engine",
            "outbox",
            "store::Position",
            "store::Record",
            "store::StoreError",
        ],
    ),
    // Our own JSON endpoints ask for the same tokens as the dialects do.
    ("web", &["domain", "replay", "engine", "dialect::auth"]),
    (
        "server",
        &[
            "domain", "audit", "store", "replay", "engine", "outbox", "dialect", "web",
        ],
    ),
    // `token` mints what dialect::auth verifies; everything else of a dialect is server's.
    (
        "cli",
        &[
            "domain",
            "audit",
            "store",
            "replay",
            "engine",
            "outbox",
            "dialect::auth",
            "server",
        ],
    ),
];

/// The crate roots, which only declare modules and open the door to the command line.
const ROOTS: &[&str] = &["lib.rs", "main.rs"];

/// A path (of a crate, or a tail of one) and the only places that may name it.
const OWNED: &[(&str, &[&str])] = &[
    ("bincode", &["store/codec.rs"]),
    ("sled", &["store/sled/"]),
    ("crc32c", &["store/", "testing/fuzz_log.rs"]),
    (
        "rustix",
        &["store/", "server/descriptors.rs", "engine/priority.rs"],
    ),
    // The chain and trees of audit/, the one digest that events carry, and HMAC.
    (
        "sha2",
        &["audit/", "domain/digest.rs", "dialect/auth/hs256.rs"],
    ),
    ("hmac", &["dialect/auth/hs256.rs"]),
    ("arc_swap", &["engine/"]),
    (
        "tokio",
        &[
            "engine/",
            "outbox/",
            "dialect/",
            "web/",
            "server.rs",
            "server/",
            "cli/",
        ],
    ),
    ("axum", &["dialect/", "web/", "server.rs", "server/"]),
    ("http_body_util", &["outbox/post.rs"]),
    ("hyper", &["outbox/post.rs", "server/door/"]),
    ("hyper_rustls", &["outbox/post.rs"]),
    ("hyper_util", &["outbox/post.rs", "server/door/"]),
    ("rustls", &["outbox/post.rs", "server/door/tls.rs"]),
    ("tokio_rustls", &["server/door/tls.rs"]),
    ("prost", &["dialect/livekit/"]),
    (
        "serde_json",
        &[
            "domain/json.rs",
            "testing/model/",
            "replay/",
            "dialect/",
            "web/",
            "server.rs",
            "server/fuzz.rs",
            "server/fuzz_tokens.rs",
            "cli/",
        ],
    ),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("comfy_table", &["cli/"]),
    ("anstream", &["cli/"]),
    ("humantime", &["cli/"]),
    ("tracing_subscriber", &["cli/"]),
    ("unicode_security", &["cli/letters.rs"]),
    ("ureq", &["cli/"]),
    ("mimalloc", &["main.rs"]),
    ("schemars", &["replay/view/", "dialect/ledger/"]),
    ("proptest", &["testing/"]),
    ("getrandom", &["engine/clock.rs"]),
    ("SystemTime::now", &["engine/clock.rs"]),
    ("Instant::now", &["engine/clock.rs"]),
    ("Utc::now", &[]),
    ("Uuid::new_v4", &[]),
    ("std::fs", &["store/", "server.rs", "cli/"]),
    ("std::env", &["cli/"]),
    ("std::process", &["main.rs", "cli/", "server.rs", "store/"]),
    ("roomledger", &["main.rs"]),
];

/// A word of the language (or of the library) and the only places that may use it.
const WORDS: &[(&str, &[&str])] = &[
    (
        "async",
        &[
            "engine/",
            "outbox/",
            "dialect/",
            "web/",
            "server.rs",
            "server/",
            "cli/",
        ],
    ),
    (
        "await",
        &[
            "engine/",
            "outbox/",
            "dialect/",
            "web/",
            "server.rs",
            "server/",
            "cli/",
        ],
    ),
    ("HashMap", &[]),
    ("HashSet", &[]),
    (
        "f32",
        &["replay/", "engine/", "dialect/", "web/", "cli/", "testing/"],
    ),
    (
        "f64",
        &["replay/", "engine/", "dialect/", "web/", "cli/", "testing/"],
    ),
];

/// Words of one vendor and the folder that owns them, in code and strings (comments may say
/// where a fact comes from), in any letter case.
const VENDORS: &[(&str, &[&str])] = &[
    ("dialect/livekit/", &["livekit", "twirp"]),
    ("dialect/daily/", &["daily", "canSend", "canReceive"]),
    ("dialect/videosdk/", &["videosdk", "meetingId"]),
];

/// Where a vendor must be named outside its folder, and the exact phrase that does it: the wiring
/// of a dialect, the environment that its tools share with ours, one header.
const NAMED: &[(&str, &str)] = &[
    ("dialect/mod.rs", "mod livekit"),
    ("dialect/mod.rs", "mod daily"),
    ("dialect/mod.rs", "mod videosdk"),
    // The keys file says in which dialects a key is known.
    (
        "dialect/auth/keys_file.rs",
        "livekit, daily, videosdk, ledger",
    ),
    (
        "dialect/auth/keys_file.rs",
        r#""livekit", "daily", "videosdk", "ledger""#,
    ),
    // Our own API takes the vendors' join tokens in reports.
    ("dialect/join_token.rs", "livekit"),
    ("dialect/join_token.rs", "LIVEKIT"),
    ("dialect/join_token.rs", "videosdk"),
    ("dialect/join_token.rs", "daily"),
    ("server.rs", "dialect::livekit"),
    ("server.rs", "dialect::daily"),
    ("server.rs", "dialect::videosdk"),
    ("server.rs", "livekit::"),
    ("server/", "livekit::"),
    ("server/fuzz.rs", "daily"),
    ("server/fuzz.rs", "DAILY"),
    ("server.rs", "LiveKit::new"),
    ("server.rs", "daily::"),
    ("server.rs", "Daily::new"),
    ("server.rs", "videosdk::"),
    ("server.rs", "VideoSdk::new"),
    // A fuzz target for each dialect.
    ("server/fuzz.rs", "videosdk"),
    ("server/fuzz.rs", "VIDEOSDK"),
    ("server/fuzz.rs", "VideoSDK"),
    ("dialect/", "LIVEKIT_REQUEST_ID"),
    ("dialect/", "x-livekit-request-id"),
    ("web/", "x-livekit-request-id"),
    ("cli/", "x-livekit-request-id"),
    ("cli/", "LIVEKIT_URL"),
    ("cli/", "LIVEKIT_API_KEY"),
    ("cli/", "LIVEKIT_API_SECRET"),
];

#[test]
fn tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = text::rust_files(&root.join("src"));
    let mut found = check(&sources);
    for folder in ["tests", "examples", "benches", "fuzz"] {
        for (name, source) in text::rust_files(&root.join(folder)) {
            text::check(&format!("{folder}/{name}"), &source, &mut found);
        }
    }
    assert!(sources.contains_key("lib.rs"), "src/ was not read");
    assert!(found.is_empty(), "untidy:\n{}", found.join("\n"));
}

/// Every rule on the files of `src/`, by name relative to it.
fn check(sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    let codes: BTreeMap<String, Code> = sources
        .iter()
        .map(|(name, source)| (name.clone(), Code::read(name, source)))
        .collect();
    for (name, source) in sources {
        text::check(&format!("src/{name}"), source, &mut found);
    }
    for (name, code) in &codes {
        layers(name, code, &mut found);
        owners(name, code, &mut found);
        vendors(name, code, &mut found);
    }
    found.dedup();
    for cycle in graph::cycles(&codes) {
        found.push(format!("import cycle: {}", cycle.join(" -> ")));
    }
    found
}

/// A module imports only what its row of LAYERS allows.
fn layers(name: &str, code: &Code, found: &mut Vec<String>) {
    if ROOTS.contains(&name) {
        return;
    }
    let module = name
        .split('/')
        .next()
        .unwrap_or(name)
        .trim_end_matches(".rs");
    let Some((_, allowed)) = LAYERS.iter().find(|(row, _)| *row == module) else {
        found.push(format!("src/{name}:1: `{module}` is missing from LAYERS"));
        return;
    };
    for path in &code.paths {
        let Some(target) = path.absolute.as_ref().filter(|target| !target.is_empty()) else {
            continue;
        };
        let whole = target.join("::");
        let fine = target.first().is_some_and(|first| first == module)
            || allowed.iter().any(|row| starts_with_path(&whole, row));
        if !fine {
            let to = target.first().map_or("", String::as_str);
            found.push(format!(
                "src/{name}:{}: {module} must not import {to}",
                path.line
            ));
        }
    }
}

/// One owner per outside technology and per word.
fn owners(name: &str, code: &Code, found: &mut Vec<String>) {
    let mut say = |line: usize, what: &str, owners: &[&str]| {
        if !owners.iter().any(|owner| name.starts_with(owner)) {
            let owners = if owners.is_empty() {
                "nobody".into()
            } else {
                owners.join(", ")
            };
            found.push(format!("src/{name}:{line}: `{what}` belongs to {owners}"));
        }
    };
    for path in &code.paths {
        for (owned, owners) in OWNED {
            if names(path, owned) {
                say(path.line, owned, owners);
            }
        }
    }
    for (line, word) in &code.words {
        if let Some((owned, owners)) = WORDS.iter().find(|(owned, _)| owned == word) {
            say(*line, owned, owners);
        }
    }
}

/// Whether an outside path names the owned one: a crate at its root, or `Type::function` anywhere.
fn names(path: &UsedPath, owned: &str) -> bool {
    if path.absolute.is_some() {
        return false;
    }
    let whole = path.written.join("::");
    let a_function = owned.starts_with(|first: char| first.is_ascii_uppercase());
    starts_with_path(&whole, owned) || (a_function && whole.ends_with(&format!("::{owned}")))
}

fn starts_with_path(whole: &str, start: &str) -> bool {
    whole
        .strip_prefix(start)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// A vendor's words stay in its folder.
fn vendors(name: &str, code: &Code, found: &mut Vec<String>) {
    for (number, line) in code.lines.iter().enumerate() {
        // The reason of a lint's exception is prose, as a comment is.
        let mut line = line.split("reason = \"").next().unwrap_or(line).to_owned();
        for (place, phrase) in NAMED {
            if name.starts_with(place) {
                line = line.replace(phrase, "");
            }
        }
        let plain = line.to_ascii_lowercase();
        for (folder, words) in VENDORS {
            let hit = words
                .iter()
                .find(|word| plain.contains(&word.to_ascii_lowercase()));
            if let Some(word) = hit.filter(|_| !name.starts_with(folder)) {
                let number = number + 1;
                found.push(format!(
                    "src/{name}:{number}: the word `{word}` belongs to {folder}"
                ));
            }
        }
    }
}

#[test]
fn table_is_a_dag() {
    for (row, (module, allowed)) in LAYERS.iter().enumerate() {
        for entry in *allowed {
            let target = entry.split("::").next().unwrap_or(entry);
            let at = LAYERS.iter().position(|(module, _)| *module == target);
            assert!(
                at.is_some_and(|at| at < row),
                "{module} -> {entry} points up or nowhere"
            );
        }
    }
}

/// The checker is checked: each planted violation is found, and found as what it is.
#[test]
fn tidy_bites() {
    let long = format!("//! x\n// {}\n", "y".repeat(100));
    let tall = format!("//! x\n{}", "\n".repeat(500));
    let todo = format!("//! x\n// {}: later\n", concat!("TO", "DO"));
    let made = [
        ("domain/room.rs", long.as_str(), "columns"),
        ("domain/room.rs", &tall, "lines"),
        ("domain/room.rs", &todo, "file an issue"),
    ];
    for (name, source, expected) in planted::VIOLATIONS.iter().chain(&made) {
        let found = check(&BTreeMap::from([(
            (*name).to_owned(),
            (*source).to_owned(),
        )]));
        let hit = found.iter().any(|finding| finding.contains(expected));
        assert!(
            hit,
            "{name}: {source:?}: expected {expected:?}, got {found:?}"
        );
    }
}

/// Cycles between files of one room are found through re-exports too; what looks like a cycle
/// only because a parent re-exports its children is none.
#[test]
fn cycles_bite() {
    let check = |files: &[(&str, &str)]| {
        let sources = files
            .iter()
            .map(|(name, code)| ((*name).to_owned(), format!("//! x\n{code}\n")));
        check(&sources.collect())
    };
    let facade = (
        "domain/mod.rs",
        "mod a;\nmod b;\npub use a::A;\npub use self::b::{B as Bee};",
    );
    let leaf = ("domain/a.rs", "pub struct A;");
    let fine = check(&[
        facade,
        leaf,
        ("domain/b.rs", "use crate::domain::A;\npub struct B(A);"),
    ]);
    assert_eq!(fine, Vec::<String>::new());

    let back = ("domain/a.rs", "use super::b::B;\npub struct A;");
    for other in [
        "use super::a::A;",
        "use crate::domain::A;",
        "fn f() { super::a::go() }",
    ] {
        let found = check(&[facade, back, ("domain/b.rs", other)]);
        let expected = "import cycle: domain/a.rs -> domain/b.rs -> domain/a.rs";
        assert_eq!(found, [expected], "{other}");
    }
    let aliased = ("domain/a.rs", "use crate::domain::Bee;");
    let found = check(&[facade, aliased, ("domain/b.rs", "use crate::domain::a;")]);
    assert_eq!(found.len(), 1, "{found:?}");
    let parent = (
        "domain/mod.rs",
        "mod a;\npub const K: u8 = 1;\nfn f() { a::go() }",
    );
    let found = check(&[parent, ("domain/a.rs", "use super::K;")]);
    assert_eq!(
        found,
        ["import cycle: domain/a.rs -> domain/mod.rs -> domain/a.rs"]
    );
}

/// What the rules must leave alone.
#[test]
fn tidy_does_not_cry_wolf() {
    for (name, source) in planted::INNOCENT {
        let source = format!("//! x\n{source}\n");
        let found = check(&BTreeMap::from([((*name).to_owned(), source.clone())]));
        assert_eq!(found, Vec::<String>::new(), "{name}: {source}");
    }
}
