//! The position grammar: tables of what is read and refused, and the law that the canonical
//! form reads back.

use proptest::prelude::*;
use roomledger::replay::position::{
    Frame, Pos, PosRange, PositionError, Span, format_duration, format_instant, parse_duration,
};

/// 2026-11-22T14:10:00Z.
const NOW_US: i64 = 1_795_356_600_000_000;
const HOUR_US: i64 = 3_600_000_000;

/// A session from 2026-11-21T22:58:12Z to 2026-11-22T01:02:44Z: it crosses midnight.
const SESSION: Span = Span {
    start_us: 1_795_301_892_000_000,
    end_us: 1_795_309_364_000_000,
};

fn in_session() -> Frame<'static> {
    Frame {
        session: Some(SESSION),
        ..Frame::utc(NOW_US)
    }
}

/// Berlin in 2026: two hours east of UTC from 29 March to 25 October, else one.
fn berlin(at_s: i64) -> i32 {
    if (1_774_746_000..1_792_890_000).contains(&at_s) {
        7200
    } else {
        3600
    }
}

#[track_caller]
fn check(frame: &Frame<'_>, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let read = Pos::parse(text, frame);
        let shown = read.map_or_else(|error| error.to_string(), |position| position.to_string());
        assert_eq!(&shown, expected, "reading {text:?}");
    }
}

#[test]
fn moments_are_read() {
    check(
        &Frame::utc(NOW_US),
        &[
            ("#412", "#412"),
            ("412", "#412"),
            (" #0 ", "#0"),
            ("18446744073709551615", "#18446744073709551615"),
            ("@", "@"),
            ("@-0", "@"),
            ("@-3", "@-3"),
            ("start", "start+0s"),
            ("start+5m", "start+5m"),
            ("start 5m", "start+5m"),
            ("end", "end-0s"),
            ("end-90s", "end-1m30s"),
            ("now", "2026-11-22T14:10:00.000000Z"),
            ("today", "2026-11-22T00:00:00.000000Z"),
            ("yesterday", "2026-11-21T00:00:00.000000Z"),
            ("-10m", "2026-11-22T14:00:00.000000Z"),
            ("10m ago", "2026-11-22T14:00:00.000000Z"),
            ("10 minutes ago", "2026-11-22T14:00:00.000000Z"),
            ("1h30m ago", "2026-11-22T12:40:00.000000Z"),
            ("1 h 30 m ago", "2026-11-22T12:40:00.000000Z"),
            ("14:03", "2026-11-22T14:03:00.000000Z"),
            ("14:03:05", "2026-11-22T14:03:05.000000Z"),
            ("14:03:05.25", "2026-11-22T14:03:05.250000Z"),
            ("2026-11-20", "2026-11-20T00:00:00.000000Z"),
            ("2026-11-20 14:03", "2026-11-20T14:03:00.000000Z"),
            ("2026-11-20T14:03:05.000001", "2026-11-20T14:03:05.000001Z"),
            ("2026-11-20T14:03:05Z", "2026-11-20T14:03:05.000000Z"),
            ("2026-11-20T14:03:05+02:00", "2026-11-20T12:03:05.000000Z"),
            ("2026-11-20T14:03:05 02:00", "2026-11-20T12:03:05.000000Z"),
        ],
    );
}

#[test]
fn a_time_of_day_falls_inside_the_session() {
    check(
        &in_session(),
        &[
            ("22:58:12", "2026-11-21T22:58:12.000000Z"),
            ("23:30", "2026-11-21T23:30:00.000000Z"),
            ("00:30", "2026-11-22T00:30:00.000000Z"),
            // Outside of it on either side: the one that is nearest.
            ("22:58", "2026-11-21T22:58:00.000000Z"),
            ("14:03", "2026-11-21T14:03:00.000000Z"),
        ],
    );
}

#[test]
fn a_time_of_day_is_the_one_nearest_to_the_session() {
    let us = |text: &str| match Pos::parse(text, &Frame::utc(0)) {
        Ok(Pos::Time(at_us)) => at_us,
        other => panic!("{text}: {other:?}"),
    };
    let session = Span {
        start_us: us("2026-11-30T23:50:00Z"),
        end_us: us("2026-12-01T00:20:00Z"),
    };
    let open = Span {
        end_us: Span::OPEN_US,
        ..session
    };
    let in_frame = |session, now: &str| Frame {
        session: Some(session),
        ..Frame::utc(us(now))
    };
    check(
        &in_frame(session, "2026-12-01T09:00:00Z"),
        &[
            ("23:40", "2026-11-30T23:40:00.000000Z"),
            ("23:55", "2026-11-30T23:55:00.000000Z"),
            ("00:00", "2026-12-01T00:00:00.000000Z"),
            ("00:20:01", "2026-12-01T00:20:01.000000Z"),
            ("00:30", "2026-12-01T00:30:00.000000Z"),
            ("01:00", "2026-12-01T01:00:00.000000Z"),
            // 12:05 lies in the middle: 11:45 away from either side.
            ("12:04", "2026-12-01T12:04:00.000000Z"),
            ("12:05", "2026-12-01T12:05:00.000000Z"),
            ("12:06", "2026-11-30T12:06:00.000000Z"),
        ],
    );
    // What is still open goes on up to the present, however long nothing was recorded in it.
    check(
        &in_frame(open, "2026-12-01T23:00:00Z"),
        &[
            ("00:01", "2026-12-01T00:01:00.000000Z"),
            ("20:00", "2026-12-01T20:00:00.000000Z"),
            ("23:49", "2026-11-30T23:49:00.000000Z"),
        ],
    );
}

#[test]
fn a_time_of_day_that_several_days_of_a_session_have_is_refused() {
    let days = Span {
        start_us: NOW_US - 26 * HOUR_US,
        end_us: Span::OPEN_US,
    };
    let frame = Frame {
        session: Some(days),
        ..Frame::utc(NOW_US)
    };
    // From 12:10 on the 21st to 14:10 on the 22nd.
    check(
        &frame,
        &[
            ("12:00", "2026-11-22T12:00:00.000000Z"),
            ("14:11", "2026-11-21T14:11:00.000000Z"),
            (
                "14:10",
                "'14:10' names no day, and the session has it on several, from 2026-11-21 to \
                 2026-11-22; write the day too: '2026-11-22 14:10'",
            ),
            ("2026-11-22 14:10", "2026-11-22T14:10:00.000000Z"),
        ],
    );
    let until = Pos::parse_until("13:00", &frame);
    assert!(
        matches!(until, Err(PositionError::SeveralDays { .. })),
        "{until:?}"
    );
}

#[test]
fn the_end_of_a_range_is_all_that_is_written() {
    let check = |offset_s_at: &dyn Fn(i64) -> i32, cases: &[(&str, &str)]| {
        let frame = Frame {
            offset_s_at,
            ..Frame::utc(NOW_US)
        };
        for (text, expected) in cases {
            let read = Pos::parse_until(text, &frame).expect(text);
            assert_eq!(&read.to_string(), expected, "up to {text:?}");
        }
    };
    check(
        &|_| 0,
        &[
            ("2026-11-20", "2026-11-20T23:59:59.999999Z"),
            ("today", "2026-11-22T23:59:59.999999Z"),
            ("yesterday", "2026-11-21T23:59:59.999999Z"),
            ("14:03", "2026-11-22T14:03:59.999999Z"),
            ("14:03:20", "2026-11-22T14:03:20.999999Z"),
            ("14:03:20.5", "2026-11-22T14:03:20.500000Z"),
            ("2026-11-20 14:03", "2026-11-20T14:03:59.999999Z"),
            ("2026-11-20T14:03:20", "2026-11-20T14:03:20.999999Z"),
            // Exact: an instant, and what is reckoned from one.
            ("2026-11-20T14:03:20Z", "2026-11-20T14:03:20.000000Z"),
            ("10m ago", "2026-11-22T14:00:00.000000Z"),
            ("now", "2026-11-22T14:10:00.000000Z"),
            ("#412", "#412"),
        ],
    );
    // Days of 24, 23 and 25 hours.
    check(
        &berlin,
        &[
            ("2026-11-20", "2026-11-20T22:59:59.999999Z"),
            ("2026-03-29", "2026-03-29T21:59:59.999999Z"),
            ("2026-10-25", "2026-10-25T22:59:59.999999Z"),
        ],
    );
    // A zone whose clocks skip the hour after midnight: that day begins at 01:00, three hours west
    // of UTC before and two after.
    let change_s = 1_774_753_200; // 2026-03-29T03:00:00Z
    let skips_midnight = move |at_s: i64| if at_s < change_s { -10_800 } else { -7_200 };
    check(
        &skips_midnight,
        &[
            ("2026-03-28", "2026-03-29T02:59:59.999999Z"),
            ("2026-03-29", "2026-03-30T01:59:59.999999Z"),
        ],
    );
}

#[test]
fn the_zone_is_the_one_of_the_day_that_is_named() {
    let frame = Frame {
        offset_s_at: &berlin,
        ..Frame::utc(NOW_US)
    };
    check(
        &frame,
        &[
            ("14:03", "2026-11-22T13:03:00.000000Z"),
            ("today", "2026-11-21T23:00:00.000000Z"),
            ("2026-07-01 14:03", "2026-07-01T12:03:00.000000Z"),
            ("2026-10-25 04:00", "2026-10-25T03:00:00.000000Z"),
            ("2026-10-24 04:00", "2026-10-24T02:00:00.000000Z"),
            ("2026-03-29 01:59", "2026-03-29T00:59:00.000000Z"),
            ("2026-03-29 03:00", "2026-03-29T01:00:00.000000Z"),
            ("2026-07-01T14:03:00Z", "2026-07-01T14:03:00.000000Z"),
        ],
    );
}

#[test]
fn of_an_hour_that_the_clock_repeats_the_session_tells_which_is_meant() {
    // 2026-10-25T01:00:00Z: in Berlin, 02:30 is at 00:30Z and again at 01:30Z.
    const CHANGE_US: i64 = 1_792_890_000_000_000;
    const MINUTE_US: i64 = 60_000_000;
    let frame = |from_min: i64, to_min: i64| Frame {
        session: Some(Span {
            start_us: CHANGE_US + from_min * MINUTE_US,
            end_us: CHANGE_US + to_min * MINUTE_US,
        }),
        offset_s_at: &berlin,
        ..Frame::utc(NOW_US)
    };
    let first = "2026-10-25T00:30:00.000000Z";
    let second = "2026-10-25T01:30:00.000000Z";
    let end_of_first = "2026-10-25T00:30:59.999999Z";
    let end_of_second = "2026-10-25T01:30:59.999999Z";
    for (session, at, until) in [
        (frame(10, 50), second, end_of_second),
        (frame(-50, -10), first, end_of_first),
        // Both are in it: from the first of them, up to the second.
        (frame(-50, 50), first, end_of_second),
        (frame(70, 90), second, end_of_second),
    ] {
        check(&session, &[("02:30", at)]);
        let read = Pos::parse_until("02:30", &session).map(|read| read.to_string());
        assert_eq!(read.as_deref(), Ok(until));
    }
    let no_session = Frame {
        session: None,
        ..frame(0, 0)
    };
    check(&no_session, &[("2026-10-25 02:30", first)]);
    let read = Pos::parse_until("2026-10-25 02:30", &no_session).map(|read| read.to_string());
    assert_eq!(read.as_deref(), Ok(end_of_second));
}

#[test]
fn what_names_no_moment_is_refused_with_what_to_write() {
    let unknown = |text: &str| PositionError::Unknown { text: text.into() };
    let duration = |text: &str| PositionError::Duration { text: text.into() };
    let range = |text: &str| PositionError::OutOfRange { text: text.into() };
    let cases = [
        ("", unknown("")),
        ("#", unknown("#")),
        ("#-1", unknown("#-1")),
        ("#4a", unknown("#4a")),
        ("@3", unknown("@3")),
        ("@-", unknown("@-")),
        ("started", unknown("started")),
        ("start-5m", unknown("start-5m")),
        ("end+5m", unknown("end+5m")),
        ("25:00", unknown("25:00")),
        ("14:03:61", unknown("14:03:61")),
        ("2026-02-30", unknown("2026-02-30")),
        ("soon", unknown("soon")),
        ("\u{661}\u{662}", unknown("\u{661}\u{662}")),
        ("18446744073709551616", range("18446744073709551616")),
        ("999999w ago", range("999999w ago")),
        ("+99999-01-01", range("+99999-01-01")),
        ("-", duration("")),
        ("-10", duration("10")),
        ("1.5h ago", duration("1.5h")),
        ("ten minutes ago", duration("ten minutes")),
        ("start+99999999999999w", duration("99999999999999w")),
    ];
    for (text, expected) in cases {
        assert_eq!(
            Pos::parse(text, &Frame::utc(NOW_US)),
            Err(expected),
            "{text:?}"
        );
    }
    assert_eq!(
        Pos::parse(&"9".repeat(65), &Frame::utc(NOW_US)),
        Err(PositionError::TooLong { bytes: 65 })
    );
}

#[test]
fn ranges_are_read_and_written() {
    let cases = [
        ("#4..#12", "#4..#12"),
        ("4..", "#4.."),
        ("..@-3", "..@-3"),
        ("..", ".."),
        ("start+5m .. end-30s", "start+5m..end-30s"),
        (
            "14:03:05.25..14:04",
            "2026-11-22T14:03:05.250000Z..2026-11-22T14:04:59.999999Z",
        ),
        // Without a session a time of day is the last one that has passed, and the end follows.
        (
            "23:50..00:30",
            "2026-11-21T23:50:00.000000Z..2026-11-22T00:30:59.999999Z",
        ),
    ];
    for (text, expected) in cases {
        let range = PosRange::parse(text, &Frame::utc(NOW_US)).expect(text);
        assert_eq!(range.to_string(), expected);
    }
    assert!(matches!(
        PosRange::parse("#4", &Frame::utc(NOW_US)),
        Err(PositionError::Range { .. })
    ));
    assert!(PosRange::parse("#4..#5..#6", &Frame::utc(NOW_US)).is_err());
}

#[test]
fn start_and_end_are_anchored_to_the_session() {
    let cases = [
        (Pos::StartPlus(5), Pos::Time(SESSION.start_us + 5)),
        (Pos::EndMinus(5), Pos::Time(SESSION.end_us - 5)),
        // Further back than can be written, and so than a server can be asked for.
        (Pos::EndMinus(u64::MAX), Pos::Time(-62_167_219_200_000_000)),
        (Pos::Position(5), Pos::Position(5)),
        (Pos::Head { back: 5 }, Pos::Head { back: 5 }),
        (Pos::Time(5), Pos::Time(5)),
    ];
    for (written, expected) in cases {
        assert_eq!(written.anchored(SESSION), expected);
    }
}

fn arb_pos() -> impl Strategy<Value = Pos> {
    // The instants that RFC 3339 can write: years 0 to 9999.
    let instants = -62_167_219_200_000_000..=253_402_300_799_999_999_i64;
    prop_oneof![
        any::<u64>().prop_map(Pos::Position),
        any::<u64>().prop_map(|back| Pos::Head { back }),
        instants.prop_map(Pos::Time),
        any::<u64>().prop_map(Pos::StartPlus),
        any::<u64>().prop_map(Pos::EndMinus),
    ]
}

proptest! {
    #[test]
    fn the_canonical_form_reads_back_in_any_frame(position in arb_pos(), hours in -14..=14_i32) {
        let offset_s_at = |_| hours * 3600;
        let frame = Frame { now_us: 0, session: Some(SESSION), offset_s_at: &offset_s_at };
        prop_assert_eq!(Pos::parse(&position.to_string(), &frame), Ok(position));
    }

    #[test]
    fn canonical_ranges_read_back(
        from in proptest::option::of(arb_pos()),
        to in proptest::option::of(arb_pos()),
    ) {
        let range = PosRange { from, to };
        prop_assert_eq!(PosRange::parse(&range.to_string(), &Frame::utc(0)), Ok(range));
    }

    #[test]
    fn durations_read_back(duration_us in any::<u64>()) {
        prop_assert_eq!(parse_duration(&format_duration(duration_us)), Ok(duration_us));
    }

    #[test]
    fn a_wall_clock_reading_is_read_in_its_zone(hours_from_now in -9000..9000_i64) {
        let at_us = NOW_US + hours_from_now * HOUR_US;
        let wall_us = at_us + i64::from(berlin(at_us / 1_000_000)) * 1_000_000;
        let wall = format_instant(wall_us).replace('Z', "");
        let frame = Frame { offset_s_at: &berlin, ..Frame::utc(NOW_US) };
        let read = Pos::parse(&wall, &frame);
        // In the hour that the clocks repeat, a reading names two instants.
        let also = Pos::Time(at_us + HOUR_US);
        let or = Pos::Time(at_us - HOUR_US);
        let ambiguous = berlin(at_us / 1_000_000) != berlin(at_us / 1_000_000 + 3600)
            || berlin(at_us / 1_000_000) != berlin(at_us / 1_000_000 - 3600);
        let read = read.expect("a wall clock reading");
        prop_assert!(read == Pos::Time(at_us) || ambiguous && (read == also || read == or));
    }

    // The naive reading: every minute near the session whose clock shows the time, the nearest one.
    #[test]
    fn a_time_of_day_is_the_minute_nearest_to_the_session(
        start in -300_000..300_000_i64,
        minutes in 0..1_300_i64,
        hour in 0..24_i64,
        minute in 0..60_i64,
    ) {
        let wanted = hour * 60 + minute;
        let minute_us = HOUR_US / 60;
        let (first, last) = (start, start + minutes);
        let shows = |at: &i64| {
            let at = NOW_US / minute_us + at;
            let wall = at + i64::from(berlin(at * 60)) / 60;
            wall.rem_euclid(1_440) == wanted
        };
        let distance = |at: i64| at.abs_diff(at.clamp(first, last));
        let near = (first - 2_000..last + 2_000).filter(shows);
        let nearest = near.rev().min_by_key(|at| distance(*at));
        let nearest = nearest.expect("a day has each minute");
        let session = Span {
            start_us: NOW_US + first * minute_us,
            end_us: NOW_US + last * minute_us,
        };
        let frame = Frame {
            session: Some(session),
            offset_s_at: &berlin,
            ..Frame::utc(NOW_US)
        };
        let read = Pos::parse(&format!("{hour:02}:{minute:02}"), &frame);
        let Ok(Pos::Time(at_us)) = read else {
            panic!("{hour}:{minute} is {read:?}");
        };
        let found = (at_us - NOW_US) / minute_us;
        // A time that the clocks skip is no minute of that day, one that they repeat is two.
        let changes = [1_774_746_000, 1_792_890_000].map(|at_s| at_s / 60 - NOW_US / minute_us);
        let is_near_change = changes.iter().any(|at| (first - 3_000..last + 3_000).contains(at));
        prop_assert!(is_near_change || distance(found) == distance(nearest), "{found} {nearest}");
        prop_assert!(is_near_change || found == nearest);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,70}", words in "[@#0-9a-z:. +-]{0,70}") {
        for text in [text, words] {
            let _ = Pos::parse(&text, &in_session());
            let _ = PosRange::parse(&text, &in_session());
        }
    }
}
