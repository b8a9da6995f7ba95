//! Keys files: what is taken, what is refused, and that no secret is ever repeated.

use roomledger::dialect::auth::keys::{KeyError, KeyRing, Secret, ShortSecrets};

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
    assert_eq!(format!("{keys:?}"), r#"KeyRing({"one": Secret(hidden)})"#);
    let short = KeyRing::parse("one: hunter2", ShortSecrets::Refuse).unwrap_err();
    let malformed = KeyRing::parse("hunter2", ShortSecrets::Refuse).unwrap_err();
    assert!(!format!("{short} {short:?} {malformed} {malformed:?}").contains("hunter2"));
}
