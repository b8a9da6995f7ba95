//! What a verified token allows: identity, LiveKit's defaults, and the one table of rights.

use roomledger::dialect::auth::claims::Right::{
    self, Admin, Audit, Join, MoveTo, Report, RoomAdmin, RoomCreate, RoomList,
};
use serde_json::{Value, json};

use crate::auth::{NOW_S, claims_of, verified};

const RIGHTS: &[Right<'static>] = &[
    RoomAdmin("r"),
    RoomAdmin("s"),
    RoomAdmin(""),
    RoomCreate("r"),
    RoomList,
    Join("r"),
    Join("s"),
    Join(""),
    MoveTo { from: "r", to: "s" },
    MoveTo { from: "r", to: "" },
    Report("r"),
    Report("s"),
    Admin("r"),
    Admin("s"),
    Admin(""),
    Audit(Some("r")),
    Audit(Some("s")),
    Audit(None),
];

#[test]
fn the_identity_is_sub_else_jti() {
    let check = |claims: Value, identity: &str| {
        let mut all = claims_of(json!({}));
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        assert_eq!(verified(&all).unwrap().grants.identity, identity);
    };
    check(json!({"sub": "ann", "jti": "t1"}), "ann");
    check(json!({"sub": "", "jti": "t1"}), "t1");
    check(json!({"jti": "t1"}), "t1");
    check(json!({}), "");
}

#[test]
fn grants_have_livekits_defaults() {
    let check = |video: Value, want: [bool; 6]| {
        let grant = verified(&claims_of(video)).unwrap().grants.video.unwrap();
        let got = [
            grant.may_publish(),
            grant.may_subscribe(),
            grant.may_publish_data(),
            grant.may_update_own_metadata(),
            grant.may_subscribe_metrics(),
            grant.may_manage_agent_session(),
        ];
        assert_eq!(got, want, "{grant:?}");
    };
    check(json!({}), [true, true, true, false, false, false]);
    check(
        json!({"canPublish": null}),
        [true, true, true, false, false, false],
    );
    check(
        json!({"canPublish": false}),
        [false, true, false, false, false, false],
    );
    check(
        json!({"canPublish": false, "canPublishData": true}),
        [false, true, true, false, false, false],
    );
    check(
        json!({"canPublishData": false}),
        [true, true, false, false, false, false],
    );
    check(
        json!({"canSubscribe": false, "canUpdateOwnMetadata": true, "canSubscribeMetrics": true,
               "canManageAgentSession": true}),
        [true, false, true, true, true, true],
    );
    assert_eq!(
        verified(&json!({"iss": "devkey", "exp": NOW_S}))
            .unwrap()
            .grants
            .video,
        None
    );
}

#[test]
fn rights_come_from_one_table() {
    let check = |extra: Value, want: &[Right<'_>]| {
        let mut claims = json!({"iss": "devkey", "exp": NOW_S});
        claims
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        let claims = verified(&claims).unwrap();
        let got: Vec<_> = RIGHTS
            .iter()
            .copied()
            .filter(|right| claims.may(*right))
            .collect();
        assert_eq!(got, want, "{extra}");
    };
    check(json!({}), &[]);
    check(json!({"video": {}, "ledger": {}}), &[]);
    check(json!({"video": {"roomAdmin": true}}), &[]);
    check(json!({"video": {"room": "r", "destinationRoom": "s"}}), &[]);
    check(json!({"video": {"roomCreate": true}}), &[RoomCreate("r")]);
    check(json!({"video": {"roomList": true}}), &[RoomList]);
    check(json!({"video": {"roomJoin": true}}), &[]);
    check(
        json!({"video": {"roomJoin": true, "room": "r"}}),
        &[Join("r")],
    );
    let admin = [RoomAdmin("r"), Report("r"), Admin("r"), Audit(Some("r"))];
    check(json!({"video": {"roomAdmin": true, "room": "r"}}), &admin);
    check(
        json!({"video": {"roomAdmin": true, "room": "r", "destinationRoom": "s"}}),
        &[
            RoomAdmin("r"),
            MoveTo { from: "r", to: "s" },
            Report("r"),
            Admin("r"),
            Audit(Some("r")),
        ],
    );
    check(
        json!({"ledger": {"report": true}}),
        &[Report("r"), Report("s")],
    );
    check(
        json!({"ledger": {"report": true, "room": "s"}}),
        &[Report("s")],
    );
    check(
        json!({"ledger": {"admin": true}}),
        &[Admin("r"), Admin("s"), Admin("")],
    );
    check(json!({"ledger": {"admin": true, "room": ""}}), &[]);
    check(
        json!({"ledger": {"audit": true}}),
        &[Audit(Some("r")), Audit(Some("s")), Audit(None)],
    );
    check(
        json!({"ledger": {"audit": true, "room": "r"}}),
        &[Audit(Some("r"))],
    );
}

/// A client makes `null` of a variable that is not set: what names no room opens none.
#[test]
fn a_ledger_grant_for_a_room_that_is_not_named_is_none() {
    let check = |room: Value| {
        let mut claims = claims_of(json!({}));
        claims["ledger"] = json!({"audit": true, "admin": true, "report": true, "room": room});
        let error = verified(&claims).unwrap_err().to_string();
        assert!(
            error.contains("claim ledger.room has to be a room's name"),
            "{error}"
        );
    };
    for room in [
        json!(null),
        json!(0),
        json!(false),
        json!([]),
        json!({}),
        json!(["r"]),
    ] {
        check(room);
    }
}
