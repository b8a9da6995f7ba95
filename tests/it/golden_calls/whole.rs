//! Every error that a call can answer is shown in its dialect's conversations.
//!
//! Nobody lists them: each request that succeeds in a conversation is sent again with one change at
//! a time, and once too early and once too late, to a server that is like the one it met; then come
//! requests of the dialects' properties, the same in each run. What is answered and nowhere shown
//! is missing. Every word of a dialect's errors, and every code of the domain's refusals, is shown
//! as well, or stands below with the reason why no request meets it.

use std::collections::{BTreeMap, BTreeSet};

use roomledger::domain::Code;
use roomledger::store::Position;

use super::any;
use super::changed::{changed, reused, shape};
use super::conversation::{Conversation, Exchange};
use super::dialect::{Dialect, Outcome};
use super::written;

#[test]
fn livekit_shows_every_error() {
    check(Dialect::LiveKit);
}

#[test]
fn daily_shows_every_error() {
    check(Dialect::Daily);
}

#[test]
fn videosdk_shows_every_error() {
    check(Dialect::VideoSdk);
}

fn check(dialect: Dialect) {
    let mut shown: BTreeSet<Outcome> = BTreeSet::new();
    let mut met: BTreeMap<Outcome, String> = BTreeMap::new();
    let mut shapes = BTreeSet::new();
    for (path, text) in written(dialect) {
        let place = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut succeeded = Vec::new();
        let mut conversation = Conversation::new();
        conversation.hold(&text, |server, title, exchange| {
            let Some(outcome) = exchange.outcome(dialect) else {
                return;
            };
            if outcome.status >= 400 {
                shown.insert(outcome);
                return;
            }
            if !shapes.insert((outcome.call, shape(&exchange.request))) {
                return;
            }
            let place = format!("{place}, {title:?}");
            let requests = changed(&exchange.request, server.tokens());
            throw(server, exchange.before, requests, |it| {
                note(dialect, &place, it, &mut met);
            });
            let fork = server.fork(exchange.before);
            for request in reused(&exchange.request) {
                note(dialect, &place, &fork.exchange(request).unwrap(), &mut met);
            }
            succeeded.push((place, exchange));
        });
        for (place, exchange) in succeeded {
            for when in [Position(0), Position(u64::MAX)] {
                let requests = vec![exchange.request.clone()];
                throw(&conversation, when, requests, |it| {
                    note(dialect, &place, it, &mut met);
                });
            }
        }
    }
    let town = any::town();
    throw(&town, town.head(), any::requests(dialect, &town), |it| {
        note(dialect, "a request drawn for the town", it, &mut met);
    });

    report(dialect, &shown, &met);
    words_are_shown(dialect, &shown);
    refusals_are_shown(dialect, &shown);
}

fn report(dialect: Dialect, shown: &BTreeSet<Outcome>, met: &BTreeMap<Outcome, String>) {
    let missing: Vec<String> = met
        .iter()
        .filter(|(outcome, _)| !shown.contains(outcome))
        .map(|(outcome, example)| format!("{outcome}\n{example}\n"))
        .collect();
    assert!(
        missing.is_empty(),
        "{} errors are in no conversation of tests/golden/{}:\n{}",
        missing.len(),
        dialect.name(),
        missing.concat()
    );
}

/// Every word of the dialect's closed list of errors.
fn words_are_shown(dialect: Dialect, shown: &BTreeSet<Outcome>) {
    let never: Vec<&str> = NEVER_SAID
        .iter()
        .filter(|(of, _, _)| *of == dialect)
        .flat_map(|(_, words, _)| words.iter().copied())
        .collect();
    for word in dialect.words() {
        let mut codes = shown.iter().map(|it| it.code.split(' ').next());
        let is_shown = codes.any(|code| code == Some(word));
        assert_ne!(is_shown, never.contains(&word), "{dialect:?}: {word}");
    }
}

/// Every code of the domain's refusals.
fn refusals_are_shown(dialect: Dialect, shown: &BTreeSet<Outcome>) {
    let never: Vec<Code> = NEVER_REFUSED
        .iter()
        .filter(|(of, _, _)| of.contains(&dialect))
        .flat_map(|(_, codes, _)| codes.iter().copied())
        .collect();
    for code in Code::ALL {
        let mut refused = shown.iter().filter_map(|it| it.refused.as_deref());
        let is_shown = refused.any(|refused| refused == code.as_str());
        assert_ne!(is_shown, never.contains(code), "{dialect:?}: {code:?}");
    }
}

/// Sends requests to a server as it was at a position, each time as if it were the first that does
/// something.
fn throw(
    server: &Conversation,
    at: Position,
    requests: Vec<Vec<u8>>,
    mut tell: impl FnMut(&Exchange),
) {
    let mut fork = None;
    for request in requests {
        let on = fork.get_or_insert_with(|| server.fork(at));
        let Some(exchange) = on.exchange(request) else {
            continue;
        };
        tell(&exchange);
        if exchange.status < 400 && on.head() > exchange.before {
            fork = None;
        }
    }
}

fn note(dialect: Dialect, place: &str, it: &Exchange, met: &mut BTreeMap<Outcome, String>) {
    let Some(outcome) = it.outcome(dialect).filter(|outcome| outcome.status >= 400) else {
        return;
    };
    met.entry(outcome).or_insert_with(|| {
        let request = String::from_utf8_lossy(&it.request);
        let request: String = request.chars().take(SHOWN_CHARS_MAX).collect();
        let answer: String = it.answer.chars().take(SHOWN_CHARS_MAX).collect();
        format!("as {place}, but\n{request}\n--- {answer}\n")
    });
}

/// Words of a dialect's list that no request to a sound server brings about, and why.
const NEVER_SAID: &[(Dialect, &[&str], &str)] = &[
    (
        Dialect::LiveKit,
        &[
            "canceled",
            "unknown",
            "deadline_exceeded",
            "out_of_range",
            "data_loss",
        ],
        "they are Twirp's, and nothing here comes to them",
    ),
    (
        Dialect::LiveKit,
        &["aborted"],
        "no call says which version of a room it expects",
    ),
    (
        Dialect::LiveKit,
        &["internal"],
        "it is a fault of ours, and we know of none",
    ),
    (
        Dialect::VideoSdk,
        &["4009", "4052"],
        "people join through our own API, which answers in its own words",
    ),
];

/// Refusals that no call of a dialect meets, and why.
const NEVER_REFUSED: &[(&[Dialect], &[Code], &str)] = &[
    (
        &[Dialect::Daily, Dialect::VideoSdk],
        &[
            Code::Banned,
            Code::TokenRevoked,
            Code::TokenExpired,
            Code::RoomFull,
            Code::RoomDisabled,
            Code::RoomNotOpen,
            Code::SameRoom,
            Code::NotMovable,
        ],
        "nobody joins or is moved by one of its calls",
    ),
    (
        &[Dialect::LiveKit, Dialect::Daily, Dialect::VideoSdk],
        &[Code::ActorMismatch],
        "the tokens of the conversations name nobody: `callers` has it in every dialect",
    ),
    (
        &[Dialect::LiveKit],
        &[Code::TokenExpired],
        "nobody joins by one of its calls, and who is moved was let in",
    ),
    (
        &[Dialect::VideoSdk],
        &[Code::RoomExpired],
        "nobody joins by one of its calls, and it knows no end of a room",
    ),
    (
        &[Dialect::LiveKit, Dialect::Daily, Dialect::VideoSdk],
        &[Code::IdReused],
        "nobody brings an id of their own but to our own API",
    ),
    (
        &[Dialect::LiveKit, Dialect::Daily, Dialect::VideoSdk],
        &[Code::NoSuchVersion],
        "none of its calls writes about an event",
    ),
    (
        &[Dialect::LiveKit, Dialect::VideoSdk],
        &[Code::NoSuchConnection, Code::ConnectionClosed],
        "its calls name people, or connections that may be unknown",
    ),
    (
        &[Dialect::Daily],
        &[
            Code::NoSuchParticipant,
            Code::NoSuchConnection,
            Code::ConnectionClosed,
        ],
        "whom it does not know is recorded as unknown, and no error",
    ),
    (
        &[Dialect::Daily],
        &[Code::NoRight],
        "a key of ours may do everything",
    ),
    (
        &[Dialect::Daily, Dialect::VideoSdk],
        &[Code::NoSuchTrack, Code::RemoteUnmuteDisabled],
        "none of its calls is about a track",
    ),
    (
        &[Dialect::LiveKit, Dialect::Daily, Dialect::VideoSdk],
        &[Code::VersionConflict],
        "no call says which version of a room it expects",
    ),
    (
        &[Dialect::VideoSdk],
        &[Code::TooMany],
        "none of its calls lists what the rules count",
    ),
];

/// As much of a request as tells what it is.
const SHOWN_CHARS_MAX: usize = 2_000;
