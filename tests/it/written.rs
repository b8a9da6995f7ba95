//! Lists that no contract pages: written as they are read, to the byte what they would be whole,
//! and visibly broken where they fail half way.

use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _, to_bytes};
use axum::http::Request as HttpRequest;
use proptest::prelude::*;
use roomledger::dialect::javascript;
use roomledger::dialect::livekit::listed::Listed;
use roomledger::dialect::livekit::proto::models::{
    ParticipantInfo, ParticipantPermission, Room as RoomInfo,
};
use roomledger::dialect::livekit::proto::service::{ListParticipantsResponse, ListRoomsResponse};
use roomledger::dialect::livekit::twirp::calls::{Encoding, Reply};
use roomledger::dialect::written::{PIECE_BYTES, around, written};
use roomledger::domain::command::{Join, ProfileUpdate};
use roomledger::domain::{Command, Identity, RoomName};
use roomledger::engine::Reader;
use roomledger::store::EventStore;
use roomledger::testing::virtual_time::{VirtualEngine, call};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::daily_people::support::Server;
use crate::livekit_service::support::mint;
use crate::videosdk::support::application;

/// The next piece of a body, as a reader of a socket asks for it.
async fn next(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
    frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
}

/// Text of that many letters, none of which is the same twice in a row.
fn text(letters: usize, seed: usize) -> String {
    let letter = |at: usize| char::from(b'a' + u8::try_from((at + seed) % 26).unwrap());
    (0..letters).map(letter).collect()
}

#[derive(Debug)]
struct Fault;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is gone")
    }
}

/// Writes so many items of a kilobyte, then fails where it is to; counts those that it made.
async fn kilobytes(items: usize, fails: bool, made: Arc<AtomicUsize>) -> Result<Body, Fault> {
    written(move |mut pen| async move {
        for item in 0..items {
            made.fetch_add(1, Ordering::Relaxed);
            pen.write(text(1_024, item)).await;
        }
        if fails { Err(Fault) } else { Ok(pen) }
    })
    .await
}

#[tokio::test]
async fn work_goes_no_further_than_its_reader_and_one_piece() {
    let made = Arc::new(AtomicUsize::new(0));
    let mut body = kilobytes(1_000, false, Arc::clone(&made)).await.unwrap();
    let a_piece = PIECE_BYTES / 1_024;
    for taken in 1..10 {
        // However long a slow reader waits.
        tokio::task::yield_now().await;
        assert!(made.load(Ordering::Relaxed) <= taken * a_piece, "{made:?}");
        let piece = next(&mut body).await.unwrap().unwrap();
        assert!(piece.len() < PIECE_BYTES + 1_024);
    }
    let before = made.load(Ordering::Relaxed);
    drop(body);
    tokio::task::yield_now().await;
    assert_eq!(made.load(Ordering::Relaxed), before, "nobody reads it");
}

#[tokio::test]
async fn what_fits_into_one_piece_has_its_length() {
    for items in [0, 1, 63] {
        let body = kilobytes(items, false, Arc::default()).await.unwrap();
        let length = u64::try_from(items).unwrap() * 1_024;
        assert_eq!(body.size_hint().exact(), Some(length));
        assert_eq!(
            to_bytes(body, usize::MAX).await.unwrap().len(),
            items * 1_024
        );
    }
    let long = kilobytes(640, false, Arc::default()).await.unwrap();
    assert_eq!(long.size_hint().exact(), None);
    assert_eq!(to_bytes(long, usize::MAX).await.unwrap().len(), 640 * 1_024);
}

#[tokio::test]
async fn a_failure_is_never_the_end_of_a_list() {
    let at_once = kilobytes(3, true, Arc::default()).await;
    assert_eq!(at_once.unwrap_err().to_string(), "the disk is gone");
    // At the edge of a piece too.
    for items in [64, 65, 128, 200] {
        let mut body = kilobytes(items, true, Arc::default()).await.unwrap();
        let last = loop {
            match next(&mut body).await {
                Some(Ok(_)) => {}
                other => break other,
            }
        };
        let error = last.expect("an end is what a whole list has").unwrap_err();
        assert!(!error.to_string().contains("disk"), "{error}");
    }
}

#[test]
fn a_list_is_split_from_what_stands_around_it() {
    let name = r#""data":[]"#;
    let whole = json!({"name": name, "data": [], "other": []}).to_string();
    let (before, after) = around(&whole, "data");
    assert_eq!(format!("{before}{after}"), whole);
    let filled: Value = serde_json::from_str(&format!("{before}1,2{after}")).unwrap();
    assert_eq!(filled, json!({"name": name, "data": [1, 2], "other": []}));
}

fn rooms(count: usize) -> Vec<RoomInfo> {
    let room = |at: usize| RoomInfo {
        sid: format!("RM_{at}"),
        name: text(at % 40 + 1, at),
        metadata: text(at % 700, at),
        ..RoomInfo::default()
    };
    (0..count).map(room).collect()
}

fn people(count: usize) -> Vec<ParticipantInfo> {
    let one = |at: usize| ParticipantInfo {
        identity: format!("{at}\u{1}\""),
        metadata: text(at % 900, at),
        permission: Some(ParticipantPermission::default()),
        ..ParticipantInfo::default()
    };
    (0..count).map(one).collect()
}

#[tokio::test]
async fn livekits_lists_are_to_the_byte_what_they_are_whole() {
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        for count in [0, 1, 2, 500] {
            let rooms = rooms(count);
            let listed = Listed::rooms(rooms.clone().into_iter())
                .body(encoding)
                .await;
            let whole = Reply::ListRooms(ListRoomsResponse { rooms }).encode(encoding);
            assert_eq!(to_bytes(listed, usize::MAX).await.unwrap(), whole);
            let participants = people(count);
            let all = participants.clone().into_iter();
            let listed = Listed::participants(all).body(encoding).await;
            let whole = ListParticipantsResponse { participants };
            let whole = Reply::ListParticipants(whole).encode(encoding);
            assert_eq!(to_bytes(listed, usize::MAX).await.unwrap(), whole);
        }
    }
}

#[tokio::test]
async fn a_slow_reader_of_livekits_rooms_has_few_of_them_made() {
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let endless = (0..).map(move |at: usize| {
            counted.fetch_add(1, Ordering::Relaxed);
            RoomInfo {
                metadata: text(1_024, at),
                ..RoomInfo::default()
            }
        });
        let mut body = Listed::rooms(endless).body(encoding).await;
        for taken in 1..5 {
            assert!(made.load(Ordering::Relaxed) <= taken * PIECE_BYTES / 1_024);
            next(&mut body).await.unwrap().unwrap();
        }
    }
}

fn act(engine: &VirtualEngine, room: &str, command: Command) {
    let call = call(&RoomName::new(room).unwrap(), command);
    engine.execute_blocking(call).unwrap();
}

fn join(engine: &VirtualEngine, room: &str) {
    act(
        engine,
        room,
        Command::Join(Join::new(Identity::new("alice").unwrap())),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// More rooms than are held at a time; some end and others open while the list is read.
    #[test]
    fn every_room_that_stays_open_is_listed_once_in_order(
        opened in prop::collection::btree_set("[a-c]{1,5}", 1..330),
        ended in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        added in prop::collection::vec("[a-d]{1,6}", 0..20),
        read_before in 0_usize..300,
        after in "[a-c]{1,3}",
    ) {
        let engine = VirtualEngine::in_memory().unwrap();
        for room in &opened {
            join(&engine, room);
        }
        let names: Vec<&String> = opened.iter().collect();
        let mut all = engine.live_rooms_after(None);
        let mut listed: Vec<String> =
            all.by_ref().take(read_before).map(|room| room.name.to_string()).collect();
        let gone: BTreeSet<&String> = ended.iter().map(|at| *at.get(&names)).collect();
        for room in &gone {
            act(&engine, room, Command::EndSession);
        }
        for room in &added {
            join(&engine, room);
        }
        listed.extend(all.map(|room| room.name.to_string()));
        prop_assert!(listed.is_sorted_by(|one, other| one < other), "{:?}", listed);
        let listed: BTreeSet<&String> = listed.iter().collect();
        for room in opened.iter().filter(|room| !gone.contains(room)) {
            prop_assert!(listed.contains(room), "{} is left out", room);
        }
        let now: Vec<_> = engine.live_rooms();
        let once_more: Vec<_> = engine.live_rooms_after(None).collect();
        prop_assert_eq!(&once_more, &now);
        let after = RoomName::new(&after).unwrap();
        let behind: Vec<_> = now.into_iter().filter(|room| room.name > after).collect();
        prop_assert_eq!(engine.live_rooms_after(Some(after)).collect::<Vec<_>>(), behind);
    }
}

/// A crowd whose lists take several pieces, and somebody who has left.
fn crowd(server: &Server, room: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for at in 0..400 {
        let mut join = Join::new(Identity::new(&format!("p{at}")).unwrap());
        join.profile = ProfileUpdate {
            name: Some(text(150, at)),
            ..ProfileUpdate::default()
        };
        ids.push(server.join_as(room, &join));
    }
    server.leave(room, &ids.remove(7));
    ids
}

fn asked(path: &str) -> HttpRequest<Body> {
    HttpRequest::get(format!("/daily/v1{path}"))
        .header("Authorization", "Bearer secret")
        .body(Body::empty())
        .unwrap()
}

/// The answer, which has to be written as the whole of it would be.
fn read(server: &Server, path: &str) -> Value {
    let text = server.text(asked(path));
    assert!(
        text.len() > PIECE_BYTES || !path.contains("presence"),
        "{path}"
    );
    let whole: Value = serde_json::from_str(&text).expect(path);
    assert_eq!(javascript::json(&whole), text, "{path}");
    whole
}

fn member<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    let all = list.as_array().unwrap().iter();
    all.map(|one| one[name].as_str().unwrap()).collect()
}

#[test]
fn dailys_lists_are_whole_however_long() {
    let server = Server::new();
    let (town, village) = (crowd(&server, "town"), crowd(&server, "a \"b\""));
    let everywhere = read(&server, "/presence");
    assert_eq!(everywhere.as_object().unwrap().len(), 2);
    assert_eq!(member(&everywhere["town"], "id"), town);
    assert_eq!(member(&everywhere["a \"b\""], "id"), village);
    let here = read(&server, "/rooms/town/presence");
    assert_eq!(here["total_count"], 399);
    assert_eq!(member(&here["data"], "id"), town);
    let some = server.get("/rooms/town/presence?limit=2").expect(200);
    assert_eq!(some["total_count"], 399);
    assert_eq!(member(&some["data"], "id"), town[..2]);
    let one = server.get("/rooms/town/presence?userId=p3").expect(200);
    assert_eq!(one["total_count"], 1);
    assert_eq!(member(&one["data"], "id"), [town[3].as_str()]);

    server.execute("town", Command::EndSession);
    let meetings = read(&server, "/meetings");
    assert_eq!(meetings["total_count"], 2);
    assert_eq!(member(&meetings["data"], "room"), ["a \"b\"", "town"]);
    for meeting in meetings["data"].as_array().unwrap() {
        assert_eq!(meeting["participants"].as_array().unwrap().len(), 400);
    }
    let bare = server.get("/meetings?no_participants=true").expect(200);
    assert!(bare["data"][0].get("participants").is_none(), "{bare}");
}

/// A hundred reads of the server's own, on either kind of thread, let no vendor's caller wait.
#[test]
fn vendors_callers_have_turns_of_their_own() {
    let server = Server::new();
    server.join("town", "alice");
    let (gate, held) = (Arc::new(Mutex::new(())), Arc::new(AtomicUsize::new(0)));
    let closed = gate.lock().unwrap();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let greedy = server.engine.reading_as(Reader::default());
    for at in 0..100 {
        let (greedy, gate, held) = (greedy.clone(), Arc::clone(&gate), Arc::clone(&held));
        runtime.spawn(async move {
            let wait = move |_: &dyn EventStore| {
                held.fetch_add(1, Ordering::Relaxed);
                drop(gate.lock());
                Ok(())
            };
            if at % 2 == 0 {
                greedy.read(wait).await
            } else {
                greedy.answer(wait).await
            }
        });
    }
    while held.load(Ordering::Relaxed) < 4 {
        std::thread::yield_now();
    }
    let read = |path: &str, bearer: &str| {
        HttpRequest::get(path)
            .header("Authorization", bearer)
            .body(Body::empty())
            .unwrap()
    };
    let claims = json!({"iss": "devkey", "exp": 4_102_444_800_i64, "video": {"roomCreate": true}});
    let create = HttpRequest::post("/twirp/livekit.RoomService/CreateRoom")
        .header("Content-Type", "application/json")
        .header("Authorization", format!("Bearer {}", mint(&claims)))
        .body(Body::from(r#"{"name":"abcd-efgh-ijkl"}"#));
    let asked = [
        read("/daily/v1/rooms", "Bearer secret"),
        read("/videosdk/v2/rooms", &application()),
        create.unwrap(),
    ];
    for request in asked {
        let path = request.uri().path().to_owned();
        let got = server.send_within(request, HANGS);
        assert!(
            got.is_some_and(|got| got.status == 200),
            "{path} waits for others"
        );
    }
    drop(closed);
}

/// What takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);
