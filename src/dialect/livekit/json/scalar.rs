//! One JSON value that is neither an object nor an array, and what protobuf's JSON reads in it.
//! Apart, so that the rules of numbers stand in one place; it never rounds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A JSON scalar as sent.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::dialect::livekit::json) enum Scalar {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// The integer that it is: written with or without an exponent or a fraction of zero, as a
    /// number or as a string that holds one.
    pub(in crate::dialect::livekit::json) fn integer(&self) -> Option<i128> {
        match self {
            Self::Integer(integer) => Some(*integer),
            Self::Float(float) => whole(*float),
            Self::Text(text) => match serde_json::from_str(text) {
                Ok(Self::Integer(integer)) if !has_blank(text) => Some(integer),
                Ok(Self::Float(float)) if !has_blank(text) => whole(float),
                _ => None,
            },
            Self::Null | Self::Bool(_) => None,
        }
    }
}

/// Beyond 2^53 a float names no single integer, so none is read from it.
fn whole(float: f64) -> Option<i128> {
    let exact = float.fract() == 0.0 && float.abs() <= FLOAT_EXACT_MAX;
    if exact {
        format!("{float:.0}").parse().ok()
    } else {
        None
    }
}

fn has_blank(text: &str) -> bool {
    text.trim() != text
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a number, true, false or null")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(value))
    }
}

/// 2^53.
const FLOAT_EXACT_MAX: f64 = 9_007_199_254_740_992.0;
