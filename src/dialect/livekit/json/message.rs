//! Messages as JSON objects: reading, writing, and passing over what is unknown. Apart from the
//! codecs of single fields, which know no message; it never looks at what a message means.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::dialect::livekit::json::codec::{Element, Read};
use crate::dialect::livekit::json::schema::{Field, Kind, Notes, UnknownName};

/// A message that can be read and written as LiveKit's JSON; made by the `message!` macro.
pub trait JsonMessage: Default {
    /// All fields, in the order in which they are written.
    const FIELDS: &'static [Field];

    /// Reads the value of the field with this number.
    ///
    /// # Errors
    /// The input's error, when the value does not fit the field.
    fn read_field<'de, D: Deserializer<'de>>(
        &mut self,
        number: u32,
        input: D,
        notes: &mut Notes,
    ) -> Result<(), D::Error>;

    /// Writes all fields, without the braces.
    fn write_fields(&self, out: &mut String);
}

/// A message read from JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded<M> {
    /// The message.
    pub message: M,
    /// Enum names nobody knows, at most the first of each field. They are dropped, as LiveKit
    /// does; but where dropping one would widen a right, the service has to refuse.
    pub unknown_names: Vec<UnknownName>,
}

/// The body is not LiveKit's JSON for the message. It carries no detail, because LiveKit's answer
/// has none and clients compare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the json request could not be decoded")]
pub struct Malformed;

/// Reads a message from a body.
///
/// # Errors
/// [`Malformed`], for anything that LiveKit would not read either, and for values nested deeper
/// than 128 (LiveKit: 10,000).
pub fn decode<M: JsonMessage>(body: &[u8]) -> Result<Decoded<M>, Malformed> {
    let text = std::str::from_utf8(body).map_err(|_| Malformed)?;
    let mut notes = Notes::default();
    let mut input = serde_json::Deserializer::from_str(text);
    match Message::<M>::read(&mut input, &mut notes) {
        Ok(Read::Value(message)) => Ok(Decoded {
            message,
            unknown_names: notes.unknown_names,
        }),
        Ok(Read::Null | Read::Dropped) | Err(_) => Err(Malformed),
    }
}

/// Writes a message.
pub fn encode<M: JsonMessage>(message: &M) -> String {
    let mut out = String::new();
    Message::<M>::write(message, &mut out);
    out
}

/// The message `M` as a kind of value.
#[derive(Clone, Copy, Debug)]
pub struct Message<M>(PhantomData<M>);

impl<M: JsonMessage> Element for Message<M> {
    type Value = M;
    const KIND: Kind = Kind::Message(M::FIELDS);

    fn read<'de, D: Deserializer<'de>>(input: D, notes: &mut Notes) -> Result<Read<M>, D::Error> {
        input.deserialize_any(MessageVisitor {
            notes,
            message: PhantomData,
        })
    }

    fn write(value: &M, out: &mut String) {
        out.push('{');
        value.write_fields(out);
        out.push('}');
    }
}

/// Reads an object into a message; `null` is no message.
struct MessageVisitor<'a, M> {
    notes: &'a mut Notes,
    message: PhantomData<M>,
}

impl<'de, M: JsonMessage> Visitor<'de> for MessageVisitor<'_, M> {
    type Value = Read<M>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or null")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Read::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut message = M::default();
        let mut seen = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let Some(field) = M::FIELDS.iter().find(|field| is_name_of(&key, field.name)) else {
                map.next_value_seed(Skip)?;
                continue;
            };
            if seen.contains(&field.number) {
                return Err(A::Error::custom("a field is given twice"));
            }
            seen.push(field.number);
            self.notes.field = field.name;
            let (number, notes) = (field.number, &mut *self.notes);
            map.next_value_seed(FieldSeed {
                message: &mut message,
                number,
                notes,
            })?;
        }
        Ok(Read::Value(message))
    }
}

struct FieldSeed<'a, M> {
    message: &'a mut M,
    number: u32,
    notes: &'a mut Notes,
}

impl<'de, M: JsonMessage> DeserializeSeed<'de> for FieldSeed<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        self.message.read_field(self.number, input, self.notes)
    }
}

/// Passes over a value of an unknown field. Not serde's `IgnoredAny`: that one skips any depth and
/// does not look into strings, so it takes what LiveKit refuses.
struct Skip;

impl<'de> DeserializeSeed<'de> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skip {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Skip)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(Skip)?.is_some() {
            map.next_value_seed(Skip)?;
        }
        Ok(())
    }
}

/// Whether `key` is a field's name, in snake case or in camel case.
fn is_name_of(key: &str, name: &str) -> bool {
    if key == name {
        return true;
    }
    let camel = name.split('_').enumerate().flat_map(|(part, word)| {
        let mut chars = word.chars();
        let first = chars
            .next()
            .map(|c| if part == 0 { c } else { c.to_ascii_uppercase() });
        first.into_iter().chain(chars)
    });
    camel.eq(key.chars())
}
