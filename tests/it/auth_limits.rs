//! Keys that are narrowed: what a token may is what it grants and its key allows, in every dialect.

use proptest::prelude::*;
use roomledger::dialect::auth::claims::Right;
use roomledger::dialect::auth::keys::{KeyRing, ShortSecrets};
use roomledger::dialect::auth::token::{TokenError, verify};
use serde_json::{Value, json};

use crate::hs256::{Algorithm, signed};
use crate::videosdk::support::Server;

/// A key `k` with these lines in its block.
fn keys(lines: &[&str]) -> KeyRing {
    let secret = format!("secret: {SECRET}");
    let lines = [&[secret.as_str()], lines].concat();
    let text = format!("k:\n  {}\n", lines.join("\n  "));
    KeyRing::parse(&text, ShortSecrets::Allow).unwrap()
}

fn token(claims: &Value) -> String {
    let mut all = json!({"exp": 4_102_444_800_u64});
    let own = claims.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(own);
    signed(
        r#"{"alg":"HS256"}"#,
        &all.to_string(),
        Algorithm::HS256,
        SECRET,
    )
}

fn bearer(claims: &Value) -> String {
    let mut all = claims.clone();
    all["iss"] = json!("k");
    format!("Bearer {}", token(&all))
}

proptest! {
    /// A narrowed key never gives a right that the same token has not with the whole key, and takes
    /// away just those of rooms and rights that its lines do not list.
    #[test]
    fn a_key_takes_away_what_its_lines_do_not_list(
        flags in any::<[bool; 8]>(),
        bound in proptest::option::of("[ab]"),
        kept in proptest::sample::subsequence(RIGHTS.to_vec(), 1..=6),
        rooms in proptest::option::of(proptest::sample::select(vec!["a", "a*", "b, c", "*"])),
        room in "[abc]{1,2}",
    ) {
        let [create, list, admin, join, report, commands, audit, has_to] = flags;
        let mut video = json!({"roomCreate": create, "roomList": list, "roomAdmin": admin,
            "roomJoin": join, "room": room});
        if has_to {
            video["destinationRoom"] = json!("a");
        }
        let mut ledger = json!({"report": report, "admin": commands, "audit": audit});
        if let Some(bound) = bound {
            ledger["room"] = json!(bound);
        }
        let own = token(&json!({"iss": "k", "video": video, "ledger": ledger}));
        let rights = format!("rights: {}", kept.join(", "));
        let mut lines = vec![rights.as_str()];
        let listed = rooms.map(|rooms| format!("rooms: {rooms}"));
        lines.extend(listed.as_deref());
        let narrow = verify(&keys(&lines), &own, NOW_S).unwrap();
        let whole = verify(&keys(&[]), &own, NOW_S).unwrap();
        let reaches = |room: &str| rooms.is_none_or(|rooms| rooms.split(", ").any(|one| {
            match one.strip_suffix('*') {
                Some(prefix) => room.starts_with(prefix),
                None => room == one,
            }
        }));
        let has = |right| kept.contains(&right);
        let r = room.as_str();
        // Everything in a room comes with roomAdmin, which is the right `admin`.
        let by_admin = admin && has("admin");
        let cases = [
            (Right::RoomAdmin(r), has("admin") && reaches(r)),
            (Right::RoomCreate(r), has("create") && reaches(r)),
            (Right::RoomList, has("list") && rooms.is_none()),
            (Right::Join(r), has("join") && reaches(r)),
            (Right::MoveTo { from: r, to: "a" }, has("admin") && reaches(r) && reaches("a")),
            (Right::Report(r), (by_admin || report && has("report")) && reaches(r)),
            (Right::Admin(r), has("admin") && reaches(r)),
            (Right::Audit(Some(r)), (by_admin || audit && has("audit")) && reaches(r)),
            (Right::Audit(None), has("audit") && rooms.is_none()),
        ];
        let in_room = ["a", "b"].contains(&r) || ledger.get("room").is_none();
        for (right, kept) in cases {
            // Where two grants allow it and the key keeps one, the naive rule needs the bound too.
            let skip = matches!(right, Right::Report(_) | Right::Audit(Some(_)))
                && !(in_room && ledger.get("room").is_none_or(|only| *only == json!(r)))
                && !by_admin;
            if !skip {
                prop_assert_eq!(narrow.may(right), whole.may(right) && kept, "{:?}", right);
            }
            prop_assert!(whole.may(right) || !narrow.may(right), "{:?}", right);
        }
    }
}

#[test]
fn a_token_lasts_no_longer_than_its_key_allows() {
    let keys = keys(&["token_life_max: 10m"]);
    let check = |claims: Value, want: Option<i64>| {
        let mut all = json!({"iss": "k"});
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let got = verify(&keys, &token(&all), NOW_S).map(drop);
        let want = want.map(|life_s| TokenError::TooLong {
            key_id: "k".into(),
            life_s,
            life_max_s: 600,
        });
        assert_eq!(got.err(), want, "{claims}");
    };
    check(json!({"exp": NOW_S + 600}), None);
    check(json!({"exp": NOW_S + 601}), Some(601));
    check(json!({"nbf": NOW_S - 590, "exp": NOW_S + 10}), None);
    check(json!({"nbf": NOW_S - 591, "exp": NOW_S + 10}), Some(601));
    check(json!({"iat": NOW_S - 591, "exp": NOW_S + 10}), Some(601));
    check(json!({"iat": 0, "nbf": NOW_S, "exp": NOW_S + 600}), None);
    check(
        json!({"exp": 253_402_300_799_i64}),
        Some(253_402_300_799 - NOW_S),
    );
}

/// A key is known only in its dialects; one for webhooks in none.
#[test]
fn a_key_is_for_its_dialects_alone() {
    for (lines, open) in [
        ("dialects: livekit", [true, false, false, false]),
        ("dialects: daily", [false, true, false, false]),
        ("dialects: videosdk", [false, false, true, false]),
        ("dialects: ledger", [false, false, false, true]),
        ("webhooks: off", [true; 4]),
        ("webhooks: only", [false; 4]),
        ("bearer: off", [true, false, true, true]),
    ] {
        let server = Server::with(keys(&[lines]), None);
        let statuses = asked(&server).map(|(status, _)| status);
        let want = open.map(|open| if open { 200 } else { 401 });
        assert_eq!(statuses, want, "{lines}");
    }
}

/// One read in each dialect with all rights of a token: `livekit`, `daily`, `videosdk`, `ledger`.
fn asked(server: &Server) -> [(u16, Value); 4] {
    let video = bearer(&json!({"video": {"roomList": true}}));
    let ledger = bearer(&json!({"ledger": {"audit": true}}));
    let crawler = token(&json!({"apikey": "k", "roles": ["crawler"]}));
    [
        server.call_as(&video, "POST", "/twirp/livekit.RoomService/ListRooms", "{}"),
        server.call_as(&format!("Bearer {SECRET}"), "GET", "/daily/v1/rooms", ""),
        server.call_as(&crawler, "GET", "/videosdk/v2/rooms", ""),
        server.call_as(&ledger, "GET", "/api/v1/rooms", ""),
    ]
}

/// A token for all rooms, of a key for some: those are read, and no others.
#[test]
fn a_narrowed_key_reads_its_rooms_and_no_list_of_all() {
    for rooms in ["rooms: town*", "rooms: town1", "rooms: lobby, town1"] {
        let server = Server::with(keys(&[rooms]), None);
        server.join("town1", "alice");
        server.join("other", "bob");
        let by = bearer(&json!({"ledger": {"audit": true}}));
        for (path, want) in [
            ("/api/v1/rooms/town1", 200),
            ("/api/v1/events?room=town1", 200),
            ("/api/v1/rooms/other", 403),
            ("/api/v1/events?room=other", 403),
            ("/api/v1/events", 403),
            ("/api/v1/rooms", 403),
        ] {
            let (status, answer) = server.call_as(&by, "GET", path, "");
            assert_eq!(status, want, "{rooms}: {path}: {answer}");
        }
    }
}

/// What is refused for the key is on record, also where no room is named.
#[test]
fn a_refused_call_that_names_no_room_is_on_record() {
    let server = Server::with(keys(&[IN_TOWN]), None);
    let before = server.engine.head();
    let key = format!("Bearer {SECRET}");
    let (status, answer) = server.call_as(&key, "POST", "/daily/v1/rooms", "{}");
    assert_eq!(status, 403, "{answer}");
    assert!(server.engine.head() > before, "{answer}");
}

/// What proves nothing but the key is narrowed too.
#[test]
fn rooms_and_rights_hold_for_a_key_that_is_shown_by_itself() {
    let key = format!("Bearer {SECRET}");
    let (rooms, tokens) = ("/daily/v1/rooms", "/daily/v1/meeting-tokens");
    let of_other = json!({"properties": {"room_name": "other"}});
    for (line, path, body, want) in [
        (IN_TOWN, rooms, json!({"name": "town1"}), 200),
        (IN_TOWN, rooms, json!({"name": "other"}), 403),
        (IN_TOWN, rooms, json!({}), 403),
        (IN_TOWN, "/daily/v1/rooms/other", json!({}), 403),
        (IN_TOWN, "/daily/v1/batch/rooms", json!({"rooms": []}), 403),
        (IN_TOWN, tokens, json!({}), 403),
        (IN_TOWN, tokens, of_other, 403),
        ("rights: audit", rooms, json!({"name": "town1"}), 403),
        ("rights: admin", tokens, json!({}), 403),
    ] {
        narrowed(line, &key, path, &body, want);
    }
}

/// Tokens that name no room, and those of joins.
#[test]
fn rooms_and_rights_hold_in_every_dialect() {
    let crawler = token(&json!({"apikey": "k", "roles": ["crawler"]}));
    let rooms = "/videosdk/v2/rooms";
    for (line, room, want) in [
        (IN_TOWN, "town1", 200),
        (IN_TOWN, "other", 403),
        ("rights: admin", "t", 403),
    ] {
        narrowed(line, &crawler, rooms, &json!({"customRoomId": room}), want);
    }
    let reporter = bearer(&json!({"ledger": {"report": true}}));
    let video = json!({"roomJoin": true, "room": "town1"});
    let video = token(&json!({"iss": "k", "sub": "ann", "video": video}));
    let rtc = json!({"apikey": "k", "participantId": "ann", "permissions": ["allow_join"]});
    let rtc = token(&rtc);
    let meeting = token(&json!({"d": "roomledger", "r": "town1", "ud": "ann"}));
    let joins = "/api/v1/rooms/town1/joins";
    for (line, join, want) in [
        (IN_TOWN, &video, 201),
        (IN_TOWN, &rtc, 201),
        ("rights: report", &video, 403),
        ("rights: report", &rtc, 403),
        ("rights: report", &meeting, 403),
    ] {
        narrowed(line, &reporter, joins, &json!({"token": join}), want);
    }
}

/// Calls with a key that has that line in its block.
fn narrowed(line: &str, by: &str, path: &str, body: &Value, want: u16) {
    let server = Server::with(keys(&[line]), None);
    let (status, answer) = server.call_as(by, "POST", path, &body.to_string());
    let is_refused = want == 403 && [400, 403].contains(&status);
    assert!(
        status == want || is_refused,
        "{line}: {path} {body}: {status} {answer}"
    );
}

const IN_TOWN: &str = "rooms: town*";
const SECRET: &str = "a secret that signs for one key";
const NOW_S: i64 = 1_795_310_400;
const RIGHTS: &[&str] = &["join", "admin", "create", "list", "report", "audit"];
