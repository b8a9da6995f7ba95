//! VideoSDK's tokens: who may call, and who joins as whom.

use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::videosdk::error::VendorCode;
use roomledger::dialect::videosdk::token::{Token, TokenFault, is_ours};
use roomledger::domain::{AdminRight, Identity, Timestamp};
use serde_json::{Value, json};

use super::support::token;

const NOW_S: i64 = 1_800_000_000;

fn verified(claims: &Value) -> Result<Token, TokenFault> {
    Token::verify(&KeyRing::dev(), &token(claims), NOW_S)
}

/// The vendor's code of a refusal.
fn code<T>(result: &Result<T, TokenFault>) -> Option<VendorCode> {
    match result {
        Err(TokenFault::Refused { code, .. }) => Some(*code),
        _ => None,
    }
}

#[test]
fn roles_and_permissions_say_what_a_token_is_for() {
    let (crawler, rtc) = (json!(["crawler"]), json!(["RTC"]));
    let role = Some(VendorCode::UnauthorizedRole);
    let request = Some(VendorCode::UnauthorizedRequest);
    let permissions = Some(VendorCode::InvalidPermissions);
    // Roles, permissions; why it may not call, why nobody can join with it.
    let table = [
        (
            crawler.clone(),
            json!(["allow_join", "allow_mod"]),
            None,
            role,
        ),
        (crawler.clone(), json!([]), None, role),
        (crawler, json!(["ask_join"]), None, role),
        (rtc.clone(), json!(["allow_join"]), role, None),
        (rtc.clone(), json!(["allow_join", "allow_mod"]), role, None),
        (rtc.clone(), json!(["ask_join"]), role, permissions),
        (rtc, json!(["allow_mod"]), role, permissions),
        (json!(["rtc", "crawler"]), json!(["allow_join"]), None, None),
        (json!([]), json!(["allow_join", "allow_mod"]), None, None),
        (Value::Null, json!(["allow_join"]), request, None),
        (Value::Null, json!(["ask_join"]), request, permissions),
        (Value::Null, Value::Null, request, permissions),
    ];
    for (roles, permissions, call, join) in table {
        let read = verified(&json!({"roles": roles, "permissions": permissions})).unwrap();
        let told = (code(&read.may_call()), code(&read.join(None)));
        assert_eq!(told, (call, join), "{roles} {permissions}");
    }
}

#[test]
fn what_contradicts_itself_or_is_unknown_is_refused() {
    let check = |claims: Value, expected: VendorCode| {
        assert_eq!(code(&verified(&claims)), Some(expected), "{claims}");
    };
    let permissions = VendorCode::InvalidPermissions;
    check(
        json!({"permissions": ["ask_join", "allow_join"]}),
        permissions,
    );
    check(
        json!({"permissions": ["ask_join", "allow_mod"]}),
        permissions,
    );
    check(json!({"permissions": ["allow_all"]}), permissions);
    check(json!({"roles": ["admin"]}), VendorCode::UnauthorizedRole);
    for claims in [
        json!({"permissions": "allow_join"}),
        json!({"roles": [1]}),
        json!({"roomId": 7}),
        json!({"exp": 1_700_000_000}),
        json!({"exp": Value::Null}),
        json!({"nbf": NOW_S + 3_600}),
        json!({"apikey": "another"}),
    ] {
        assert!(
            matches!(verified(&claims), Err(TokenFault::Token(_))),
            "{claims}"
        );
    }
}

#[test]
fn a_join_is_as_whom_the_token_says() {
    let named = verified(&json!({"permissions": ["allow_join", "allow_mod"],
        "participantId": "alice", "iat": NOW_S - 5}))
    .unwrap();
    let join = named.join(None).unwrap();
    assert_eq!(join.identity.unwrap().as_str(), "alice");
    let admin = join.permission.unwrap().patch.admin.unwrap();
    assert!(admin.into_iter().eq([AdminRight::Participants]));
    assert_eq!(join.credential.kind, "videosdk");
    assert_eq!(join.credential.key_id.as_deref(), Some("devkey"));
    assert_eq!(
        join.credential.issued(),
        Some(Timestamp::from_seconds(NOW_S - 5))
    );
    let bob = Identity::new("bob").unwrap();
    let elsewhere = code(&named.join(Some(&bob)));
    assert_eq!(elsewhere, Some(VendorCode::UnauthorizedParticipantId));
    let open = verified(&json!({"permissions": ["allow_join"], "roles": ["rtc"]})).unwrap();
    assert_eq!(open.join(Some(&bob)).unwrap().identity, Some(bob));
    assert_eq!(open.join(None).unwrap().identity, None);
    let nobody = verified(&json!({"permissions": ["allow_join"], "participantId": "a\u{1}"}));
    assert_eq!(
        code(&nobody.unwrap().join(None)),
        Some(VendorCode::InvalidParticipantId)
    );
}

#[test]
fn a_token_is_ours_by_the_claim_that_names_its_key() {
    assert!(is_ours(&token(&json!({}))));
    for other in ["", "a.b.c", "e30.e30.", "e30.eyJpc3MiOiJkZXZrZXkifQ.x"] {
        assert!(!is_ours(other), "{other}");
    }
}
