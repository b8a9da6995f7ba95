//! The words of the domain as JSON Schema, for the contract of our own API.
//!
//! Apart because the domain knows no schema: what it spells is asked of its own readers, so that
//! this never lists a word twice. It describes values and never holds one.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde_json::Value;

use crate::domain::command::SessionDataMerge;
use crate::domain::event::{
    ByWhom, CloseCause, ConnectionKind, DuplicatePolicy, EndReason, OpenedBy, TrackKind, UpdateMode,
};
use crate::domain::limits::{ALIAS_BYTES_MAX, IDENTITY_BYTES_MAX, ROOM_NAME_BYTES_MAX};
use crate::domain::state::ConnectionState;
use crate::domain::{
    ActorKind, AdminRight, Alias, ConnectionNumber, Digest, Identity, Kind, ParticipantNumber,
    RoomName, Source, Timestamp, TrackNumber, Version,
};
use crate::replay::page::Order;
use crate::replay::view::permission::AllowedView;
use crate::store::Position;

macro_rules! described {
    ($($described:ty, $name:literal, $schema:expr;)*) => {$(
        impl JsonSchema for $described {
            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

described! {
    ActorKind, "ActorKind", words::<Self>();
    AdminRight, "AdminRight", words::<Self>();
    ByWhom, "ByWhom", words::<Self>();
    CloseCause, "CloseCause", words::<Self>();
    ConnectionKind, "ConnectionKind", words::<Self>();
    ConnectionState, "ConnectionState", words::<Self>();
    DuplicatePolicy, "DuplicatePolicy", words::<Self>();
    EndReason, "EndReason", words::<Self>();
    OpenedBy, "OpenedBy", words::<Self>();
    Source, "Source", words::<Self>();
    TrackKind, "TrackKind", words::<Self>();
    UpdateMode, "UpdateMode", words::<Self>();
    Kind, "EventKind", one_of(Self::ALL.iter().map(|kind| kind.as_str()));
    Order, "Order", one_of(["asc", "desc"].into_iter());
    SessionDataMerge, "SessionDataMerge", one_of(["replace", "shallow"].into_iter());
    RoomName, "RoomName", name(ROOM_NAME_BYTES_MAX);
    Identity, "Identity", name(IDENTITY_BYTES_MAX);
    Alias, "Alias", name(ALIAS_BYTES_MAX);
    Position, "Position", json_schema!({ "type": "integer", "format": "uint64", "minimum": 0 });
    ParticipantNumber, "ParticipantNumber", json_schema!({
        "type": "integer",
        "format": "uint32",
        "minimum": 1,
    });
    ConnectionNumber, "ConnectionNumber", json_schema!({
        "type": "integer",
        "format": "uint32",
        "minimum": 1,
    });
    TrackNumber, "TrackNumber", json_schema!({
        "type": "integer",
        "format": "uint32",
        "minimum": 1,
    });
    Version, "Version", json_schema!({ "type": "integer", "format": "uint64", "minimum": 0 });
    Digest, "Digest", json_schema!({
        "description": "A SHA-256, in hex.",
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
    });
    Timestamp, "Timestamp", json_schema!({
        "description": "RFC 3339; answered in UTC with microseconds.",
        "type": "string",
        "format": "date-time",
    });
}

impl JsonSchema for AllowedView {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Allowed")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let sources = generator.subschema_for::<Vec<Source>>();
        json_schema!({
            "description": "Every source, or these as they were written.",
            "anyOf": [{ "const": "all" }, sources],
        })
    }
}

fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> Schema {
    let words: Value = words.collect();
    json_schema!({ "type": "string", "enum": words })
}

/// A text of so many bytes without control characters; a byte is a character at the most.
fn name(bytes_max: usize) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": bytes_max,
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*$",
    })
}

/// Every word that an enumeration is read from.
fn words<'de, T: Deserialize<'de>>() -> Schema {
    let mut words: &[&str] = &[];
    // The reader names its words, and is then refused a value.
    let _refused = T::deserialize(Words(&mut words));
    one_of(words.iter().copied())
}

/// Answers no value, and keeps the words that were asked for.
struct Words<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Words<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("only enumerations have words"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = words;
        Err(Error::custom("only the words were wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
