//! Random numbers from a seed, so that a run can be told again by one number. Apart because
//! proptest's generator has no place for choices that hang on what came of the last one.

use std::ops::Range;

/// `SplitMix64`: a counter, mixed. The same seed draws the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of that seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, any of them.
    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of the range; its start when it is empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        let width = range.end.saturating_sub(range.start).max(1);
        range.start + self.draw() % width
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, of_hundred: u64) -> bool {
        self.within(0..100) < of_hundred
    }

    /// A byte, any of them.
    pub fn byte(&mut self) -> u8 {
        self.draw()
            .to_le_bytes()
            .first()
            .copied()
            .unwrap_or_default()
    }
}
