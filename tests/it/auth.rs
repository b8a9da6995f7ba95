//! Tokens: what is taken, what is refused, and that no token is ever repeated.

use proptest::prelude::*;
use roomledger::dialect::auth::claims::{Claims, Grants, LedgerGrant, VideoGrant};
use roomledger::dialect::auth::keys::{KeyRing, Secret, ShortSecrets};
use roomledger::dialect::auth::token::{LEEWAY_S, TokenError, bearer, mint, verify};
use roomledger::domain::Digest;
use serde_json::{Value, json};

use crate::hs256::{Algorithm, signed};

pub(crate) const NOW_S: i64 = 1_795_310_400;
const LONG: &str = "0123456789abcdef0123456789abcdef";

fn token(claims: &Value) -> String {
    signed(
        r#"{"alg":"HS256","typ":"JWT"}"#,
        &claims.to_string(),
        Algorithm::HS256,
        "secret",
    )
}

pub(crate) fn claims_of(video: impl Into<Value>) -> Value {
    json!({"iss": "devkey", "exp": NOW_S + 600, "video": video.into()})
}

pub(crate) fn verified(claims: &Value) -> Result<Claims, TokenError> {
    verify(&KeyRing::dev(), &token(claims), NOW_S)
}

fn refused(token: &str) -> TokenError {
    let error = verify(&KeyRing::dev(), token, NOW_S).unwrap_err();
    for part in token.split('.').filter(|part| part.len() > 12) {
        assert!(
            !error.to_string().contains(part),
            "{error} repeats the token"
        );
        assert!(
            !format!("{error:?}").contains(part),
            "{error:?} repeats the token"
        );
    }
    error
}

#[test]
fn a_token_may_not_choose_how_it_is_verified() {
    let claims = claims_of(json!({"roomCreate": true})).to_string();
    for algorithm in [
        "none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "hs256", "",
    ] {
        let header = json!({"alg": algorithm, "typ": "JWT"}).to_string();
        for signer in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let token = signed(&header, &claims, signer, "secret");
            assert_eq!(
                refused(&token),
                TokenError::Algorithm {
                    algorithm: algorithm.into()
                }
            );
            let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
            assert_eq!(
                refused(&unsigned),
                TokenError::Algorithm {
                    algorithm: algorithm.into()
                }
            );
        }
    }
    for header in [
        r"{}",
        r#"{"alg":null}"#,
        r#"{"alg":["HS256"]}"#,
        r"[]",
        "null",
        "x",
        "",
        r#"{"alg":"HS256","crit":["exp"]}"#,
    ] {
        let token = signed(header, &claims, Algorithm::HS256, "secret");
        assert_eq!(refused(&token), TokenError::Unreadable, "{header}");
    }
}

#[test]
fn the_key_is_the_one_of_iss_whatever_else_the_header_says() {
    let keys =
        KeyRing::parse(&format!("one: {LONG}1\ntwo: {LONG}2"), ShortSecrets::Refuse).unwrap();
    let claims = json!({"iss": "one", "exp": NOW_S + 1}).to_string();
    for kid in [r#""two""#, r#""../../dev/null""#, r#""' OR 1=1""#, "7"] {
        let header =
            format!(r#"{{"alg":"HS256","kid":{kid},"jku":"http://x.test","jwk":{{"kty":"oct"}}}}"#);
        let by = |secret: &str| {
            verify(
                &keys,
                &signed(&header, &claims, Algorithm::HS256, secret),
                NOW_S,
            )
        };
        assert_eq!(
            by(&format!("{LONG}1")).map(|claims| claims.key_id),
            Ok("one".into())
        );
        assert_eq!(by(&format!("{LONG}2")).err(), Some(TokenError::Signature));
        assert_eq!(by("").err(), Some(TokenError::Signature));
    }
}

#[test]
fn what_is_not_a_token_is_unreadable() {
    let good = token(&claims_of(json!({})));
    let cut = |chars: usize| good[..good.len() - chars].to_owned();
    let padded = format!("{good}=");
    let mut table = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        "garbage".into(),
        padded,
        cut(2),
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!(" {good}"),
        format!("{good} "),
        good.replace('.', ".."),
        good.replace('.', " "),
        "\u{e9}.\u{e9}.\u{e9}".into(),
    ];
    table.extend((44..60).map(cut));
    for token in table {
        assert_eq!(refused(&token), TokenError::Unreadable, "{token}");
    }
    for chars in [1, 4, 43] {
        assert!(matches!(
            refused(&cut(chars)),
            TokenError::Signature | TokenError::Unreadable
        ));
    }
}

#[test]
fn an_unknown_key_is_named_but_cut_and_escaped() {
    let by = |issuer: Value| refused(&token(&json!({"iss": issuer, "exp": NOW_S}))).to_string();
    assert_eq!(by(json!("nokey")), "invalid API key: nokey");
    assert_eq!(by(json!("")), "invalid API key: ");
    assert_eq!(by(json!(7)), "invalid API key: ");
    assert_eq!(by(json!("\u{1b}[31m\n")), "invalid API key: \\u{1b}[31m\\n");
    assert_eq!(
        by(json!("k".repeat(9_000))).len(),
        "invalid API key: ".len() + 64
    );
}

#[test]
fn dates_are_judged_to_the_second_with_a_minute_of_leeway() {
    let check = |exp: i64, nbf: Option<i64>| {
        let mut claims = json!({"iss": "devkey", "exp": exp});
        if let Some(nbf) = nbf {
            claims["nbf"] = json!(nbf);
        }
        verified(&claims).map(|claims| (claims.expires_at_s, claims.not_before_s))
    };
    let expired = |expires_at_s| {
        Err(TokenError::Expired {
            expires_at_s,
            now_s: NOW_S,
        })
    };
    let not_yet = |not_before_s| {
        Err(TokenError::NotYet {
            not_before_s,
            now_s: NOW_S,
        })
    };
    assert_eq!(
        check(NOW_S - LEEWAY_S + 1, None),
        Ok((NOW_S - LEEWAY_S + 1, None))
    );
    assert_eq!(check(NOW_S - LEEWAY_S, None), expired(NOW_S - LEEWAY_S));
    assert_eq!(
        check(NOW_S, Some(NOW_S + LEEWAY_S)),
        Ok((NOW_S, Some(NOW_S + LEEWAY_S)))
    );
    assert_eq!(
        check(NOW_S, Some(NOW_S + LEEWAY_S + 1)),
        not_yet(NOW_S + LEEWAY_S + 1)
    );
    assert_eq!(check(0, None), expired(0));
    assert_eq!(check(-1, None), expired(-1));
    assert_eq!(check(NOW_S, Some(-5)), Ok((NOW_S, Some(-5))));
    assert_eq!(check(253_402_300_799, None), Ok((253_402_300_799, None)));
}

#[test]
fn what_is_no_date_is_refused() {
    let wrong = |path: &str| TokenError::Claim {
        path: path.into(),
        expected: "a number of seconds since 1970",
    };
    let far = [
        json!(u64::MAX),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(253_402_300_800_i64),
        json!(1e300),
        json!(-1e18),
    ];
    let other = [
        json!("1795310400"),
        json!("2026-11-22T00:00:00Z"),
        json!(true),
        json!([1]),
        json!({}),
    ];
    for value in far.iter().chain(&other) {
        for path in ["exp", "nbf", "iat"] {
            let mut claims = claims_of(json!({}));
            claims[path] = value.clone();
            assert_eq!(refused(&token(&claims)), wrong(path), "{value}");
        }
    }
    let text = format!(r#"{{"iss":"devkey","exp":{NOW_S}.9,"nbf":-0.5,"iat":null}}"#);
    let token = signed(r#"{"alg":"HS256"}"#, &text, Algorithm::HS256, "secret");
    let claims = verify(&KeyRing::dev(), &token, NOW_S).unwrap();
    assert_eq!(
        (claims.expires_at_s, claims.not_before_s, claims.issued_at_s),
        (NOW_S, Some(-1), None)
    );

    for claims in [
        json!({"iss": "devkey"}),
        json!({"iss": "devkey", "exp": null}),
    ] {
        assert_eq!(refused(&self::token(&claims)), TokenError::Endless);
    }
}

#[test]
fn a_claim_of_the_wrong_type_is_named() {
    let check = |claims: Value, path: &str| {
        let error = refused(&token(&claims));
        assert!(
            matches!(&error, TokenError::Claim { path: at, .. } if at == path),
            "{error:?}"
        );
    };
    check(claims_of(json!({"roomAdmin": "true"})), "video.roomAdmin");
    check(claims_of(json!({"roomAdmin": 1})), "video.roomAdmin");
    check(claims_of(json!({"room": 5})), "video.room");
    check(claims_of(json!({"canPublish": "no"})), "video.canPublish");
    check(
        claims_of(json!({"canPublishSources": "camera"})),
        "video.canPublishSources",
    );
    check(
        claims_of(json!({"canPublishSources": [1]})),
        "video.canPublishSources",
    );
    check(claims_of(json!([])), "video");
    for (claim, value) in [
        ("sub", json!(5)),
        ("jti", json!([])),
        ("attributes", json!({"a": 1})),
        ("roomConfig", json!("x")),
        ("ledger", json!(true)),
        ("kindDetails", json!({})),
    ] {
        let mut claims = claims_of(json!({}));
        claims[claim] = value;
        check(claims, claim);
    }
    let mut claims = claims_of(json!({}));
    claims["ledger"] = json!({"audit": "yes"});
    check(claims, "ledger.audit");
}

#[test]
fn only_bearer_is_a_scheme() {
    assert_eq!(bearer("Bearer abc"), Ok("abc"));
    for header in [
        "",
        "abc",
        "Bearer",
        "Bearer ",
        "bearer abc",
        "BEARER abc",
        "Basic abc",
        " Bearer abc",
    ] {
        assert_eq!(bearer(header), Err(TokenError::NotBearer), "{header:?}");
    }
}

fn grants() -> impl Strategy<Value = Grants> {
    let text = || "[a-z\\PC]{0,6}";
    let video = (
        any::<[bool; 9]>(),
        any::<[Option<bool>; 6]>(),
        text(),
        text(),
        proptest::collection::vec(text(), 0..3),
    )
        .prop_map(
            |(flags, choices, room, destination_room, can_publish_sources)| VideoGrant {
                room_create: flags[0],
                room_list: flags[1],
                room_record: flags[2],
                room_admin: flags[3],
                room_join: flags[4],
                ingress_admin: flags[5],
                hidden: flags[6],
                recorder: flags[7],
                agent: flags[8],
                can_publish: choices[0],
                can_subscribe: choices[1],
                can_publish_data: choices[2],
                can_update_own_metadata: choices[3],
                can_subscribe_metrics: choices[4],
                can_manage_agent_session: choices[5],
                room,
                destination_room,
                can_publish_sources,
            },
        );
    let ledger =
        (any::<[bool; 3]>(), proptest::option::of(text())).prop_map(|(flags, room)| LedgerGrant {
            report: flags[0],
            admin: flags[1],
            audit: flags[2],
            room,
        });
    let texts = (text(), text(), text(), text(), text(), text());
    let attributes = proptest::collection::btree_map(text(), text(), 0..3);
    let config = proptest::option::of(Just(json!({"emptyTimeout": 5})));
    (
        texts,
        attributes,
        config,
        proptest::option::of(video),
        ledger,
        proptest::collection::vec(text(), 0..2),
    )
        .prop_map(
            |(texts, attributes, room_config, video, ledger, kind_details)| Grants {
                identity: texts.0,
                name: texts.1,
                kind: texts.2,
                metadata: texts.3,
                sha256: texts.4,
                room_preset: texts.5,
                attributes,
                room_config,
                video,
                ledger,
                kind_details,
            },
        )
}

proptest! {
    #[test]
    fn what_is_minted_is_verified(
        grants in grants(),
        secret in "\\PC{1,40}",
        ttl_s in 1_i64..9_000,
    ) {
        let keys = KeyRing::parse(&format!("k: {LONG}"), ShortSecrets::Refuse).unwrap();
        let minted = mint(&grants, "k", keys.secret("k").unwrap(), NOW_S, ttl_s).unwrap();
        let claims = verify(&keys, &minted, NOW_S).unwrap();
        prop_assert_eq!(&claims.grants, &grants);
        prop_assert_eq!(claims.token_sha256, Digest::of(minted.as_bytes()));
        prop_assert_eq!(claims.not_before_s, Some(NOW_S));
        prop_assert_eq!(claims.expires_at_s, NOW_S + ttl_s);
        let other = mint(&grants, "k", &Secret::new(secret), NOW_S, ttl_s).unwrap();
        prop_assert_eq!(verify(&keys, &other, NOW_S), Err(TokenError::Signature));
    }

    #[test]
    fn no_change_of_a_token_passes(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9._-]") {
        let good = token(&claims_of(json!({"roomCreate": true})));
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = to.as_bytes()[0];
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert_eq!(verify(&KeyRing::dev(), &changed, NOW_S).is_ok(), changed == good);
    }

    #[test]
    fn hostile_tokens_and_keys_never_panic(
        text in "\\PC*",
        claims in "\\PC*",
        now_s in any::<i64>(),
    ) {
        let keys = KeyRing::dev();
        prop_assert!(verify(&keys, &text, now_s).is_err());
        let token = signed(r#"{"alg":"HS256"}"#, &claims, Algorithm::HS256, "secret");
        prop_assert!(verify(&keys, &token, now_s).is_err());
        let _ = KeyRing::parse(&text, ShortSecrets::Allow);
    }

    #[test]
    fn hostile_dates_never_panic(exp in any::<f64>(), nbf in any::<i64>(), now_s in any::<i64>()) {
        let claims = json!({"iss": "devkey", "exp": exp, "nbf": nbf, "iat": now_s});
        let _ = verify(&KeyRing::dev(), &token(&claims), now_s);
    }
}
