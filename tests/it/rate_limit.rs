//! The bucket of a key: what it lets in over any stretch of time, and what it says to the rest.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use roomledger::dialect::auth::claims::{Claims, Grants, VideoGrant};
use roomledger::dialect::auth::rate::{RateLimit, RateLimits};
use roomledger::domain::{Digest, Timestamp};
use roomledger::engine::{Clock, ManualClock};

fn claims(key_id: &str, room_join: bool) -> Claims {
    Claims {
        key_id: key_id.to_owned(),
        subject: None,
        limits: Arc::default(),
        grants: Grants {
            video: Some(VideoGrant {
                room_join,
                room_list: true,
                ..VideoGrant::default()
            }),
            ..Grants::default()
        },
        not_before_s: None,
        issued_at_s: None,
        expires_at_s: 0,
        token_id: None,
        token_sha256: Digest::of(&[]),
    }
}

fn limits(limit: &str) -> (RateLimits, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(0)));
    let limit = limit.parse().unwrap();
    (RateLimits::new(limit, Arc::clone(&clock) as _), clock)
}

#[test]
fn rates_are_read_as_they_are_written() {
    for (text, shown) in [
        ("1/s", "1/s:1"),
        ("100/s", "100/s:100"),
        ("100/s:500", "100/s:500"),
        ("1000000/s:1000000", "1000000/s:1000000"),
    ] {
        assert_eq!(text.parse::<RateLimit>().unwrap().to_string(), shown);
    }
    for text in [
        "",
        "100",
        "/s",
        "0/s",
        "1/s:0",
        "1/s:",
        "1/m",
        "-1/s",
        "1.5/s",
        "1000001/s",
        "1 /s",
        "1/s:2:3",
    ] {
        assert!(text.parse::<RateLimit>().is_err(), "{text:?}");
    }
}

#[test]
fn keys_do_not_use_up_what_is_anothers_nor_participants_what_is_the_servers() {
    let (limits, clock) = limits("2/s");
    let (server, participant) = (claims("one", false), claims("one", true));
    for caller in [&participant, &server, &claims("two", false)] {
        assert_eq!(limits.admit(caller), Ok(()));
        assert_eq!(limits.admit(caller), Ok(()));
        let refused = limits.admit(caller).unwrap_err();
        assert_eq!(
            (refused.key_id.as_str(), refused.retry_after_s),
            (caller.key_id.as_str(), 1)
        );
    }
    clock.advance(Duration::from_millis(500));
    assert_eq!(limits.admit(&server), Ok(()));
    assert!(limits.admit(&server).is_err());
}

#[test]
fn a_batch_is_paid_for_by_the_calls_after_it() {
    let (limits, clock) = limits("10/s:20");
    let caller = claims("one", false);
    assert_eq!(limits.admit(&caller), Ok(()));
    limits.charge(&caller, 999);
    let refused = limits.admit(&caller).unwrap_err();
    assert_eq!(
        refused.retry_after_s, 99,
        "980 calls too many, and one more"
    );
    clock.advance(Duration::from_secs(98));
    assert!(limits.admit(&caller).is_err());
    clock.advance(Duration::from_millis(100));
    assert_eq!(limits.admit(&caller), Ok(()));
    assert!(limits.admit(&caller).is_err());
}

proptest! {
    #[test]
    fn over_any_stretch_no_more_is_let_in_than_the_rate_and_one_burst(
        per_second in 1_u32..50,
        burst in 1_u32..50,
        pauses_ms in vec(0_u64..400, 1..200),
    ) {
        let (limits, clock) = limits(&format!("{per_second}/s:{burst}"));
        let caller = claims("one", false);
        let mut admitted: Vec<Duration> = Vec::new();
        for pause in pauses_ms {
            clock.advance(Duration::from_millis(pause));
            match limits.admit(&caller) {
                Ok(()) => admitted.push(clock.monotonic()),
                Err(refused) => prop_assert!(refused.retry_after_s >= 1),
            }
        }
        prop_assert!(!admitted.is_empty(), "the first call is always let in");
        for (from, start) in admitted.iter().enumerate() {
            for (to, end) in admitted.iter().enumerate().skip(from) {
                let calls = u32::try_from(to - from + 1).unwrap();
                let earned = end.saturating_sub(*start).as_secs_f64() * f64::from(per_second);
                prop_assert!(f64::from(calls) <= earned + f64::from(burst) + 1e-3);
            }
        }
    }

    #[test]
    fn who_comes_when_told_to_is_let_in(
        per_second in 1_u32..50,
        burst in 1_u32..50,
        extra in 0_usize..500,
    ) {
        let (limits, clock) = limits(&format!("{per_second}/s:{burst}"));
        let caller = claims("one", false);
        limits.charge(&caller, extra);
        if let Err(refused) = limits.admit(&caller) {
            clock.advance(Duration::from_secs(u64::from(refused.retry_after_s)));
            prop_assert_eq!(limits.admit(&caller), Ok(()));
        }
    }
}
