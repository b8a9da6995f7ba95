//! Sets of dense numbers as a few ranges, so that "everybody" of 100,000 stays small.
//!
//! Apart because stored events name people, connections and tracks only this way. It never knows
//! what its numbers stand for.

use std::marker::PhantomData;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A dense number of a room: of a participant, a connection or a track.
pub trait Number: Copy + Ord {
    /// From the bare number.
    fn from_u32(number: u32) -> Self;
    /// The bare number.
    fn as_u32(self) -> u32;
}

/// An ordered set of numbers, kept as (first, length) pairs that neither touch nor overlap.
///
/// ```
/// use roomledger::domain::{ConnectionNumber, Ranges};
/// let set: Ranges<ConnectionNumber> = [3, 1, 2, 9].map(ConnectionNumber).into_iter().collect();
/// assert_eq!(set.len(), 4);
/// assert_eq!(set.pairs(), &[(1, 3), (9, 1)]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges<N> {
    pairs: Vec<(u32, u32)>,
    kind: PhantomData<N>,
}

impl<N: Number> Ranges<N> {
    /// The set without a number.
    pub const fn new() -> Self {
        Self {
            pairs: Vec::new(),
            kind: PhantomData,
        }
    }

    /// The set of one number.
    pub fn one(number: N) -> Self {
        Self {
            pairs: vec![(number.as_u32(), 1)],
            kind: PhantomData,
        }
    }

    /// The (first, length) pairs, in order.
    pub fn pairs(&self) -> &[(u32, u32)] {
        &self.pairs
    }

    /// The largest number.
    pub fn last(&self) -> Option<N> {
        let &(first, length) = self.pairs.last()?;
        let last = first.saturating_add(length.saturating_sub(1));
        Some(N::from_u32(last))
    }

    /// Every number, in order. What a log names may be four billion of them: see
    /// [`Event::check_numbers`](crate::domain::Event::check_numbers).
    pub fn iter(&self) -> impl Iterator<Item = N> + '_ {
        self.pairs
            .iter()
            .flat_map(|&(first, length)| first..first.saturating_add(length))
            .map(N::from_u32)
    }

    /// Every number up to and with `last`, in order.
    pub fn up_to(&self, last: N) -> impl Iterator<Item = N> + '_ {
        let end = last.as_u32().saturating_add(1);
        let pairs = self.pairs.iter();
        let numbers = pairs.flat_map(move |&(first, length)| {
            let to = first.saturating_add(length);
            first..to.min(end)
        });
        numbers.map(N::from_u32)
    }

    /// The number with that many before it, however many there are, in the time of a few steps.
    ///
    /// ```
    /// use roomledger::domain::{ConnectionNumber, Ranges};
    /// let set: Ranges<_> = [3, 1, 2, 9].map(ConnectionNumber).into_iter().collect();
    /// let all: Vec<_> = (0..).map_while(|before| set.nth(before)).collect();
    /// assert_eq!(all, [1, 2, 3, 9].map(ConnectionNumber));
    /// ```
    pub fn nth(&self, before: u32) -> Option<N> {
        let mut before = before;
        for &(first, length) in &self.pairs {
            if before < length {
                return Some(N::from_u32(first.saturating_add(before)));
            }
            before -= length;
        }
        None
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.pairs.iter().map(|&(_, length)| length as usize).sum()
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Whether `number` is in the set.
    pub fn contains(&self, number: N) -> bool {
        let number = number.as_u32();
        self.pairs
            .iter()
            .any(|&(first, length)| number >= first && number - first < length)
    }
}

impl<N: Number> Default for Ranges<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: Number> FromIterator<N> for Ranges<N> {
    fn from_iter<I: IntoIterator<Item = N>>(numbers: I) -> Self {
        let mut sorted: Vec<u32> = numbers.into_iter().map(N::as_u32).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut pairs: Vec<(u32, u32)> = Vec::new();
        for number in sorted {
            match pairs.last_mut() {
                Some((first, length)) if number - *first == *length => *length += 1,
                _ => pairs.push((number, 1)),
            }
        }
        Self {
            pairs,
            kind: PhantomData,
        }
    }
}

impl<N> Serialize for Ranges<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.pairs.serialize(serializer)
    }
}

impl<'de, N> Deserialize<'de> for Ranges<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Pairs(pairs) = Pairs::deserialize(deserializer)?;
        check(&pairs).map_err(D::Error::custom)?;
        Ok(Self {
            pairs,
            kind: PhantomData,
        })
    }
}

/// Pairs as they are read, which need not be a set's. Generators of values know them by this name.
#[derive(Deserialize)]
#[serde(rename = "Ranges")]
struct Pairs(Vec<(u32, u32)>);

/// Whether pairs are as a set keeps them: numbers from 1 on, in order, that neither touch nor
/// overlap, so that there is one form for each set.
fn check(pairs: &[(u32, u32)]) -> Result<(), String> {
    let mut least = 1;
    for &(first, length) in pairs {
        let end = first.checked_add(length).filter(|_| length > 0);
        let Some(end) = end.filter(|_| first >= least) else {
            return Err(format!(
                "a range of {length} numbers from {first} on, where it has to begin at {least} or \
                 later and hold a number"
            ));
        };
        // One that would touch the next is a part of it.
        least = end.saturating_add(1);
    }
    Ok(())
}
