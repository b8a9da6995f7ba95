//! LiveKit's join tokens as joins.

use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::auth::token::verify;
use roomledger::dialect::join_token::{JoinTokenError, join_of};
use roomledger::domain::command::Join;
use roomledger::domain::event::ConnectionKind;
use roomledger::domain::{Allowed, Permission, PermissionPatch, Source, Timestamp};
use serde_json::{Value, json};

use super::support::{NOW_S, mint};

/// A join by these grants, and by what else the token claims.
fn joined(video: &Value, more: &Value) -> Result<Join, JoinTokenError> {
    let mut claims = json!({"iss": "devkey", "sub": "alice", "exp": NOW_S + 60,
        "video": {"roomJoin": true, "room": "r"}});
    claims["video"]
        .as_object_mut()
        .unwrap()
        .extend(video.as_object().unwrap().clone());
    claims
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let claims = verify(&KeyRing::dev(), &mint(&claims), NOW_S).unwrap();
    join_of(&claims).map(|(room, join)| {
        assert_eq!(room.as_str(), "r");
        join
    })
}

fn permission(video: &Value) -> Permission {
    let join = joined(video, &json!({})).unwrap();
    join.permission
        .unwrap()
        .patch
        .apply(&Permission::standard())
}

#[test]
fn grants_become_the_permission_that_livekit_gives() {
    let standard = Permission::standard();
    assert_eq!(permission(&json!({})), standard);
    let muted = permission(&json!({"canPublish": false}));
    assert!(!muted.send.enabled && !muted.data && muted.receive.any());
    let writer = permission(&json!({"canPublish": false, "canPublishData": true}));
    assert!(!writer.send.enabled && writer.data);
    let deaf = permission(&json!({"canSubscribe": false, "canUpdateOwnMetadata": true}));
    assert!(!deaf.receive.any() && deaf.update_own_metadata);
    let hidden = permission(&json!({"hidden": true, "recorder": true}));
    assert!(!hidden.presence && hidden.recorder);
    let sources = permission(&json!({"canPublishSources": ["microphone", "SCREEN_SHARE"]}));
    let listed = vec![Source::Microphone, Source::ScreenShare];
    assert_eq!(sources.send.allowed, Allowed::Listed(listed));
}

#[test]
fn what_the_token_does_not_say_is_the_rooms_to_say() {
    let join = joined(&json!({}), &json!({})).unwrap();
    let patch = join.permission.unwrap().patch;
    let none = PermissionPatch {
        send_is_coarse: true,
        ..PermissionPatch::default()
    };
    assert_eq!(patch, none);
}

#[test]
fn the_token_tells_who_and_what_the_session_is() {
    let config = json!({"emptyTimeout": 9, "max_participants": 3, "metadata": "hall",
        "tags": {"a": "b"}});
    let more = json!({"name": "Alice", "metadata": "m", "attributes": {"k": "v"}, "kind": "sip",
        "nbf": NOW_S - 5, "iat": NOW_S - 6, "jti": "t-1", "roomConfig": config});
    let join = joined(&json!({}), &more).unwrap();
    assert_eq!(join.identity.unwrap().as_str(), "alice");
    assert_eq!(join.profile.name.as_deref(), Some("Alice"));
    assert_eq!(join.profile.attributes["k"].as_deref(), Some("v"));
    assert_eq!((join.kind, join.active), (ConnectionKind::Sip, true));
    let credential = join.credential;
    assert_eq!(credential.key_id.as_deref(), Some("devkey"));
    assert_eq!(
        credential.issued(),
        Some(Timestamp::from_seconds(NOW_S - 6))
    );
    assert_eq!(
        credential.expires_at,
        Some(Timestamp::from_seconds(NOW_S + 60))
    );
    assert_eq!(credential.token_id.unwrap().as_str(), "t-1");
    assert_eq!(
        (join.config.empty_timeout_s, join.config.max_participants),
        (Some(9), Some(3))
    );
    assert_eq!(join.config.properties["tags.a"], "b");
    assert_eq!(join.room_metadata.as_deref(), Some("hall"));
    let agent = joined(&json!({"agent": true}), &json!({"kind": "standard"})).unwrap();
    assert_eq!(agent.kind, ConnectionKind::Agent);
}

#[test]
fn a_token_that_nobody_can_join_with_says_why() {
    let check = |video: Value, more: Value, want: &str| {
        let error = joined(&video, &more).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    };
    check(json!({"roomJoin": false}), json!({}), "roomJoin");
    check(json!({"room": ""}), json!({}), "the room name is empty");
    check(json!({}), json!({"sub": ""}), "the identity is empty");
    check(json!({}), json!({"sub": "a\u{1}"}), "U+0001");
    check(json!({}), json!({"sub": "a".repeat(257)}), "at most 256");
    check(
        json!({"canPublishSources": ["telepathy"]}),
        json!({}),
        "telepathy",
    );
    check(
        json!({}),
        json!({"roomConfig": {"emptyTimeout": "soon"}}),
        "roomConfig",
    );
}
