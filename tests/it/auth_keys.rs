//! Keys files: what is taken, what is refused, and that no secret is ever repeated.

use roomledger::dialect::auth::keys::{KeyError, KeyRing, Secret, ShortSecrets};
use roomledger::dialect::auth::limits::{Bearer, KeyLimits, KeyRight, RoomPattern, WebhookUse};
use roomledger::domain::Digest;

const LONG: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn keys_are_read_from_a_livekit_keys_file() {
    let check = |text: &str, want: Result<Vec<(&str, &str)>, KeyError>| {
        let got = KeyRing::parse(text, ShortSecrets::Refuse);
        let want = want.map(|pairs| {
            for (id, secret) in &pairs {
                let keys = got.as_ref().unwrap();
                assert_eq!(keys.secret(id), Some(&Secret::new(*secret)), "{text}");
            }
            pairs
                .into_iter()
                .map(|(id, _)| id.to_owned())
                .collect::<Vec<_>>()
        });
        assert_eq!(
            got.map(|keys| keys.ids().map(str::to_owned).collect()),
            want,
            "{text}"
        );
    };
    check(&format!("a: {LONG}"), Ok(vec![("a", LONG)]));
    check(
        &format!("# keys\r\n\r\n  b :{LONG}#:x # old\r\n'a': \"{LONG}\"\r\n"),
        Ok(vec![("a", LONG), ("b", &format!("{LONG}#:x"))]),
    );
    check("", Err(KeyError::None));
    check("# a: b", Err(KeyError::None));
    check("a", Err(KeyError::Line { line: 1 }));
    check("a:", Err(KeyError::Line { line: 1 }));
    check(&format!("\n: {LONG}"), Err(KeyError::Line { line: 2 }));
    check(&format!("a\u{7}: {LONG}"), Err(KeyError::Line { line: 1 }));
    check(
        &format!("a: {}", &LONG[1..]),
        Err(KeyError::Short {
            line: 1,
            key_id: "a".into(),
            chars: 31,
        }),
    );
    check(
        &format!("a: {LONG}\na: {LONG}"),
        Err(KeyError::Twice {
            line: 2,
            key_id: "a".into(),
        }),
    );
    assert_eq!(
        KeyRing::parse("devkey: secret", ShortSecrets::Allow),
        Ok(KeyRing::dev())
    );
    assert_eq!(
        KeyRing::parse("a: \"\"", ShortSecrets::Allow),
        Err(KeyError::Line { line: 1 })
    );
}

#[test]
fn secrets_cannot_be_printed() {
    let keys = KeyRing::parse("one: hunter2", ShortSecrets::Allow).unwrap();
    let shown = format!("{keys:?}");
    assert!(
        shown.contains(r#"{"one": Key { secret: Secret(hidden), "#),
        "{shown}"
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    let short = KeyRing::parse("one: hunter2", ShortSecrets::Refuse).unwrap_err();
    let malformed = KeyRing::parse("hunter2", ShortSecrets::Refuse).unwrap_err();
    assert!(!format!("{short} {short:?} {malformed} {malformed:?}").contains("hunter2"));
}

/// A block narrows a key; lines of two columns stay what they were, and mean everything.
#[test]
fn a_block_narrows_its_key() {
    let other = "fedcba9876543210fedcba9876543210";
    let digest = Digest::of(b"a bearer of its own");
    let lines = [
        format!("plain: {LONG}"),
        "support: # the help desk".to_owned(),
        format!("  secret: \"{other}\""),
        "  dialects: [livekit, ledger]".to_owned(),
        "  rooms: town-*, 'lobby'".to_owned(),
        "  rights: admin, audit".to_owned(),
        "  token_life_max: 15m".to_owned(),
        format!("  bearer: sha256:{digest}"),
        "  webhooks: off".to_owned(),
        "  on_behalf_of: allowed".to_owned(),
        format!("last: {LONG}{other}"),
    ];
    let text = lines.join("\n");
    let keys = KeyRing::parse(&text, ShortSecrets::Refuse).unwrap();
    assert_eq!(keys.ids().collect::<Vec<_>>(), ["last", "plain", "support"]);
    let limits = |id: &str| (*keys.key(id).unwrap().limits).clone();
    assert_eq!((limits("plain"), limits("last")), Default::default());
    let text = |text: &str| text.to_owned();
    let support = KeyLimits {
        dialects: Some([text("livekit"), text("ledger")].into()),
        rooms: Some(vec![
            RoomPattern::Prefix(text("town-")),
            RoomPattern::Exact(text("lobby")),
        ]),
        rights: Some([KeyRight::Admin, KeyRight::Audit].into()),
        token_life_max_s: Some(900),
        bearer: Bearer::Own(digest),
        webhooks: WebhookUse::Off,
        may_speak_for_others: true,
    };
    assert_eq!(limits("support"), support);
    assert_eq!(keys.secret("support"), Some(&Secret::new(other)));
    let shown = |text: &str| keys.key_of_bearer(text).map(|(id, _)| id);
    assert_eq!(shown("a bearer of its own"), Some("support"));
    assert_eq!((shown(other), shown(LONG)), (None, Some("plain")));
}

/// Whatever is wrong with a block is said with its line and key, and never with what stands there:
/// nothing that is missing, empty or unknown widens a key.
#[test]
fn what_is_wrong_with_a_block_is_refused() {
    let check = |lines: &str, line: usize, problem: &str| {
        let text = format!("a:\n{lines}");
        let error = KeyRing::parse(&text, ShortSecrets::Refuse).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&format!("line {line}")), "{text}: {said}");
        assert!(said.contains(problem), "{text}: {said}");
        assert!(!said.contains("hunter2"), "{text}: {said}");
    };
    let secret = format!("  secret: {LONG}\n");
    let with = |line: &str| format!("{secret}  {line}\n");
    check("  rights: audit\n", 1, "has no secret");
    check("  hunter2: x\n", 2, "is none of secret, dialects");
    check("  hunter2\n", 2, "is not \"key: secret\"");
    check("  secret: hunter2\n", 2, "has 7 characters");
    check(
        &format!("{secret}{secret}"),
        3,
        "gives secret a second time",
    );
    for option in [
        "dialects",
        "rooms",
        "rights",
        "token_life_max",
        "bearer",
        "webhooks",
        "on_behalf_of",
    ] {
        check(&with(&format!("{option}:")), 3, "empty: leave the line out");
        // Any text is the name of a room.
        if option != "rooms" {
            check(&with(&format!("{option}: hunter2?")), 3, option);
        }
    }
    check(&with("dialects: livekit,"), 3, "has an empty item");
    check(&with("rights: []"), 3, "has an empty item");
    check(&with("rights: audit, everything"), 3, "has to list some of");
    check(&with("rooms: a*b"), 3, "at the end of a name alone");
    for life in ["0s", "-1s", "1", "1.5h", "99999d", "h", "1w"] {
        check(
            &with(&format!("token_life_max: {life}")),
            3,
            "a duration such as",
        );
    }
    check(&with("bearer: sha256:abc"), 3, "64 hexadecimal digits");
    check(&with("webhooks: never"), 3, "on, off or only");
    check(&with("on_behalf_of: yes"), 3, "allowed or refused");
}

/// What one key signed must not pass for what another did.
#[test]
fn two_keys_have_two_secrets() {
    let check = |text: &str| {
        let error = KeyRing::parse(text, ShortSecrets::Allow).unwrap_err();
        let shared = KeyError::Shared {
            line: 2,
            key_id: "b".into(),
            other: "a".into(),
        };
        assert_eq!(error, shared, "{text}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    };
    check("a: hunter2\nb: hunter2");
    check("a: hunter2\nb: 'hunter2'");
    check("a: hunter2\nb:\n  secret: hunter2\n  bearer: off");
    let digest = Digest::of(b"hunter2");
    check(&format!(
        "a: hunter2\nb:\n  secret: other\n  bearer: sha256:{digest}"
    ));
}
