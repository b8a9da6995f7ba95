//! Our hand-declared messages against the vendor's generated ones: the same names, numbers, types
//! and order, shown by values that go from either to the other and back. Needs no server.
//!
//! Values are made as JSON from our schema. Each side reads that by its own field names before it
//! writes bytes, so that two fields of one type with their numbers swapped are found as well.

use std::collections::BTreeSet;
use std::fmt::Debug;

use livekit_protocol as vendor;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use prost::Message;
use roomledger::dialect::livekit::json::codec::EnumNames;
use roomledger::dialect::livekit::json::message::{self as ours_json, JsonMessage};
use roomledger::dialect::livekit::json::schema::{Field, Kind};
use roomledger::dialect::livekit::proto::{models, service};
use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::{Map, Value, json};

/// What the vendor declares and we do not: message, fields (none named: all), reason.
const UNDECLARED: &[(&str, &[&str], &str)] = &[
    (
        "DataTrackInfo",
        &["frame_encoding", "schema"],
        "fields 5 and 6: how data is encoded is between clients, no admin call reads or sets it",
    ),
    (
        "RoomCompositeEgressRequest",
        &[],
        "we start no egress: only whether one is asked for is read",
    ),
    ("AutoParticipantEgress", &[], "as for the room's egress"),
    ("AutoTrackEgress", &[], "as for the room's egress"),
];

#[test]
fn the_table_below_holds_every_declaration() {
    // Only names of messages and enums stand there: an indent of four, a capital, a brace.
    let declared: BTreeSet<&str> = SOURCES
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.strip_prefix("    ")?.split_once(" {"))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase()))
        .collect();
    let messages = messages().into_iter().map(|pair| pair.ours);
    let enums = enums().into_iter().map(|pair| pair.ours);
    let compared: BTreeSet<&str> = messages.chain(enums).collect();
    assert_eq!(declared, compared);
}

#[test]
fn fields_have_the_vendors_names_in_the_vendors_order() {
    for pair in messages() {
        let mut theirs = pair.their_names;
        match UNDECLARED.iter().find(|row| row.0 == pair.theirs) {
            Some((_, [], _)) => theirs.clear(),
            Some((_, names, _)) => {
                let all = theirs.len();
                theirs.retain(|name| !names.contains(name));
                assert_eq!(theirs.len() + names.len(), all, "{}", pair.theirs);
            }
            None => {}
        }
        let ours: Vec<&str> = pair.our_fields.iter().map(|field| field.name).collect();
        assert_eq!(ours, theirs, "{}", pair.theirs);
    }
}

#[test]
fn enums_have_the_vendors_names_and_numbers() {
    for pair in enums() {
        assert_eq!(pair.our_values, pair.their_values, "{}", pair.ours);
    }
}

#[test]
fn any_value_has_the_same_bytes_on_both_sides() {
    for pair in messages() {
        // One map entry at most: the vendor's maps are hash maps, whose order is nobody's.
        (pair.agree)(Shape {
            least: 0,
            entries_max: 1,
        });
    }
}

#[test]
fn values_with_every_field_set_are_the_same_on_both_sides() {
    for pair in messages() {
        (pair.agree)(Shape {
            least: 1,
            entries_max: 3,
        });
    }
}

#[test]
fn integers_are_no_wider_at_the_vendors() {
    // A value of ours fits a wider type as well; one beyond ours shows it.
    for pair in messages() {
        for field in pair.our_fields {
            let beyond = match field.kind {
                Kind::Uint32 => json!(1_u64 << 32),
                Kind::Int32 => json!(1_u64 << 31),
                Kind::Int64 => json!((1_u64 << 63).to_string()),
                _ => continue,
            };
            let value = json!({ field.name: beyond });
            assert!(!(pair.they_read)(&value), "{}: {value}", pair.theirs);
        }
    }
}

#[test]
fn what_we_do_not_declare_is_passed_over() -> Result<(), TestCaseError> {
    let track = json!({"pubHandle": 7, "sid": "DTR_1", "name": "chat", "encryption": "GCM"});
    let mut whole = track.clone();
    whole["frameEncoding"] = json!({"wellKnown": 1});
    whole["schema"] = json!({"name": "a.schema"});
    passes_over::<models::DataTrackInfo, vendor::DataTrackInfo>(&track, &whole)?;

    let egress = json!({"room": {}, "participant": {}, "tracks": {}});
    let whole = json!({
        "room": {"layout": "grid", "audioOnly": true},
        "participant": {"fileOutputs": [{"filepath": "p.mp4"}]},
        "tracks": {"filepath": "t.ogg", "disableManifest": true},
    });
    passes_over::<service::RoomEgress, vendor::RoomEgress>(&egress, &whole)
}

fn passes_over<O: Ours, T: Theirs>(declared: &Value, whole: &Value) -> Result<(), TestCaseError> {
    let bytes = theirs_of::<T>(whole)?.encode_to_vec();
    let declared = ours_of::<O>(declared)?;
    prop_assert!(bytes.len() > declared.encoded_len());
    prop_assert_eq!(O::decode(bytes.as_slice())?, declared);
    Ok(())
}

/// One of our messages beside the vendor's.
struct MessagePair {
    ours: &'static str,
    theirs: &'static str,
    our_fields: &'static [Field],
    their_names: Vec<&'static str>,
    they_read: fn(&Value) -> bool,
    agree: fn(Shape),
}

fn message<O: Ours, T: Theirs>() -> MessagePair {
    let mut their_names = Names::of::<T>();
    // Of each field the vendor lists both spellings; ours are in snake case.
    their_names.retain(|name| !name.contains(|c: char| c.is_ascii_uppercase()));
    MessagePair {
        ours: short_name::<O>(),
        theirs: short_name::<T>(),
        our_fields: O::FIELDS,
        their_names,
        they_read: |value| theirs_of::<T>(value).is_ok(),
        agree: agree::<O, T>,
    }
}

/// Shows for many values of a shape that both sides mean the same by them.
fn agree<O: Ours, T: Theirs>(shape: Shape) {
    let config = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&object(O::FIELDS, shape), |value| {
        agree_on::<O, T>(&value, shape)
    });
    if let Err(error) = outcome {
        panic!("{}: {error}", short_name::<T>());
    }
}

fn agree_on<O: Ours, T: Theirs>(value: &Value, shape: Shape) -> Result<(), TestCaseError> {
    let (ours, theirs) = (ours_of::<O>(value)?, theirs_of::<T>(value)?);
    let (our_bytes, their_bytes) = (ours.encode_to_vec(), theirs.encode_to_vec());
    let their_json = serde_json::to_value(&theirs)?;
    if shape.entries_max <= 1 {
        prop_assert_eq!(&our_bytes, &their_bytes, "bytes");
    }
    if shape.least > 0 {
        let set = their_json.as_object().map(Map::len);
        prop_assert_eq!(set, Some(O::FIELDS.len()), "fields set at the vendor's");
    }

    let through_theirs = T::decode(our_bytes.as_slice())?;
    prop_assert_eq!(&through_theirs, &theirs, "ours, read by theirs");
    let back = O::decode(through_theirs.encode_to_vec().as_slice())?;
    prop_assert_eq!(back.encode_to_vec(), our_bytes, "ours, by theirs and back");

    let through_ours = O::decode(their_bytes.as_slice())?;
    prop_assert_eq!(&through_ours, &ours, "theirs, read by ours");
    let back = T::decode(through_ours.encode_to_vec().as_slice())?;
    prop_assert_eq!(&back, &theirs, "theirs, by ours and back");

    let read: T = serde_json::from_str(&ours_json::encode(&ours))?;
    prop_assert_eq!(read, theirs, "our JSON, read by theirs");
    prop_assert_eq!(ours_of::<O>(&their_json)?, ours, "their JSON, read by ours");
    Ok(())
}

fn ours_of<O: Ours>(value: &Value) -> Result<O, TestCaseError> {
    let decoded = ours_json::decode::<O>(value.to_string().as_bytes())?;
    prop_assert_eq!(decoded.unknown_names, []);
    Ok(decoded.message)
}

fn theirs_of<T: Theirs>(value: &Value) -> Result<T, TestCaseError> {
    Ok(serde_json::from_value(value.clone())?)
}

/// How full a value is.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// 0: anything may be absent, zero or empty. 1: nothing is.
    least: usize,
    /// Entries of a map, at most.
    entries_max: usize,
}

fn object(fields: &'static [Field], shape: Shape) -> BoxedStrategy<Value> {
    let members: Vec<_> = fields
        .iter()
        .map(|field| {
            let present = any_of(&field.kind, shape).prop_map(|value| (field.name, Some(value)));
            if shape.least > 0 {
                present.boxed()
            } else {
                prop_oneof![1 => Just((field.name, None)), 2 => present].boxed()
            }
        })
        .collect();
    let members = members.prop_map(|members| {
        let set = members
            .into_iter()
            .filter_map(|(name, value)| Some((String::from(name), value?)));
        Value::Object(set.collect::<Map<_, _>>())
    });
    members.boxed()
}

fn any_of(kind: &'static Kind, shape: Shape) -> BoxedStrategy<Value> {
    let least = shape.least;
    let text = move || vec(any::<char>(), least..=6).prop_map(String::from_iter);
    match kind {
        Kind::Text => text().prop_map(Value::from).boxed(),
        // Base64 of whole groups, which is all that its alphabet allows without padding.
        Kind::Bytes => vec("[A-Za-z0-9+/]{4}", least..=6)
            .prop_map(|groups| Value::from(groups.concat()))
            .boxed(),
        Kind::Bool => (least..=1).prop_map(|on| Value::from(on == 1)).boxed(),
        Kind::Uint32 => (least as u32..=u32::MAX).prop_map(Value::from).boxed(),
        Kind::Int32 => prop_oneof![i32::MIN..0, least as i32..=i32::MAX]
            .prop_map(Value::from)
            .boxed(),
        Kind::Int64 => prop_oneof![i64::MIN..0, least as i64..=i64::MAX]
            .prop_map(|number| Value::from(number.to_string()))
            .boxed(),
        // The first name is that of zero.
        Kind::Enum(names) => (least..names.len())
            .prop_map(|at| Value::from(names[at].0))
            .boxed(),
        Kind::Message(fields) => object(fields, shape),
        Kind::Optional(kind) => any_of(kind, shape),
        Kind::Repeated(kind) => vec(any_of(kind, shape), least..=2)
            .prop_map(Value::from)
            .boxed(),
        Kind::Map => btree_map(text(), text(), least..=shape.entries_max)
            .prop_map(|entries| json!(entries))
            .boxed(),
    }
}

/// One of our enums beside the vendor's.
struct EnumPair {
    ours: &'static str,
    our_values: Vec<(&'static str, i32)>,
    their_values: Vec<(&'static str, i32)>,
}

fn enumeration<O: EnumNames, T: DeserializeOwned + Into<i32>>() -> EnumPair {
    let number = |name: &'static str| {
        let value: T = serde_json::from_value(Value::from(name)).unwrap();
        (name, value.into())
    };
    EnumPair {
        ours: short_name::<O>(),
        our_values: O::NAMES.to_vec(),
        their_values: Names::of::<T>().into_iter().map(number).collect(),
    }
}

/// Asks a type of the vendor's for the names of its fields or variants, which serde's derivation
/// hands to any input it reads from; then fails, for there is nothing to read.
#[derive(Debug)]
struct Names(Vec<&'static str>);

impl Names {
    fn of<T: DeserializeOwned>() -> Vec<&'static str> {
        T::deserialize(Names(Vec::new())).err().unwrap().0
    }
}

impl<'de> Deserializer<'de> for Names {
    type Error = Self;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self> {
        visitor.visit_str("")
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Self> {
        Err(Names(fields.to_vec()))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl serde::de::Error for Names {
    fn custom<D: std::fmt::Display>(words: D) -> Self {
        panic!("no list of names: {words}")
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Names(expected.to_vec())
    }
}

impl std::fmt::Display for Names {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}", self.0)
    }
}

impl std::error::Error for Names {}

trait Ours: JsonMessage + Message + Debug + PartialEq {}
impl<M: JsonMessage + Message + Debug + PartialEq> Ours for M {}

trait Theirs: Message + Debug + Default + PartialEq + Serialize + DeserializeOwned {}
impl<M: Message + Debug + Default + PartialEq + Serialize + DeserializeOwned> Theirs for M {}

fn short_name<M>() -> &'static str {
    let path = std::any::type_name::<M>();
    path.rsplit("::").next().unwrap_or(path)
}

fn messages() -> Vec<MessagePair> {
    vec![
        message::<models::Room, vendor::Room>(),
        message::<models::Codec, vendor::Codec>(),
        message::<models::TimedVersion, vendor::TimedVersion>(),
        message::<models::ParticipantInfo, vendor::ParticipantInfo>(),
        message::<models::ParticipantPermission, vendor::ParticipantPermission>(),
        message::<models::TrackInfo, vendor::TrackInfo>(),
        message::<models::VideoLayer, vendor::VideoLayer>(),
        message::<models::SimulcastCodecInfo, vendor::SimulcastCodecInfo>(),
        message::<models::DataTrackInfo, vendor::DataTrackInfo>(),
        message::<models::ParticipantTracks, vendor::ParticipantTracks>(),
        message::<service::CreateRoomRequest, vendor::CreateRoomRequest>(),
        message::<service::RoomConfiguration, vendor::RoomConfiguration>(),
        message::<service::RoomEgress, vendor::RoomEgress>(),
        message::<service::Unread, vendor::RoomCompositeEgressRequest>(),
        message::<service::Unread, vendor::AutoParticipantEgress>(),
        message::<service::Unread, vendor::AutoTrackEgress>(),
        message::<service::RoomAgentDispatch, vendor::RoomAgentDispatch>(),
        message::<service::ListRoomsRequest, vendor::ListRoomsRequest>(),
        message::<service::ListRoomsResponse, vendor::ListRoomsResponse>(),
        message::<service::DeleteRoomRequest, vendor::DeleteRoomRequest>(),
        message::<service::DeleteRoomResponse, vendor::DeleteRoomResponse>(),
        message::<service::ListParticipantsRequest, vendor::ListParticipantsRequest>(),
        message::<service::ListParticipantsResponse, vendor::ListParticipantsResponse>(),
        message::<service::RoomParticipantIdentity, vendor::RoomParticipantIdentity>(),
        message::<service::RemoveParticipantResponse, vendor::RemoveParticipantResponse>(),
        message::<service::MuteRoomTrackRequest, vendor::MuteRoomTrackRequest>(),
        message::<service::MuteRoomTrackResponse, vendor::MuteRoomTrackResponse>(),
        message::<service::UpdateParticipantRequest, vendor::UpdateParticipantRequest>(),
        message::<service::UpdateSubscriptionsRequest, vendor::UpdateSubscriptionsRequest>(),
        message::<service::UpdateSubscriptionsResponse, vendor::UpdateSubscriptionsResponse>(),
        message::<service::SendDataRequest, vendor::SendDataRequest>(),
        message::<service::SendDataResponse, vendor::SendDataResponse>(),
        message::<service::UpdateRoomMetadataRequest, vendor::UpdateRoomMetadataRequest>(),
        message::<service::ForwardParticipantRequest, vendor::ForwardParticipantRequest>(),
        message::<service::ForwardParticipantResponse, vendor::ForwardParticipantResponse>(),
        message::<service::MoveParticipantRequest, vendor::MoveParticipantRequest>(),
        message::<service::MoveParticipantResponse, vendor::MoveParticipantResponse>(),
        message::<service::PerformRpcRequest, vendor::PerformRpcRequest>(),
        message::<service::PerformRpcResponse, vendor::PerformRpcResponse>(),
    ]
}

fn enums() -> Vec<EnumPair> {
    vec![
        enumeration::<models::State, vendor::participant_info::State>(),
        enumeration::<models::ParticipantKind, vendor::participant_info::Kind>(),
        enumeration::<models::KindDetail, vendor::participant_info::KindDetail>(),
        enumeration::<models::DisconnectReason, vendor::DisconnectReason>(),
        enumeration::<models::Capability, vendor::client_info::Capability>(),
        enumeration::<models::TrackType, vendor::TrackType>(),
        enumeration::<models::TrackSource, vendor::TrackSource>(),
        enumeration::<models::EncryptionType, vendor::encryption::Type>(),
        enumeration::<models::AudioTrackFeature, vendor::AudioTrackFeature>(),
        enumeration::<models::BackupCodecPolicy, vendor::BackupCodecPolicy>(),
        enumeration::<models::PacketTrailerFeature, vendor::PacketTrailerFeature>(),
        enumeration::<models::VideoQuality, vendor::VideoQuality>(),
        enumeration::<models::VideoLayerMode, vendor::video_layer::Mode>(),
        enumeration::<service::DataKind, vendor::data_packet::Kind>(),
        enumeration::<service::JobRestartPolicy, vendor::JobRestartPolicy>(),
    ]
}

const SOURCES: [&str; 2] = [
    include_str!("../../../../src/dialect/livekit/proto/models.rs"),
    include_str!("../../../../src/dialect/livekit/proto/service.rs"),
];
