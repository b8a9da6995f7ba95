//! LiveKit's JSON: every message round-trips, in both encodings, and hostile input never panics.

use proptest::prelude::*;
use prost::Message;
use roomledger::dialect::livekit::json::message::{JsonMessage, Malformed, decode, encode};
use roomledger::dialect::livekit::json::schema::{Field, Kind, UnknownName};
use roomledger::dialect::livekit::proto::models::TrackSource;
use roomledger::dialect::livekit::proto::service::{
    CreateRoomRequest, ForwardParticipantRequest, ListParticipantsResponse, ListRoomsRequest,
    ListRoomsResponse, MoveParticipantRequest, MuteRoomTrackRequest, MuteRoomTrackResponse,
    PerformRpcRequest, PerformRpcResponse, RoomConfiguration, RoomParticipantIdentity,
    SendDataRequest, UpdateParticipantRequest, UpdateRoomMetadataRequest,
    UpdateSubscriptionsRequest,
};
use roomledger::dialect::livekit::twirp::calls::{Call, Encoding, Request};
use serde_json::{Map, Value, json};

/// A value of a kind as it is written; `None` stands for an optional one that is not shown.
fn value_of(kind: Kind) -> BoxedStrategy<Option<Value>> {
    let text = "[a-z\"\\\\\u{0}-\u{1f}\u{7f}\u{2028}\u{e9}\u{1f600}<&]{0,8}";
    let shown = |value: Value| Some(value);
    match kind {
        Kind::Text => text.prop_map(move |text| shown(json!(text))).boxed(),
        Kind::Bytes => prop::collection::vec(any::<u8>(), 0..9)
            .prop_map(|bytes| {
                use base64::Engine as _;
                Some(json!(
                    base64::engine::general_purpose::STANDARD.encode(bytes)
                ))
            })
            .boxed(),
        Kind::Bool => any::<bool>().prop_map(move |on| shown(json!(on))).boxed(),
        Kind::Uint32 => any::<u32>()
            .prop_map(move |number| shown(json!(number)))
            .boxed(),
        Kind::Int32 => any::<i32>()
            .prop_map(move |number| shown(json!(number)))
            .boxed(),
        Kind::Int64 => any::<i64>()
            .prop_map(move |number| shown(json!(number.to_string())))
            .boxed(),
        Kind::Enum(names) => prop_oneof![
            9 => prop::sample::select(names).prop_map(move |(name, _)| shown(json!(name))),
            1 => (1_000_i32..2_000).prop_map(move |number| shown(json!(number))),
        ]
        .boxed(),
        Kind::Message(fields) => prop::option::of(object_of(fields))
            .prop_map(|value| Some(value.unwrap_or(Value::Null)))
            .boxed(),
        Kind::Optional(kind) => prop_oneof![Just(None), value_of(*kind)].boxed(),
        Kind::Repeated(kind) => {
            let value = value_of(*kind).prop_filter_map("no null inside", |value| {
                value.filter(|value| !value.is_null())
            });
            prop::collection::vec(value, 0..3)
                .prop_map(|values| Some(json!(values)))
                .boxed()
        }
        Kind::Map => prop::collection::btree_map(text, text, 0..3)
            .prop_map(|map| Some(json!(map)))
            .boxed(),
    }
}

/// An object with every field, as it is written.
fn object_of(fields: &'static [Field]) -> BoxedStrategy<Value> {
    let values: Vec<_> = fields.iter().map(|field| value_of(field.kind)).collect();
    values
        .prop_map(move |values| {
            let named = fields.iter().map(|field| field.name.to_owned()).zip(values);
            Value::Object(
                named
                    .filter_map(|(name, value)| Some((name, value?)))
                    .collect(),
            )
        })
        .boxed()
}

/// Other spellings of the same: camel case, nulls for defaults, numbers as strings and the reverse,
/// and an unknown field.
fn respelled(value: &Value, fields: &[Field]) -> Value {
    let mut object = Map::new();
    for field in fields {
        let Some(value) = value.get(field.name) else {
            continue;
        };
        let value = match (field.kind, value) {
            (Kind::Message(fields), Value::Object(_)) => respelled(value, fields),
            (Kind::Repeated(Kind::Message(fields)), Value::Array(items)) => {
                items.iter().map(|item| respelled(item, fields)).collect()
            }
            (Kind::Uint32 | Kind::Int32, number) => json!(number.to_string()),
            (Kind::Int64, Value::String(text)) => json!(text.parse::<i64>().unwrap()),
            (Kind::Enum(names), Value::String(name)) => {
                json!(names.iter().find(|(known, _)| known == name).unwrap().1)
            }
            (Kind::Text, Value::String(text)) if text.is_empty() => Value::Null,
            (_, value) => value.clone(),
        };
        object.insert(camel(field.name), value);
    }
    object.insert(String::from("notAField"), json!({"a": [1, {"b": null}]}));
    Value::Object(object)
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |all, word| {
        all + &word[..1].to_uppercase() + &word[1..]
    })
}

fn round_trip<M>()
where
    M: JsonMessage + Message + Default + Clone + PartialEq + std::fmt::Debug,
{
    proptest!(|(written in object_of(M::FIELDS))| {
        let read = decode::<M>(written.to_string().as_bytes()).unwrap();
        prop_assert!(read.unknown_names.is_empty());
        let text = encode(&read.message);
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), written.clone());
        prop_assert_eq!(decode::<M>(text.as_bytes()).unwrap(), read.clone());
        let other = respelled(&written, M::FIELDS).to_string();
        prop_assert_eq!(decode::<M>(other.as_bytes()).unwrap(), read.clone());
        let bytes = read.message.encode_to_vec();
        prop_assert_eq!(M::decode(bytes.as_slice()).unwrap(), read.message);
    });
}

#[test]
fn every_message_round_trips_in_both_encodings() {
    // Rooms, participants and tracks are inside the lists.
    macro_rules! messages {
        ($($message:ident)*) => { $(round_trip::<$message>();)* };
    }
    messages! {
        CreateRoomRequest RoomConfiguration
        ListRoomsRequest ListRoomsResponse ListParticipantsResponse RoomParticipantIdentity
        MuteRoomTrackRequest MuteRoomTrackResponse UpdateParticipantRequest SendDataRequest
        UpdateSubscriptionsRequest UpdateRoomMetadataRequest ForwardParticipantRequest
        MoveParticipantRequest PerformRpcRequest PerformRpcResponse
    }
}

fn create(body: &str) -> Result<CreateRoomRequest, Malformed> {
    decode(body.as_bytes()).map(|read| read.message)
}

#[test]
fn numbers_are_integers_in_any_spelling() {
    let check = |number: &str, want: Option<u32>| {
        let body = format!(r#"{{"max_participants":{number}}}"#);
        assert_eq!(
            create(&body).ok().map(|request| request.max_participants),
            want,
            "{number}"
        );
    };
    for (number, want) in [
        ("12", 12),
        ("\"12\"", 12),
        ("1.0", 1),
        ("1e2", 100),
        ("\"1e2\"", 100),
        ("0", 0),
        ("-0", 0),
        ("null", 0),
        ("4294967295", u32::MAX),
        ("120e-1", 12),
    ] {
        check(number, Some(want));
    }
    for number in [
        "-1",
        "4294967296",
        "1.5",
        "\"\"",
        "\" 1\"",
        "\"1 \"",
        "\"+1\"",
        "\"0x1\"",
        "\"inf\"",
        "\"NaN\"",
        "01",
        "\"01\"",
        "true",
        "[]",
        "{}",
        "1e999",
        "\"1e999\"",
        "1e30",
    ] {
        check(number, None);
    }
    let seconds = |text: &str| {
        let body = format!(r#"{{"revokeTokenTs":{text}}}"#);
        decode::<RoomParticipantIdentity>(body.as_bytes())
            .ok()
            .map(|read| read.message.revoke_token_ts)
    };
    assert_eq!(seconds("\"9223372036854775807\""), Some(i64::MAX));
    assert_eq!(seconds("-9223372036854775808"), Some(i64::MIN));
    assert_eq!(seconds("9223372036854775808"), None);
}

#[test]
fn a_field_is_given_once_and_by_one_of_two_names() {
    for body in [
        r#"{"name":"a","name":"a"}"#,
        r#"{"empty_timeout":1,"emptyTimeout":1}"#,
        r#"{"name":null,"name":"a"}"#,
        r#"{"tags":{"a":"b","a":"b"}}"#,
        r#"{"tags":{"a":null}}"#,
        r#"{"agents":[null]}"#,
        r#"{"tags":[]}"#,
        r#"{"agents":{}}"#,
        r#"{"sync_streams":"true"}"#,
        r#"{"sync_streams":1}"#,
        r#"{"name":"\ud800"}"#,
        r#"{"unknown":"\ud800"}"#,
        r#"{"name":"a",}"#,
        "null",
        "[]",
        "\"x\"",
        "5",
        "",
        " ",
        "{",
        "\u{feff}{}",
    ] {
        assert_eq!(create(body), Err(Malformed), "{body}");
    }
    let named = |body: &str| create(body).map(|request| (request.name, request.empty_timeout));
    for (body, want) in [
        (r#"{"name":"a"} {"name":"b"}"#, ("a", 0)),
        (r#"{"name":"a"}x"#, ("a", 0)),
        (r#" {"name":null,"emptyTimeout":3}"#, ("", 3)),
        (r#"{"Name":"a","EmptyTimeout":3}"#, ("", 0)),
        (r#"{"unknown":1,"unknown":2,"empty-timeout":3}"#, ("", 0)),
        (
            r#"{"empty_Timeout":3,"empty__timeout":3,"emptytimeout":3}"#,
            ("", 0),
        ),
    ] {
        assert_eq!(named(body), Ok((want.0.into(), want.1)), "{body}");
    }
    assert_eq!(
        decode::<CreateRoomRequest>(b"{\"name\":\"\xff\"}"),
        Err(Malformed)
    );
    assert_eq!(
        decode::<CreateRoomRequest>(b"{\"unknown\":\"\xff\"}"),
        Err(Malformed)
    );
}

#[test]
fn deep_nesting_is_malformed() {
    let nested = |depth: usize| format!("{{\"foo\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(create(&nested(100)).is_ok());
    for depth in [128, 12_000, 3_000_000] {
        assert_eq!(create(&nested(depth)), Err(Malformed));
        assert_eq!(create(&"[".repeat(depth)), Err(Malformed));
        assert_eq!(create(&"{\"agents\":[".repeat(depth)), Err(Malformed));
    }
}

#[test]
fn bytes_are_base64_of_either_alphabet() {
    let check = |text: &str, want: Option<&[u8]>| {
        let body = json!({"data": text}).to_string();
        let read = decode::<SendDataRequest>(body.as_bytes())
            .ok()
            .map(|read| read.message.data);
        assert_eq!(read.as_deref(), want, "{text}");
    };
    check("aGk=", Some(b"hi"));
    check("aGk", Some(b"hi"));
    check("+/+/", Some(&[0xfb, 0xff, 0xbf]));
    check("-_-_", Some(&[0xfb, 0xff, 0xbf]));
    check("", Some(b""));
    for text in ["%%%", "a", "aGk= ", "aGk==", "-/-/", "aG\nk="] {
        check(text, None);
    }
}

#[test]
fn an_unknown_source_is_dropped_but_reported() {
    let body = json!({"permission": {"canPublish": true, "canPublishSources":
        ["TELEPATHY", "MICROPHONE", 77, "microphone", 1.0]}});
    let read = decode::<UpdateParticipantRequest>(body.to_string().as_bytes()).unwrap();
    let sources = read.message.permission.unwrap().can_publish_sources;
    assert_eq!(
        sources,
        [
            TrackSource::Microphone as i32,
            77,
            TrackSource::Camera as i32
        ]
    );
    let reported = UnknownName {
        field: "can_publish_sources",
        name: "TELEPATHY".into(),
    };
    assert_eq!(read.unknown_names, [reported]);

    let read = decode::<SendDataRequest>(br#"{"kind":"CARRIER_PIGEON","topic":null}"#).unwrap();
    assert_eq!((read.message.kind, read.message.topic), (0, None));
    assert_eq!(read.unknown_names.len(), 1);
}

#[test]
fn an_optional_field_is_shown_only_when_set() {
    assert!(!encode(&SendDataRequest::default()).contains("topic"));
    let with = SendDataRequest {
        topic: Some(String::new()),
        ..SendDataRequest::default()
    };
    assert!(encode(&with).contains(r#""topic":"""#));
    assert_eq!(
        encode(&MuteRoomTrackResponse::default()),
        r#"{"track":null}"#
    );
}

proptest! {
    #[test]
    fn hostile_bodies_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in r#"[\{\}\[\]":,a-z0-9\\ u\-\.e]{0,80}"#,
    ) {
        for call in Call::ALL {
            for encoding in [Encoding::Json, Encoding::Protobuf] {
                let _ = Request::decode(*call, encoding, &bytes);
                let _ = Request::decode(*call, encoding, text.as_bytes());
            }
        }
    }

    #[test]
    fn cut_bodies_are_malformed(
        written in object_of(UpdateParticipantRequest::FIELDS),
        at in any::<prop::sample::Index>(),
    ) {
        let text = written.to_string();
        let mut cut = at.index(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        prop_assert!(decode::<UpdateParticipantRequest>(&text.as_bytes()[..cut]).is_err());
    }
}
