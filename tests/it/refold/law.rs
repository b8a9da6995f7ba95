//! The law: events alone rebuild the state.

use proptest::prelude::*;
use roomledger::testing::program::programs;

use super::check;
use crate::replay::{cases, stored};

/// Enough steps for sessions to open, fill and end a few times.
const STEPS_MAX: usize = 40;

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_events_alone_rebuild_the_state(program in programs(STEPS_MAX)) {
        let (store, _) = stored(&[program]);
        prop_assert_eq!(check(&store), Ok(()));
    }
}
