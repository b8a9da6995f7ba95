//! Values that belong to a person, marked so that they can be sealed and erased one day.
//!
//! Apart because the mark is part of the stored format from the first version on. It never
//! encrypts: every value is in the clear today, and its key slot is empty.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that came from outside and may tell who somebody is: identity, name, metadata,
/// attributes, reason, audit actor, note, topic, track name, address, user agent.
///
/// Stored as (key id, value) with key id 0 for "in the clear"; shown as the bare value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Personal<T> {
    /// The key that seals the value; `None` while it is in the clear, which is always today.
    key: Option<u32>,
    value: T,
}

impl<T> Personal<T> {
    /// Marks `value` as personal, in the clear.
    pub const fn new(value: T) -> Self {
        Self { key: None, value }
    }

    /// The value itself.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// The value itself, to be changed.
    pub(super) const fn value_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The value itself, taken out.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl Personal<String> {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.value
    }
}

impl From<&str> for Personal<String> {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl<T: Serialize> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.value.serialize(serializer)
        } else {
            (self.key.unwrap_or(0), &self.value).serialize(serializer)
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return T::deserialize(deserializer).map(Self::new);
        }
        let (key, value) = <(u32, T)>::deserialize(deserializer)?;
        Ok(Self {
            key: (key != 0).then_some(key),
            value,
        })
    }
}
