//! LiveKit's framing against the recordings of a real server: the framing and the tokens are ours,
//! and behind them stands a service that says what the recording says.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, Request as HttpRequest, Response, StatusCode};
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::livekit::json::message::{JsonMessage, decode};
use roomledger::dialect::livekit::proto::models::{ParticipantInfo, Room};
use roomledger::dialect::livekit::proto::service::{
    DeleteRoomResponse, ForwardParticipantResponse, ListParticipantsResponse, ListRoomsResponse,
    MoveParticipantResponse, MuteRoomTrackResponse, PerformRpcResponse, RemoveParticipantResponse,
    SendDataResponse, UpdateSubscriptionsResponse,
};
use roomledger::dialect::livekit::twirp::calls::{Call, Encoding, Reply};
use roomledger::dialect::livekit::twirp::error::{ErrorCode, TwirpError};
use roomledger::dialect::livekit::{
    Answer, BODY_BYTES_MAX, Incoming, LiveKit, RoomService, router,
};
use serde_json::{Value, json};

use crate::hs256::{Algorithm, signed};

const NOW_S: i64 = 1_795_310_400;
pub(crate) const CALLS: &str = include_str!("../data/livekit/calls.jsonl");
pub(crate) const UNMUTE: &str = include_str!("../data/livekit/remote-unmute.jsonl");

/// Where we choose to answer otherwise than livekit-server 1.13.4, by line: status, first words of
/// the body, and why.
const CHOSEN: &[(u64, u16, &str, &str)] = &[
    (
        70,
        401,
        "invalid token, error: token has invalid claims: it has no exp",
        "a token that never ends is refused, as by newer builds",
    ),
    (
        128,
        400,
        r#"{"code":"malformed","msg":"the protobuf request could not be decoded"}"#,
        "a field of the wrong wire type is refused, not dropped",
    ),
    (
        132,
        413,
        "request body is larger than 10485760 bytes",
        "the limit of newer builds",
    ),
];

/// Answers what was recorded; the right is checked as the real service does, after sizes.
#[derive(Clone)]
struct Recorded(Result<Reply, TwirpError>);

impl RoomService for Recorded {
    async fn call(&self, incoming: Incoming) -> Answer {
        let sizes_first = |e: &TwirpError| e.code == ErrorCode::InvalidArgument;
        if !self.0.as_ref().is_err_and(sizes_first)
            && !incoming.caller.claims.may(incoming.request.right())
        {
            return Answer::unrecorded(Err(TwirpError::permissions_denied()));
        }
        Answer::unrecorded(self.0.clone())
    }
}

/// All steps but line 22, whose answer (metadata of 512 KiB) was cut when it was recorded.
fn lines(text: &str) -> Vec<Value> {
    let steps = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    steps
        .filter(|step| step["n"] != 22 || step["scenario"] != "rooms")
        .collect()
}

#[tokio::test]
async fn recorded_calls_get_the_recorded_answers() {
    let lines = lines(CALLS);
    let mut replayed = 0;
    for (at, step) in lines.iter().enumerate() {
        let path = step["path"].as_str().unwrap_or_default();
        if step["step"] != "call" || path.starts_with("/rtc") {
            continue;
        }
        let service = Recorded(recorded_reply(step, lines.get(at + 1)));
        let dialect = LiveKit::new(service, Arc::new(KeyRing::dev()), || NOW_S);
        let response = dialect.respond(request_of(step)).await;
        compare(step, response).await;
        replayed += 1;
    }
    assert_eq!(replayed, 261, "calls of RoomService in the recording");
}

async fn compare(step: &Value, response: Response<Body>) {
    let at = format!("line {}, {}", step["n"], step["label"]);
    let n = step["n"].as_u64().unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let text = String::from_utf8_lossy(&body);
    if let Some((_, status, words, why)) = CHOSEN.iter().find(|chosen| chosen.0 == n) {
        assert_eq!(parts.status.as_u16(), *status, "{at}: {why}");
        assert!(text.starts_with(words), "{at}: {text}");
        return;
    }
    assert_eq!(
        u64::from(parts.status.as_u16()),
        step["status"],
        "{at}: {text}"
    );
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    };
    assert_eq!(
        header("content-type"),
        step["content_type"].as_str().unwrap_or(""),
        "{at}"
    );
    for (name, value) in step["headers"].as_object().into_iter().flatten() {
        assert_eq!(header(name), value, "{at}: {name}");
    }
    match step["response_text"].as_str() {
        Some(want) if want.starts_with("invalid token: <jwt>") => {
            let first = [
                "token signature is invalid: ",
                "token has invalid claims: token is ",
                "token is malformed: ",
            ];
            let want = want.replace("invalid token: <jwt>", "invalid token");
            let start = first.iter().find(|words| want.contains(*words)).unwrap();
            let until = want.find(start).unwrap() + start.len();
            assert!(text.starts_with(&want[..until]), "{at}: {text}");
            assert!(
                n == 85 || text.starts_with(&want),
                "{at}: {text}, recorded {want}"
            );
        }
        Some(want) => assert_eq!(text, want, "{at}"),
        None => {
            let want = step["response_hex"].as_str().unwrap_or_default();
            // Line 276: an attribute with an empty key, which Go writes and prost leaves out; it
            // reads the same.
            if n == 276 {
                let read = |bytes: &[u8]| reply_of(Call::UpdateParticipant, bytes, true);
                assert_eq!(read(&body), read(&hex(want)), "{at}");
            } else if want != "<see decoded>" {
                assert_eq!(body, hex(want), "{at}");
            }
        }
    }
}

/// What the real service said, as a typed reply: so every recorded answer also goes through our
/// messages, in and out.
fn recorded_reply(step: &Value, next: Option<&Value>) -> Result<Reply, TwirpError> {
    let text = step["response_text"].as_str().unwrap_or_default();
    if step["status"] != 200 {
        let error: Value = serde_json::from_str(text).unwrap_or(json!({"code": "internal"}));
        let code = ErrorCode::ALL
            .iter()
            .find(|code| error["code"] == code.name())
            .unwrap();
        let said = TwirpError::new(*code, error["msg"].as_str().unwrap_or_default());
        return Err(match error["meta"]["argument"].as_str() {
            Some(argument) => said.with_meta("argument", argument),
            None => said,
        });
    }
    let name = step["path"].as_str().unwrap().rsplit('/').next().unwrap();
    let name = name.split('?').next().unwrap();
    let Some(call) = Call::named(name) else {
        return Err(TwirpError::new(ErrorCode::Internal, "not a call"));
    };
    let hexed = step["response_hex"].as_str();
    let body = match hexed {
        Some("<see decoded>") => next.unwrap()["message"].to_string().into_bytes(),
        Some(bytes) => hex(bytes),
        None => text.as_bytes().to_vec(),
    };
    let protobuf = hexed.is_some_and(|bytes| bytes != "<see decoded>");
    Ok(reply_of(call, &body, protobuf))
}

pub(crate) fn reply_of(call: Call, body: &[u8], protobuf: bool) -> Reply {
    fn read<M: JsonMessage + prost::Message + Default>(body: &[u8], protobuf: bool) -> M {
        if protobuf {
            return M::decode(body).unwrap();
        }
        let read = decode::<M>(body).unwrap();
        assert_eq!(read.unknown_names, []);
        read.message
    }
    match call {
        Call::CreateRoom => Reply::CreateRoom(read::<Room>(body, protobuf)),
        Call::ListRooms => Reply::ListRooms(read::<ListRoomsResponse>(body, protobuf)),
        Call::DeleteRoom => Reply::DeleteRoom(read::<DeleteRoomResponse>(body, protobuf)),
        Call::ListParticipants => {
            Reply::ListParticipants(read::<ListParticipantsResponse>(body, protobuf))
        }
        Call::GetParticipant => Reply::GetParticipant(read::<ParticipantInfo>(body, protobuf)),
        Call::RemoveParticipant => {
            Reply::RemoveParticipant(read::<RemoveParticipantResponse>(body, protobuf))
        }
        Call::MutePublishedTrack => {
            Reply::MutePublishedTrack(read::<MuteRoomTrackResponse>(body, protobuf))
        }
        Call::UpdateParticipant => {
            Reply::UpdateParticipant(read::<ParticipantInfo>(body, protobuf))
        }
        Call::UpdateSubscriptions => {
            Reply::UpdateSubscriptions(read::<UpdateSubscriptionsResponse>(body, protobuf))
        }
        Call::SendData => Reply::SendData(read::<SendDataResponse>(body, protobuf)),
        Call::UpdateRoomMetadata => Reply::UpdateRoomMetadata(read::<Room>(body, protobuf)),
        Call::ForwardParticipant => {
            Reply::ForwardParticipant(read::<ForwardParticipantResponse>(body, protobuf))
        }
        Call::MoveParticipant => {
            Reply::MoveParticipant(read::<MoveParticipantResponse>(body, protobuf))
        }
        Call::PerformRpc => Reply::PerformRpc(read::<PerformRpcResponse>(body, protobuf)),
    }
}

pub(crate) fn request_of(step: &Value) -> HttpRequest<Body> {
    let in_room = json!({"header": {"alg": "HS256"}, "signed_with": "HS256", "claims": {
        "iss": "devkey", "exp_in_s": 600, "video": {"roomAdmin": true, "room": "auth"}}});
    let path = step["path"]
        .as_str()
        .unwrap()
        .replace('\u{2026}', &token_of(&in_room));
    let mut request = HttpRequest::builder()
        .method(step["method"].as_str().unwrap())
        .uri(path);
    for (name, value) in step["request_headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap());
    }
    let token = &step["token"];
    if let Some(sent) = token["sent"].as_str() {
        request = request.header("Authorization", sent);
    } else if token.is_object() {
        let scheme = step["authorization_scheme"].as_str().unwrap_or("Bearer");
        request = request.header("Authorization", format!("{scheme} {}", token_of(token)));
    }
    request.body(Body::from(body_of(step))).unwrap()
}

pub(crate) fn token_of(token: &Value) -> String {
    let mut claims = token["claims"].clone();
    for (from, to) in [("nbf_in_s", "nbf"), ("exp_in_s", "exp")] {
        if let Some(seconds) = claims.as_object_mut().unwrap().remove(from) {
            claims[to] = json!(NOW_S + seconds.as_i64().unwrap());
        }
    }
    let algorithm = match token["signed_with"].as_str().unwrap() {
        "HS384" => Algorithm::HS384,
        "HS512" => Algorithm::HS512,
        _ => Algorithm::HS256,
    };
    let secret = token["secret"].as_str().unwrap_or("secret");
    let whole = signed(
        &token["header"].to_string(),
        &claims.to_string(),
        algorithm,
        secret,
    );
    if token["signed_with"] == "none" {
        return format!("{}.", whole.rsplit_once('.').unwrap().0);
    }
    let cut = if token["signature"].is_string() { 2 } else { 0 };
    whole[..whole.len() - cut].to_owned()
}

fn body_of(step: &Value) -> Vec<u8> {
    if let Some(text) = step["request_text"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(bytes) = step["request_hex"]
        .as_str()
        .or(step["request"]["hex"].as_str())
    {
        return hex(bytes);
    }
    match step["request"]["about"].as_str() {
        Some("12000 nested arrays") => {
            let (open, close) = ("[".repeat(12_000), "]".repeat(12_000));
            format!("{{\"room\":\"auth\",\"foo\":{open}{close}}}").into_bytes()
        }
        Some(about) => {
            let bytes: usize = about.split(' ').next().unwrap().parse().unwrap();
            let room = &step["grants"]["room"];
            let start = format!("{{\"room\":{room},\"filler\":\"");
            format!("{start}{}\"}}", "n".repeat(bytes - start.len() - 2)).into_bytes()
        }
        None if step["request"].is_null() => Vec::new(),
        None => step["request"].to_string().into_bytes(),
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn every_recorded_message_is_written_as_recorded() {
    let mut written = 0;
    for step in lines(CALLS).iter().chain(&lines(UNMUTE)) {
        let Some(text) = step["response_text"]
            .as_str()
            .filter(|_| step["status"] == 200)
        else {
            continue;
        };
        let path = step["path"].as_str().unwrap();
        let Some(call) = Call::named(path.rsplit('/').next().unwrap()) else {
            continue;
        };
        let again = reply_of(call, text.as_bytes(), false).encode(Encoding::Json);
        assert_eq!(String::from_utf8_lossy(&again), text, "line {}", step["n"]);
        written += 1;
    }
    assert!(written > 120, "{written} messages");
}

pub(crate) fn dialect() -> LiveKit<impl RoomService> {
    let list = Reply::ListRooms(ListRoomsResponse::default());
    LiveKit::new(Recorded(Ok(list)), Arc::new(KeyRing::dev()), || NOW_S)
}

fn list_token() -> String {
    token_of(
        &json!({"header": {"alg": "HS256"}, "signed_with": "HS256", "claims": {
        "iss": "devkey", "exp_in_s": 600, "video": {"roomList": true}}}),
    )
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
    for (bytes, want) in [
        (BODY_BYTES_MAX, StatusCode::OK),
        (BODY_BYTES_MAX + 1, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let body = format!("{{}}{}", " ".repeat(bytes - 2));
        let request = HttpRequest::post("/twirp/livekit.RoomService/ListRooms")
            .header("Content-Type", "application/json")
            .header("Authorization", format!("Bearer {}", list_token()))
            .body(Body::from(body))
            .unwrap();
        assert_eq!(dialect().respond(request).await.status(), want);
    }
}

#[tokio::test]
async fn without_a_token_no_body_is_read() {
    let request = HttpRequest::post("/twirp/livekit.RoomService/ListRooms")
        .header("Content-Type", "application/json")
        .body(Body::from("not JSON"))
        .unwrap();
    assert_eq!(
        dialect().respond(request).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn what_a_caller_says_of_itself_reaches_the_service() {
    #[derive(Clone)]
    struct Echo;
    impl RoomService for Echo {
        async fn call(&self, incoming: Incoming) -> Answer {
            let caller = incoming.caller;
            let said = [
                caller.said.request_id,
                caller.said.on_behalf_of,
                caller.said.reason,
                caller.said.correlation_id,
            ];
            let words = format!("{said:?} {}", caller.claims.key_id);
            Answer::unrecorded(Err(TwirpError::new(ErrorCode::Aborted, words)))
        }
    }
    let check = async |headers: &[(&str, &[u8])], want: &str| {
        let mut request = HttpRequest::post("/twirp/livekit.RoomService/ListRooms")
            .header("Content-Type", "application/protobuf")
            .header("Authorization", format!("Bearer {}", list_token()));
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request = request.header(name, *value);
        }
        let dialect = LiveKit::new(Echo, Arc::new(KeyRing::dev()), || NOW_S);
        let response = dialect.respond(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::CONFLICT);
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        let error: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(error["msg"], format!("{want} devkey"));
    };
    check(&[], "[None, None, None, None]").await;
    check(
        &[("X-Request-Id", b"p"), ("X-Audit-Reason", b"")],
        "[None, None, None, None]",
    )
    .await;
    check(
        &[
            ("X-Request-Id", b"p"),
            ("Idempotency-Key", b"i"),
            ("X-Livekit-Request-Id", b"l"),
            ("X-Audit-Actor", "Zo\u{eb}".as_bytes()),
            ("X-Audit-Reason", b"caf\xe9"),
            ("X-Correlation-Id", b"c"),
        ],
        "[Some(\"i\"), Some(\"Zo\u{eb}\"), Some(\"caf\u{e9}\"), Some(\"c\")]",
    )
    .await;
}

#[tokio::test]
async fn it_answers_over_a_socket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router(dialect())).await });
    let token = list_token();
    let request = format!(
        "POST //twirp/livekit.RoomService/ListRooms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json;charset=UTF-8\r\n\
         Content-Length: 2\r\n\r\n{{}}"
    );
    let client = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = client.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: application/json\r\n"),
        "{answer}"
    );
    assert!(answer.contains("content-length: 12\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n{\"rooms\":[]}"), "{answer}");
    server.abort();
}

#[test]
fn every_error_code_has_its_name_and_status() {
    let table: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| (code.name(), code.http_status()))
        .collect();
    assert_eq!(table.len(), 18);
    for (name, status) in [
        ("unauthenticated", 401),
        ("permission_denied", 403),
        ("canceled", 408),
        ("failed_precondition", 412),
        ("resource_exhausted", 429),
        ("unimplemented", 501),
        ("unavailable", 503),
        ("bad_route", 404),
    ] {
        assert!(table.contains(&(name, status)), "{name}");
    }
    let error = TwirpError::new(ErrorCode::NotFound, "m").with_meta("k", "v");
    let text = serde_json::to_string(&error).unwrap();
    assert_eq!(text, r#"{"code":"not_found","msg":"m","meta":{"k":"v"}}"#);
}
