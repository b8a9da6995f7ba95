//! Values of any stored type from a number, by deserializing from entropy: a new kind of event, or
//! a new field, is covered without a line here. Apart because it knows the shape of values only as
//! serde tells it, so what it makes is well formed but rarely sensible.

use std::collections::VecDeque;

use serde::de::value::U32Deserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Deserialize as _, forward_to_deserialize_any};

use crate::domain::{Kind, NewEvent, Reference, RoomName, Timestamp, Version};
use crate::store::CommandHeader;

/// How full the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fullness {
    /// Every option is there and every list has two members: what golden bytes are made of.
    Full,
    /// Anything goes.
    Any,
}

/// An event of a kind; the same number gives the same event.
///
/// # Panics
/// When the payload's own checks refuse what the generator makes of its strings.
pub fn event(kind: Kind, fullness: Fullness, seed: u64) -> NewEvent {
    let mut entropy = Entropy::new(fullness, seed);
    let event = match kind.deserialize(Values(&mut entropy)) {
        Ok(event) => event,
        Err(error) => panic!("no {} can be made: {error}", kind.as_str()),
    };
    let at = Timestamp::deserialize(Values(&mut entropy)).unwrap_or_default();
    let room = entropy.word();
    NewEvent {
        event,
        cause: entropy.maybe(|entropy| Reference {
            room: entropy.maybe(|_| RoomName::new(&room).ok()).flatten(),
            version: Version(entropy.below(1_000)),
        }),
        occurred_at: entropy.maybe(|_| at),
    }
}

/// What stands beside a command's events.
///
/// # Panics
/// When a type's own checks refuse what the generator makes of its strings.
pub fn command_header(fullness: Fullness, seed: u64) -> CommandHeader {
    let mut entropy = Entropy::new(fullness, seed);
    value(&mut entropy)
}

fn value<T: for<'de> serde::Deserialize<'de>>(entropy: &mut Entropy) -> T {
    match T::deserialize(Values(entropy)) {
        Ok(value) => value,
        Err(error) => panic!("no {} can be made: {error}", std::any::type_name::<T>()),
    }
}

/// Numbers from a seed (splitmix64).
struct Entropy {
    fullness: Fullness,
    state: u64,
    /// The length of the next list and the numbers in it, where not any will do.
    planned: (Option<usize>, VecDeque<u32>),
}

impl Entropy {
    fn new(fullness: Fullness, seed: u64) -> Self {
        Self {
            fullness,
            state: seed,
            planned: (None, VecDeque::new()),
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn is(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// Small and huge numbers alike, so that every length of a varint occurs.
    fn unsigned(&mut self) -> u64 {
        let shift = u32::try_from(self.below(64)).unwrap_or(0);
        self.next() >> shift
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    fn signed(&mut self) -> i64 {
        let number = i64::try_from(self.unsigned() >> 1).unwrap_or(i64::MAX);
        if self.is() { -number } else { number }
    }

    fn length(&mut self) -> usize {
        if let Some(planned) = self.planned.0.take() {
            return planned;
        }
        match self.fullness {
            Fullness::Full => 2,
            Fullness::Any => usize::try_from(self.below(4)).unwrap_or(0),
        }
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.fullness == Fullness::Full || self.is()).then(|| make(self))
    }

    /// Plans the pairs of a set: ordered, apart, and each of any size.
    fn plan_ranges(&mut self) {
        let count = self.length();
        let mut end = 0;
        for _ in 0..count {
            // Three of the largest are still numbers.
            let [gap, length] = [0; 2].map(|_| u32::try_from(self.unsigned() >> 36).unwrap_or(1));
            let first = end + 1 + gap;
            self.planned.1.extend([first, length + 1]);
            end = first + length + 1;
        }
        self.planned.0 = Some(count);
    }

    fn number(&mut self) -> u32 {
        let planned = self.planned.1.pop_front();
        planned.unwrap_or_else(|| u32::try_from(self.unsigned() >> 32).unwrap_or(1))
    }

    /// A word that every kind of name takes.
    fn word(&mut self) -> String {
        let length = 1 + self.below(11);
        let letters = "abcdefghijklmnopqrstuvwxyz0123456789-_ \u{e9}\u{1f600}";
        let letters: Vec<char> = letters.chars().collect();
        (0..length)
            .filter_map(|_| {
                let index = usize::try_from(self.below(u64::MAX)).unwrap_or(0) % letters.len();
                letters.get(index)
            })
            .collect()
    }
}

/// Answers whatever is asked for. Stands for the stored form: not human readable.
struct Values<'a>(&'a mut Entropy);

type Failure = serde::de::value::Error;

macro_rules! numbers {
    ($($method:ident $visit:ident $make:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            let make: fn(&mut Entropy) -> _ = $make;
            visitor.$visit(make(self.0))
        })*
    };
}

impl<'de> Deserializer<'de> for Values<'_> {
    type Error = Failure;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Failure> {
        Err(Failure::custom("stored types say what they are"))
    }

    numbers! {
        deserialize_bool visit_bool |entropy| entropy.is();
        deserialize_u8 visit_u8 |entropy| entropy.next().to_le_bytes()[0];
        deserialize_u16 visit_u16 |entropy| u16::try_from(entropy.unsigned() >> 48).unwrap_or(1);
        deserialize_u32 visit_u32 Entropy::number;
        deserialize_u64 visit_u64 |entropy| entropy.unsigned();
        deserialize_u128 visit_u128 Entropy::wide;
        deserialize_i8 visit_i8 |entropy| i8::try_from(entropy.signed() >> 56).unwrap_or(1);
        deserialize_i16 visit_i16 |entropy| i16::try_from(entropy.signed() >> 48).unwrap_or(1);
        deserialize_i32 visit_i32 |entropy| i32::try_from(entropy.signed() >> 32).unwrap_or(1);
        deserialize_i64 visit_i64 |entropy| entropy.signed();
        deserialize_char visit_char |_| 'x';
        deserialize_string visit_string |entropy| entropy.word();
        deserialize_str visit_string |entropy| entropy.word();
        deserialize_identifier visit_string |entropy| entropy.word();
        deserialize_bytes visit_byte_buf |entropy| entropy.word().into_bytes();
        deserialize_byte_buf visit_byte_buf |entropy| entropy.word().into_bytes();
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.0.fullness == Fullness::Full || self.0.is() {
            visitor.visit_some(self)
        } else {
            visitor.visit_none()
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if name == "Ranges" {
            self.0.plan_ranges();
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let left = self.0.length();
        visitor.visit_seq(Members {
            entropy: self.0,
            left,
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let left = self.0.length();
        visitor.visit_map(Members {
            entropy: self.0,
            left,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_seq(Members {
            entropy: self.0,
            left,
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_tuple(left, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let count = u64::try_from(variants.len()).unwrap_or(1);
        let variant = u32::try_from(self.0.below(count)).unwrap_or(0);
        visitor.visit_enum(Variant {
            entropy: self.0,
            variant,
        })
    }

    forward_to_deserialize_any! { f32 f64 i128 ignored_any }
}

/// The members of a list, tuple or map.
struct Members<'a> {
    entropy: &'a mut Entropy,
    left: usize,
}

impl<'de> SeqAccess<'de> for Members<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        seed.deserialize(Values(self.entropy)).map(Some)
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = Failure;

    fn next_key_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(Values(self.entropy))
    }
}

/// One variant of an enum and what is in it.
struct Variant<'a> {
    entropy: &'a mut Entropy,
    variant: u32,
}

impl<'a, 'de> EnumAccess<'de> for Variant<'a> {
    type Error = Failure;
    type Variant = Values<'a>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Values<'a>), Failure> {
        let index: U32Deserializer<Failure> = self.variant.into_deserializer();
        Ok((seed.deserialize(index)?, Values(self.entropy)))
    }
}

impl<'de> VariantAccess<'de> for Values<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_tuple(left, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}
