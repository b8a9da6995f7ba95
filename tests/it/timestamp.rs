//! Moments: whatever is taken from outside is shown in a form that reads back.

use proptest::prelude::*;
use roomledger::domain::Timestamp;

const FIRST: &str = "0000-01-01T00:00:00.000000Z";
const LAST: &str = "9999-12-31T23:59:59.999999Z";

#[test]
fn what_leads_out_of_the_years_that_can_be_written_is_no_moment() {
    for (text, expected) in [
        ("9999-12-31T23:59:59.9999999Z", Some(LAST)),
        (
            "9999-12-31T12:00:00-11:59",
            Some("9999-12-31T23:59:00.000000Z"),
        ),
        ("9999-12-31T23:59:59-12:00", None),
        ("9999-12-31T23:59:60Z", None),
        ("0000-01-01T00:00:00Z", Some(FIRST)),
        ("0000-01-01T00:00:00+00:01", None),
        ("+10000-01-01T11:59:59Z", None),
        ("-0001-12-31T00:00:00Z", None),
    ] {
        let read = Timestamp::parse(text).map(|at| at.to_string());
        assert_eq!(read.as_deref(), expected, "{text}");
    }
}

#[test]
fn numbers_beyond_become_the_nearest_moment() {
    for (at, expected) in [
        (Timestamp::from_seconds(5_000_000_000_000_000_000), LAST),
        (Timestamp::from_seconds(i64::MIN), FIRST),
        (Timestamp::from_millis(i64::MAX), LAST),
        (Timestamp::from_micros(i64::MIN), FIRST),
        (Timestamp::from_micros(i64::MAX).plus_seconds(1), LAST),
    ] {
        assert_eq!(at.to_string(), expected);
    }
}

/// RFC 3339 as anything may write it, at and beyond the ends of its years.
fn texts() -> impl Strategy<Value = String> {
    let year = prop_oneof![Just(0), Just(9999), 0..=9999];
    let day = prop_oneof![Just((1, 1)), Just((12, 31)), (1..=12, 1..=28)];
    let second = (0..=23, 0..=59, 0..=60);
    let offset = (any::<bool>(), 0..=23, 0..=59);
    let parts = (year, day, second, 0..=9_999_999_u32, offset);
    parts.prop_map(
        |(year, (month, day), (hour, minute, second), part, offset)| {
            let (east, hours, minutes) = offset;
            let sign = if east { '+' } else { '-' };
            format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{part:07}\
             {sign}{hours:02}:{minutes:02}"
            )
        },
    )
}

proptest! {
    #[test]
    fn what_is_read_is_shown_and_read_again(text in texts()) {
        if let Some(at) = Timestamp::parse(&text) {
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        }
    }

    #[test]
    fn what_numbers_make_is_shown_and_read(number in any::<i64>(), seconds in any::<u32>()) {
        for at in [
            Timestamp::from_micros(number),
            Timestamp::from_millis(number),
            Timestamp::from_seconds(number),
            Timestamp::from_micros(number).plus_seconds(seconds),
        ] {
            prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        }
    }
}
