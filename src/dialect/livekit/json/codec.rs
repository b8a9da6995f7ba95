//! How each kind of value and each shape of field is read and written as JSON. Apart from the
//! messages, which only name these types; it never knows a message.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::marker::PhantomData;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::Visitor;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess};

use crate::dialect::livekit::json::scalar::Scalar;
use crate::dialect::livekit::json::schema::{Kind, Notes};

/// One value in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read<T> {
    /// It was there.
    Value(T),
    /// `null`.
    Null,
    /// An enum name that nobody knows.
    Dropped,
}

/// A kind of single value.
pub trait Element {
    /// Its Rust type.
    type Value;
    /// How the schema calls it.
    const KIND: Kind;

    /// Reads one.
    ///
    /// # Errors
    /// The input's error, when there is something else.
    fn read<'de, D: Deserializer<'de>>(
        input: D,
        notes: &mut Notes,
    ) -> Result<Read<Self::Value>, D::Error>;

    /// Writes one.
    fn write(value: &Self::Value, out: &mut String);
}

/// A shape of field: one value, an optional one, many.
pub trait Slot {
    /// The Rust type of the field.
    type Value;
    /// How the schema calls it.
    const KIND: Kind;

    /// Reads the field's value into it.
    ///
    /// # Errors
    /// The input's error, when the value does not fit.
    fn read<'de, D: Deserializer<'de>>(
        slot: &mut Self::Value,
        input: D,
        notes: &mut Notes,
    ) -> Result<(), D::Error>;

    /// Writes the value.
    fn write(value: &Self::Value, out: &mut String);

    /// Whether the field is shown at all.
    fn is_shown(_value: &Self::Value) -> bool {
        true
    }
}

/// Writes one member of an object, if it is shown, with the comma before it.
pub fn write_member<S: Slot>(name: &str, value: &S::Value, out: &mut String) {
    if !S::is_shown(value) {
        return;
    }
    if !out.ends_with('{') {
        out.push(',');
    }
    write_text(name, out);
    out.push(':');
    S::write(value, out);
}

/// The names of an enum; made by the `enumeration!` macro.
pub trait EnumNames {
    /// Every name with its number.
    const NAMES: &'static [(&'static str, i32)];
}

macro_rules! scalar {
    ($(#[$doc:meta])* $name:ident($value:ty), $kind:ident, $read:expr, $write:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Element for $name {
            type Value = $value;
            const KIND: Kind = Kind::$kind;

            fn read<'de, D: Deserializer<'de>>(
                input: D,
                _notes: &mut Notes,
            ) -> Result<Read<$value>, D::Error> {
                let read: fn(Scalar) -> Option<$value> = $read;
                match Scalar::deserialize(input)? {
                    Scalar::Null => Ok(Read::Null),
                    other => read(other)
                        .map(Read::Value)
                        .ok_or_else(|| D::Error::custom(concat!("not a ", stringify!($name)))),
                }
            }

            fn write(value: &$value, out: &mut String) {
                let write: fn(&$value, &mut String) = $write;
                write(value, out);
            }
        }
    };
}

scalar!(
    /// A string.
    Text(String), Text,
    |scalar| if let Scalar::Text(text) = scalar { Some(text) } else { None },
    |text, out| write_text(text, out)
);
scalar!(
    /// Bytes, as base64 of either alphabet, padded or not; written with the standard one.
    Bytes(Vec<u8>), Bytes,
    |scalar| if let Scalar::Text(text) = scalar { bytes_of(&text) } else { None },
    |bytes, out| write_text(&STANDARD.encode(bytes), out)
);
scalar!(
    /// A flag: only `true` and `false`, no other spelling.
    Bool(bool), Bool,
    |scalar| if let Scalar::Bool(on) = scalar { Some(on) } else { None },
    |on, out| out.push_str(if *on { "true" } else { "false" })
);
scalar!(
    /// An unsigned 32-bit integer.
    Uint32(u32), Uint32,
    |scalar| scalar.integer()?.try_into().ok(),
    |number, out| out.push_str(&number.to_string())
);
scalar!(
    /// A signed 32-bit integer.
    Int32(i32), Int32,
    |scalar| scalar.integer()?.try_into().ok(),
    |number, out| out.push_str(&number.to_string())
);
scalar!(
    /// A signed 64-bit integer; a string, because JavaScript's numbers cannot hold it.
    Int64(i64), Int64,
    |scalar| scalar.integer()?.try_into().ok(),
    |number, out| write_text(&number.to_string(), out)
);

/// A value of the enum `E`, held as its number.
#[derive(Clone, Copy, Debug)]
pub struct Enum<E>(PhantomData<E>);

impl<E: EnumNames> Element for Enum<E> {
    type Value = i32;
    const KIND: Kind = Kind::Enum(E::NAMES);

    fn read<'de, D: Deserializer<'de>>(input: D, notes: &mut Notes) -> Result<Read<i32>, D::Error> {
        let scalar = Scalar::deserialize(input)?;
        if scalar == Scalar::Null {
            return Ok(Read::Null);
        }
        let Scalar::Text(name) = scalar else {
            let number = scalar.integer().and_then(|number| number.try_into().ok());
            return number
                .map(Read::Value)
                .ok_or_else(|| D::Error::custom("not an enum"));
        };
        if let Some((_, number)) = E::NAMES.iter().find(|(known, _)| *known == name) {
            return Ok(Read::Value(*number));
        }
        notes.unknown_name(name);
        Ok(Read::Dropped)
    }

    fn write(value: &i32, out: &mut String) {
        match E::NAMES.iter().find(|(_, number)| number == value) {
            Some((name, _)) => write_text(name, out),
            None => out.push_str(&value.to_string()),
        }
    }
}

/// A field with a default.
#[derive(Clone, Copy, Debug)]
pub struct Single<E>(PhantomData<E>);

impl<E: Element> Slot for Single<E> {
    type Value = E::Value;
    const KIND: Kind = E::KIND;

    fn read<'de, D: Deserializer<'de>>(
        slot: &mut E::Value,
        input: D,
        notes: &mut Notes,
    ) -> Result<(), D::Error> {
        if let Read::Value(value) = E::read(input, notes)? {
            *slot = value;
        }
        Ok(())
    }

    fn write(value: &E::Value, out: &mut String) {
        E::write(value, out);
    }
}

/// A message, or `null`.
#[derive(Clone, Copy, Debug)]
pub struct Nullable<E>(PhantomData<E>);

impl<E: Element> Slot for Nullable<E> {
    type Value = Option<E::Value>;
    const KIND: Kind = E::KIND;

    fn read<'de, D: Deserializer<'de>>(
        slot: &mut Option<E::Value>,
        input: D,
        notes: &mut Notes,
    ) -> Result<(), D::Error> {
        if let Read::Value(value) = E::read(input, notes)? {
            *slot = Some(value);
        }
        Ok(())
    }

    fn write(value: &Option<E::Value>, out: &mut String) {
        match value {
            Some(value) => E::write(value, out),
            None => out.push_str("null"),
        }
    }
}

/// A scalar that knows whether it was given; not shown when it was not.
#[derive(Clone, Copy, Debug)]
pub struct Optional<E>(PhantomData<E>);

impl<E: Element> Slot for Optional<E> {
    type Value = Option<E::Value>;
    const KIND: Kind = Kind::Optional(&E::KIND);

    fn read<'de, D: Deserializer<'de>>(
        slot: &mut Option<E::Value>,
        input: D,
        notes: &mut Notes,
    ) -> Result<(), D::Error> {
        Nullable::<E>::read(slot, input, notes)
    }

    fn write(value: &Option<E::Value>, out: &mut String) {
        Nullable::<E>::write(value, out);
    }

    fn is_shown(value: &Option<E::Value>) -> bool {
        value.is_some()
    }
}

/// Any number of values. `null` for the whole is none; within, it is malformed.
#[derive(Clone, Copy, Debug)]
pub struct Repeated<E>(PhantomData<E>);

impl<E: Element> Slot for Repeated<E> {
    type Value = Vec<E::Value>;
    const KIND: Kind = Kind::Repeated(&E::KIND);

    fn read<'de, D: Deserializer<'de>>(
        slot: &mut Vec<E::Value>,
        input: D,
        notes: &mut Notes,
    ) -> Result<(), D::Error> {
        input.deserialize_any(RepeatedVisitor::<E> { slot, notes })
    }

    fn write(values: &Vec<E::Value>, out: &mut String) {
        out.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            E::write(value, out);
        }
        out.push(']');
    }
}

/// Strings by string, in order of the keys.
#[derive(Clone, Copy, Debug)]
pub struct TextMap;

impl Slot for TextMap {
    type Value = BTreeMap<String, String>;
    const KIND: Kind = Kind::Map;

    fn read<'de, D: Deserializer<'de>>(
        slot: &mut BTreeMap<String, String>,
        input: D,
        _notes: &mut Notes,
    ) -> Result<(), D::Error> {
        input.deserialize_any(TextMapVisitor { slot })
    }

    fn write(values: &BTreeMap<String, String>, out: &mut String) {
        out.push('{');
        for (key, value) in values {
            write_member::<Single<Text>>(key, value, out);
        }
        out.push('}');
    }
}

struct RepeatedVisitor<'a, E: Element> {
    slot: &'a mut Vec<E::Value>,
    notes: &'a mut Notes,
}

impl<'de, E: Element> Visitor<'de> for RepeatedVisitor<'_, E> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array or null")
    }

    fn visit_unit<X>(self) -> Result<(), X> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(read) = list.next_element_seed(ElementSeed::<E>::new(self.notes))? {
            match read {
                Read::Value(value) => self.slot.push(value),
                Read::Dropped => {}
                Read::Null => return Err(A::Error::custom("null in an array")),
            }
        }
        Ok(())
    }
}

struct ElementSeed<'a, E> {
    notes: &'a mut Notes,
    element: PhantomData<E>,
}

impl<'a, E> ElementSeed<'a, E> {
    fn new(notes: &'a mut Notes) -> Self {
        Self {
            notes,
            element: PhantomData,
        }
    }
}

impl<'de, E: Element> DeserializeSeed<'de> for ElementSeed<'_, E> {
    type Value = Read<E::Value>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        E::read(input, self.notes)
    }
}

struct TextMapVisitor<'a> {
    slot: &'a mut BTreeMap<String, String>,
}

impl<'de> Visitor<'de> for TextMapVisitor<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of strings or null")
    }

    fn visit_unit<X>(self) -> Result<(), X> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if self.slot.insert(key, value).is_some() {
                return Err(A::Error::custom("a key is given twice"));
            }
        }
        Ok(())
    }
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let engine = if text.contains(['-', '_']) {
        &URL_SAFE_LENIENT
    } else {
        &STANDARD_LENIENT
    };
    engine.decode(text).ok()
}

/// As Go's protojson escapes: quotes, backslashes and control characters. What lies between them
/// is copied whole: all of them are ASCII, so no cut falls inside a character.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_escaped) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        match characters.next().unwrap_or_default() {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

const fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
