//! The numbers that a step draws its values from. Apart because every value takes a number of its
//! own, and a step that runs out of numbers draws zeros, the simplest choice.

use std::fmt;

/// How many numbers a step has: the largest command, a permission update with three targets, draws
/// about sixty.
pub(super) const CHOICES: usize = 64;

/// The small numbers of one step, in the order in which they are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Choices([u8; CHOICES]);

impl Choices {
    /// The first of `numbers`, as many as a step has; zeros where there are fewer.
    pub fn of(numbers: &[u8]) -> Self {
        let mut all = [0; CHOICES];
        for (choice, number) in all.iter_mut().zip(numbers) {
            *choice = *number;
        }
        Self(all)
    }

    /// One step in sixteen asks for what the room does not make possible.
    pub(super) const fn is_wild(&self) -> bool {
        let [.., last] = self.0;
        last >= WILD_FROM
    }
}

impl Default for Choices {
    fn default() -> Self {
        Self([0; CHOICES])
    }
}

/// Without the zeros at the end.
impl fmt::Debug for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.0.iter().rposition(|choice| *choice != 0);
        let used = used.map_or(0, |last| last + 1);
        f.debug_list().entries(self.0.iter().take(used)).finish()
    }
}

/// Draws the numbers of a step one after the other.
#[derive(Clone, Debug)]
pub(super) struct Draw {
    choices: Choices,
    next: usize,
}

impl Draw {
    pub(super) const fn new(choices: Choices) -> Self {
        Self { choices, next: 0 }
    }

    pub(super) fn number(&mut self) -> u8 {
        let number = self.choices.0.get(self.next).copied();
        self.next += 1;
        number.unwrap_or_default()
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u8) -> u8 {
        self.number() % bound.max(1)
    }

    /// Yes in one of so many cases; no for zero.
    pub(super) fn one_in(&mut self, cases: u8) -> bool {
        self.below(cases) + 1 == cases
    }

    pub(super) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Absent in half of the cases, else either value.
    pub(super) fn change(&mut self) -> Option<bool> {
        match self.below(4) {
            2 => Some(false),
            3 => Some(true),
            _ => None,
        }
    }

    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let number = usize::from(self.number());
        all.get(number % all.len().max(1))
    }
}

const WILD_FROM: u8 = 240;
