//! Intervals of presence, against counting by hand.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use roomledger::domain::{Interval, Timelog, Timestamp, Version};

/// The moment up to which presence is counted: in the middle of the moments that are drawn.
const NOW: i64 = 6;

fn log(stints: &[(i64, Option<i64>)]) -> Timelog {
    let mut log = Timelog::default();
    for (cause, (start, end)) in (1..).zip(stints) {
        log.push(Interval {
            start: Timestamp::from_micros(*start),
            end: end.map(Timestamp::from_micros),
            cause: Some(Version(cause)),
        });
    }
    log
}

/// Start, end, and in which order it was added.
fn rows(log: &Timelog) -> Vec<(i64, Option<i64>, u64)> {
    let intervals = log.intervals().iter();
    intervals
        .map(|it| {
            let end = it.end.map(Timestamp::micros);
            (it.start.micros(), end, it.cause.map_or(0, |cause| cause.0))
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(1024),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn presence_is_every_moment_that_a_stint_covers_counted_once(
        stints in vec((0..10_i64, option::of(0..12_i64)), 0..5)
    ) {
        let covers = |moment: &i64| {
            stints.iter().any(|(start, end)| *start <= *moment && *moment < end.unwrap_or(NOW))
        };
        let counted = i64::try_from((0..12).filter(covers).count()).unwrap();
        let log = log(&stints);
        prop_assert_eq!(log.presence_micros(Timestamp::from_micros(NOW)), counted);
        prop_assert_eq!(log.is_open(), stints.iter().any(|(_, end)| end.is_none()));
    }

    #[test]
    fn stints_stand_by_start_then_end_the_open_last_and_the_same_as_they_came(
        stints in vec((0..3_i64, option::of(0..3_i64)), 0..6)
    ) {
        let mut expected: Vec<_> = (1..).zip(&stints)
            .map(|(cause, (start, end))| (*start, *end, cause))
            .collect();
        expected.sort_by_key(|(start, end, _)| (*start, end.unwrap_or(i64::MAX)));
        prop_assert_eq!(rows(&log(&stints)), expected);
    }

    #[test]
    fn stints_are_sequential_when_each_is_over_before_any_later_one_begins(
        stints in vec((0..10_i64, option::weighted(0.9, 0..4_i64)), 0..4)
    ) {
        let stints: Vec<_> = stints
            .into_iter()
            .map(|(start, length)| (start, length.map(|length| start + length - 1)))
            .collect();
        let log = log(&stints);
        let rows = rows(&log);
        let forwards = rows.iter().all(|(start, end, _)| end.is_none_or(|end| *start <= end));
        let over_before = |end: Option<i64>, later: &[(i64, Option<i64>, u64)]| {
            later.iter().all(|(start, _, _)| end.is_some_and(|end| end <= *start))
        };
        let apart = (1..).zip(&rows).all(|(next, (_, end, _))| over_before(*end, &rows[next..]));
        prop_assert_eq!(log.is_sequential(), forwards && apart);
    }
}
