//! One step of a program and the strategy that makes them. Apart because tests, fuzz targets and
//! the simulation each make steps in a way of their own.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};

use super::choices::{CHOICES, Choices};
use crate::testing::random::Random;

/// One step of a program. The default is the simplest: somebody joins at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Which command, of those that the room makes possible.
    pub command: u8,
    /// Which room: the first when even.
    pub room: u8,
    /// How long after the step before, in seconds.
    pub wait_s: u16,
    /// The values of the command.
    pub choices: Choices,
    /// The entropy of its decision.
    pub entropy: u128,
}

/// Programs of at most `steps_max` steps.
pub fn programs(steps_max: usize) -> impl Strategy<Value = Vec<Step>> {
    // Waits mostly stay below every timer, and now and then pass all of them.
    let wait_s = proptest::prop_oneof![8 => 0_u16..5, 1 => 5_u16..90, 1 => 90_u16..700];
    // Most steps are in the first room, so that it fills.
    let room = proptest::prop_oneof![3 => proptest::strategy::Just(0_u8), 1 => 0_u8..2];
    let choices = vec(any::<u8>(), CHOICES);
    let step = (any::<u8>(), room, wait_s, choices, any::<u128>()).prop_map(
        |(command, room, wait_s, choices, entropy)| Step {
            command,
            room,
            wait_s,
            choices: Choices::of(&choices),
            entropy,
        },
    );
    vec(step, 0..=steps_max)
}

impl Step {
    /// How many bytes [`Step::from_bytes`] takes.
    pub const BYTES: usize = 8 + CHOICES;

    /// The step that these bytes spell: the command, the room, a third of the wait, a spare byte,
    /// four bytes of entropy, the choices. Missing bytes are zeros.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        Self {
            command: byte(0),
            room: byte(1) % 2,
            wait_s: u16::from(byte(2)) * 3,
            choices: Choices::of(bytes.get(8..).unwrap_or_default()),
            entropy: u128::from(u32::from_le_bytes([byte(4), byte(5), byte(6), byte(7)])),
        }
    }

    /// A random step that follows at once, for a caller who lets time pass and mints by itself.
    pub fn random(random: &mut Random) -> Self {
        let choices: Vec<u8> = (0..CHOICES).map(|_| random.byte()).collect();
        Self {
            command: random.byte(),
            room: random.byte() % 2,
            choices: Choices::of(&choices),
            ..Self::default()
        }
    }
}
