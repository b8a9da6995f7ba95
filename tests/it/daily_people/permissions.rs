//! Daily's two written forms of a permission: each reads as it was written, and what is wrong is
//! named by daily-js's rules.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use roomledger::dialect::daily::permission::{
    ADMIN, CanReceive, DailyPermissions, MEDIA, normalised, parse_compact, parse_permissions,
    render_compact, render_long,
};
use roomledger::domain::{Identity, ReceiveRule};
use serde_json::{Value, json};

pub(super) fn permissions() -> impl Strategy<Value = DailyPermissions> {
    let receive = (
        option::of(rule(true)),
        option::of(btree_map(identity(), rule(false), 0..3)),
        option::of(btree_map("[a-z0-9-]{1,12}", rule(false), 0..3)),
    );
    let receive = receive.prop_map(|(base, by_user_id, by_participant_id)| CanReceive {
        base,
        by_user_id,
        by_participant_id,
    });
    (
        any::<Option<bool>>(),
        option::of(btree_set(select(&MEDIA[..]), 0..=6)),
        receive,
        option::of(btree_set(select(&ADMIN[..]), 0..=3)),
    )
        .prop_map(
            |(has_presence, can_send, can_receive, can_admin)| DailyPermissions {
                has_presence,
                can_send,
                can_receive,
                can_admin,
            },
        )
}

fn identity() -> impl Strategy<Value = Identity> {
    "[a-zA-Z0-9 @.*]{1,12}".prop_map(|text| Identity::new(&text).unwrap())
}

/// Of a base every medium is told, of all else some.
fn rule(is_whole: bool) -> impl Strategy<Value = ReceiveRule> {
    let one = move || {
        any::<Option<bool>>().prop_map(move |told| told.or_else(|| is_whole.then_some(false)))
    };
    let named = || option::of(btree_map("[a-z]{0,4}", any::<bool>(), 0..3));
    let media = (one(), one(), one(), one());
    let rules = (media, one(), one(), named(), named()).prop_map(|(media, video, audio, v, a)| {
        normalised(ReceiveRule {
            camera: media.0,
            microphone: media.1,
            screen_share: media.2,
            screen_share_audio: media.3,
            custom_video: video,
            custom_audio: audio,
            custom_video_by_name: v,
            custom_audio_by_name: a,
        })
    });
    prop_oneof![3 => rules, 1 => any::<bool>().prop_map(ReceiveRule::all)]
}

proptest! {
    #[test]
    fn what_is_written_in_full_reads_as_it_was(it in permissions()) {
        prop_assert_eq!(parse_permissions(&render_long(&it)), Ok(it));
    }

    #[test]
    fn what_is_abbreviated_reads_as_it_was(it in permissions()) {
        prop_assert_eq!(parse_compact(&render_compact(&it)), Ok(it));
    }

    #[test]
    fn normalising_twice_is_normalising_once(
        rule in rule(false),
        empty in any::<bool>(),
    ) {
        let mut rule = rule;
        if empty {
            rule.custom_video_by_name = Some(BTreeMap::new());
        }
        let once = normalised(rule);
        prop_assert_eq!(normalised(once.clone()), once);
    }

    #[test]
    fn each_property_comes_from_the_topmost_that_tells_it(
        token in permissions(), room in permissions(),
    ) {
        let both = token.clone().over(room.clone());
        prop_assert_eq!(both.has_presence, token.has_presence.or(room.has_presence));
        prop_assert_eq!(both.can_send, token.can_send.or(room.can_send));
        prop_assert_eq!(both.can_admin, token.can_admin.or(room.can_admin));
        let nothing = CanReceive::default();
        let told = Some(token.can_receive).filter(|told| *told != nothing);
        prop_assert_eq!(both.can_receive, told.unwrap_or(room.can_receive));
    }
}

#[test]
fn writings_that_mean_the_same_are_one() {
    let all = json!([
        "customAudio",
        "video",
        "audio",
        "screenAudio",
        "screenVideo",
        "customVideo"
    ]);
    let whole = json!({"video": true, "audio": true, "screenVideo": true, "screenAudio": true,
        "customVideo": {"*": true}, "customAudio": {"*": true}});
    for (written, shown) in [
        (json!({"canSend": all}), json!({"canSend": true})),
        (json!({"canSend": []}), json!({"canSend": false})),
        (json!({"canAdmin": []}), json!({"canAdmin": false})),
        (
            json!({"canAdmin": ["transcription", "participants", "streaming", "streaming"]}),
            json!({"canAdmin": true}),
        ),
        (
            json!({"canSend": ["audio", "video", "audio"]}),
            json!({"canSend": ["video", "audio"]}),
        ),
        (
            json!({"canReceive": {"base": whole}}),
            json!({"canReceive": {"base": true}}),
        ),
        (
            json!({"canReceive": {"byUserId": {"eve": whole, "bob": {"customVideo": {}}}}}),
            json!({"canReceive": {"byUserId": {"eve": true, "bob": {}}}}),
        ),
        (json!({"canReceive": {}}), json!({})),
        (json!({}), json!({})),
    ] {
        let read = parse_permissions(&written).unwrap();
        assert_eq!(render_long(&read), shown, "{written}");
    }
    for (written, shown) in [
        (
            json!({"cs": " a , v ", "ca": "t"}),
            json!({"cs": "v,a", "ca": "t"}),
        ),
        (
            json!({"cs": "", "hp": false}),
            json!({"cs": false, "hp": false}),
        ),
        (json!({"ca": "t,s,p"}), json!({"ca": true})),
    ] {
        assert_eq!(render_compact(&parse_compact(&written).unwrap()), shown);
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (written, field) in [
        (json!(true), "permissions"),
        (json!(null), "permissions"),
        (json!({"canSpeak": true}), "permissions.canSpeak"),
        (json!({"hasPresence": "yes"}), "permissions.hasPresence"),
        (json!({"hasPresence": null}), "permissions.hasPresence"),
        (json!({"canSend": "video"}), "permissions.canSend"),
        (json!({"canSend": ["camera"]}), "permissions.canSend"),
        (json!({"canSend": ["Video"]}), "permissions.canSend"),
        (json!({"canSend": ["video", 1]}), "permissions.canSend"),
        (json!({"canAdmin": ["everything"]}), "permissions.canAdmin"),
        (json!({"canAdmin": {}}), "permissions.canAdmin"),
        (json!({"canReceive": true}), "permissions.canReceive"),
    ] {
        wrong(parse_permissions(&written), field, &written);
    }
}

#[test]
fn what_is_wrong_in_can_receive_is_named() {
    let mut base = json!({"video": true, "audio": true, "screenVideo": true, "screenAudio": true,
        "customVideo": {"*": true}, "customAudio": {"*": true}});
    base.as_object_mut().unwrap().remove("screenAudio");
    let unnamed = json!({"video": true, "audio": true, "screenVideo": true, "screenAudio": true,
        "customVideo": {"slides": true}, "customAudio": {"*": true}});
    let long = "x".repeat(257);
    let cut = format!("byParticipantId.{}", "x".repeat(64));
    let sounds = |sounds: Value| json!({"byParticipantId": {"c": {"customAudio": sounds}}});
    for (written, field) in [
        (json!({"all": true}), "all"),
        (json!({"base": "all"}), "base"),
        (json!({"base": {}}), "base.video"),
        (json!({"base": base}), "base.screenAudio"),
        (json!({"base": unnamed}), "base.customVideo"),
        (json!({"byUserId": true}), "byUserId"),
        (json!({"byUserId": {"": true}}), "byUserId."),
        (json!({"byUserId": {"eve": null}}), "byUserId.eve"),
        (
            json!({"byUserId": {"eve": {"camera": true}}}),
            "byUserId.eve.camera",
        ),
        (
            json!({"byUserId": {"eve": {"video": 1}}}),
            "byUserId.eve.video",
        ),
        (sounds(json!(true)), "byParticipantId.c.customAudio"),
        (sounds(json!({"*": 0})), "byParticipantId.c.customAudio.*"),
        (json!({"byParticipantId": {long: true}}), &cut),
    ] {
        let written = json!({"canReceive": written});
        let field = format!("permissions.canReceive.{field}");
        wrong(parse_permissions(&written), &field, &written);
    }
}

#[test]
fn what_is_wrong_in_an_abbreviation_is_named() {
    for (written, field) in [
        (json!({"hasPresence": true}), "p.hasPresence"),
        (json!({"cs": ["v"]}), "p.cs"),
        (json!({"cs": "v,x"}), "p.cs"),
        (json!({"ca": "v"}), "p.ca"),
        (json!({"cr": {"b": {"v": true}}}), "p.cr.b.a"),
        (
            json!({"cr": {"u": {"eve": {"video": true}}}}),
            "p.cr.u.eve.video",
        ),
    ] {
        wrong(parse_compact(&written), field, &written);
    }
}

fn wrong<T: std::fmt::Debug>(
    read: Result<T, roomledger::dialect::daily::permission::Wrong>,
    field: &str,
    written: &Value,
) {
    let wrong = read.expect_err(&written.to_string());
    assert_eq!(wrong.field, field, "{written}: {wrong}");
}
