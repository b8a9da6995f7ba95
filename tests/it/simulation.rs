//! The engine under faults, crashes and restarts, from seeds: thousands of steps here, millions by
//! `tests/campaigns/simulation`.

use roomledger::testing::simulation::{Figures, run};

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures of a campaign, seen with --nocapture"
)]
fn faults_and_crashes_lose_nothing_and_the_model_agrees() {
    let number = |name: &str, default| {
        let set = std::env::var(name).ok();
        set.map_or(default, |text| text.parse().expect(name))
    };
    let first: u64 = number("SIMULATION_SEED", 1);
    let seeds: u64 = number("SIMULATION_SEEDS", 12);
    let steps: u64 = number("SIMULATION_STEPS", 150);
    let mut total = Figures::default();
    for seed in first..first + seeds {
        let figures = run(seed, steps).unwrap_or_else(|what| panic!("{what}"));
        total = total.and(&figures);
    }
    println!("seeds {first} to {}: {total:#?}", first + seeds - 1);
    // A simulation that met nothing shows nothing.
    for (what, met) in [
        ("accepted", total.accepted),
        ("refused", total.refused),
        ("replayed", total.replayed),
        ("unanswered", total.unanswered),
        ("faults", total.faults),
        ("crashes", total.crashes),
        ("shutdowns", total.shutdowns),
        ("jumps", total.jumps),
    ] {
        assert!(met > 0, "no {what} in {total:?}");
    }
}

#[test]
fn a_seed_tells_the_same_story_again() {
    let [one, other] = [(); 2].map(|()| run(7, 60).unwrap_or_else(|what| panic!("{what}")));
    assert_eq!(one, other);
}
