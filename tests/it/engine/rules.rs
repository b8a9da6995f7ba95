//! The rules of the log that the engine alone can keep, each with a test that fails without it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use roomledger::domain::{Actor, Version};
use roomledger::engine::{Call, EngineConfig, Status};
use roomledger::store::EventStore;
use roomledger::testing::virtual_time::VirtualEngine;

use super::batch::in_one_batch;
use super::support::{GateStore, create, join, open_on, remove, room, run, with_id};

fn gated(config: EngineConfig) -> (VirtualEngine, Arc<GateStore>) {
    let gate = Arc::new(GateStore::default());
    let engine = open_on(Arc::clone(&gate) as Arc<dyn EventStore>, config);
    (engine, gate)
}

#[test]
fn rule_02_a_group_closes_at_its_bytes_or_when_the_queue_is_empty() {
    let usual = EngineConfig::default();
    assert_eq!(usual.batch_bytes_max, 1 << 20);
    let heavy = |who: &str| Call {
        request_bytes: 600,
        ..join("r", who)
    };
    // Two of them reach a thousand bytes; a mebibyte is reached by none of them.
    for (batch_bytes_max, groups) in [(1_000, 3), (600, 6), (601, 3), (usual.batch_bytes_max, 1)] {
        let (engine, gate) = gated(EngineConfig {
            batch_bytes_max,
            ..EngineConfig::default()
        });
        let before = gate.appends();
        let calls = ["a", "b", "c", "d", "e", "f"].map(heavy);
        for told in run(in_one_batch(&engine, &gate, calls.into())) {
            assert_eq!(told.unwrap().status, Status::Accepted);
        }
        // And the one that the others waited behind.
        assert_eq!(gate.appends() - before, groups + 1, "{batch_bytes_max}");
    }
}

#[test]
fn rule_12_nothing_is_answered_or_seen_before_the_append_has_come_back() {
    let (engine, gate) = gated(EngineConfig::default());
    engine.execute_blocking(join("r", "alice")).unwrap();
    let mut conflict = remove("r", "alice");
    conflict.request.expected_version = Some(Version(999));
    let calls = [
        ("accepted", join("r", "bob")),
        ("no effect", create("r")),
        ("refused", remove("r", "nobody")),
        ("refused", conflict),
    ];
    for (number, (expected, call)) in calls.into_iter().enumerate() {
        let call = with_id(call, &number.to_string());
        let seen = || (engine.head(), engine.live(&room("r")));
        let before = seen();
        gate.shut();
        let mut asked = pin!(engine.execute(call.clone()));
        let mut repeated = pin!(engine.execute(call));
        let mut context = Context::from_waker(Waker::noop());
        assert!(asked.as_mut().poll(&mut context).is_pending());
        gate.wait_until_stuck();
        // Decided, and given to the store, which has not said that it is durable.
        assert!(asked.as_mut().poll(&mut context).is_pending(), "{number}");
        assert!(
            repeated.as_mut().poll(&mut context).is_pending(),
            "{number}"
        );
        assert_eq!(seen(), before, "{number}");
        gate.open();
        let told = run(asked).unwrap();
        let word = match told.status {
            Status::Accepted => "accepted",
            Status::NoEffect => "no effect",
            Status::Unchanged => "unchanged",
            Status::Refused(_) => "refused",
        };
        assert_eq!(word, expected, "{number}");
        assert!(run(repeated).unwrap().replayed, "{number}");
        assert!(engine.head() > before.0, "{number}");
    }
}

/// Creates a room, under a request id that is its name; whether an outcome was known.
fn is_known(engine: &VirtualEngine, name: &str) -> bool {
    let told = engine.execute_blocking(with_id(create(name), name));
    told.unwrap().replayed
}

#[test]
fn rule_13_outcomes_are_kept_for_a_day() {
    assert_eq!(EngineConfig::default().outcomes_s, 24 * 60 * 60);
    let (engine, _) = gated(EngineConfig {
        outcomes_s: 60,
        outcomes_min: 0,
        ..EngineConfig::default()
    });
    assert!(!is_known(&engine, "a"));
    engine.advance(Duration::from_secs(60)).unwrap();
    assert!(!is_known(&engine, "b"));
    assert!(is_known(&engine, "a"), "to the last second");
    engine.advance(Duration::from_secs(1)).unwrap();
    assert!(!is_known(&engine, "c"));
    assert!(is_known(&engine, "b"));
    assert!(!is_known(&engine, "a"), "and no longer");
}

#[test]
fn rule_13_of_more_outcomes_than_the_bound_the_oldest_go() {
    assert_eq!(EngineConfig::default().outcomes_max, 1_000_000);
    let config = EngineConfig {
        outcomes_max: 3,
        outcomes_min: 0,
        ..EngineConfig::default()
    };
    let (engine, gate) = gated(config.clone());
    for name in ["a", "b", "c", "d"] {
        assert!(!is_known(&engine, name));
    }
    for name in ["b", "c", "d"] {
        assert!(is_known(&engine, name), "{name}");
    }
    // Neither do they come back from the log.
    engine.shutdown_blocking().unwrap();
    gate.reopen();
    let engine = open_on(gate, config);
    for name in ["b", "c", "d"] {
        assert!(is_known(&engine, name), "{name}");
    }
    assert!(!is_known(&engine, "a"));
}

#[test]
fn rule_13_the_last_outcomes_are_kept_however_old_they_are() {
    assert_eq!(EngineConfig::default().outcomes_min, 100_000);
    let (engine, _) = gated(EngineConfig {
        outcomes_s: 60,
        outcomes_min: 2,
        ..EngineConfig::default()
    });
    for name in ["a", "b", "c"] {
        assert!(!is_known(&engine, name));
    }
    engine.advance(Duration::from_secs(3_600)).unwrap();
    assert!(!is_known(&engine, "d"));
    assert!(is_known(&engine, "c") && is_known(&engine, "d"));
    assert!(!is_known(&engine, "b"));
}

/// Refused calls under ids of their own, as one caller floods with them.
#[test]
fn rule_13_refusals_of_one_caller_push_out_no_outcome_of_another() {
    let config = EngineConfig {
        outcomes_max: 40,
        outcomes_min: 0,
        refusals_per_minute_max: 100,
        ..EngineConfig::default()
    };
    let (engine, gate) = gated(config.clone());
    let by = |who: &str, mut call: Call| {
        call.provenance.actor = Actor::of_key("devkey", Some(who));
        call
    };
    let joined = by("alice", with_id(join("r", "alice"), "joined"));
    let refused = by("bob", with_id(remove("nowhere", "bob"), "refused"));
    let is_known = |engine: &VirtualEngine, call: &Call| {
        let told = engine.execute_blocking(call.clone());
        told.unwrap().replayed
    };
    assert!(!is_known(&engine, &joined) && !is_known(&engine, &refused));
    for number in 0..200 {
        let call = with_id(
            remove("nowhere", &format!("p{number}")),
            &format!("m{number}"),
        );
        assert!(!is_known(&engine, &by("mallory", call)), "{number}");
    }
    assert!(is_known(&engine, &joined) && is_known(&engine, &refused));
    let last = by("mallory", with_id(remove("nowhere", "p99"), "m99"));
    assert!(is_known(&engine, &last), "the last that is on record");
    let first = by("mallory", with_id(remove("nowhere", "p0"), "m0"));
    assert!(!is_known(&engine, &first), "a caller has a tenth");
    engine.shutdown_blocking().unwrap();
    gate.reopen();
    let engine = open_on(gate, config);
    assert!(is_known(&engine, &joined) && is_known(&engine, &refused));
}

/// Many callers together keep within the bound, and the largest gives way.
#[test]
fn rule_13_refusals_of_all_callers_have_a_bound() {
    let (engine, _) = gated(EngineConfig {
        outcomes_max: 20,
        outcomes_min: 0,
        ..EngineConfig::default()
    });
    let ask = |caller: usize, number: usize| {
        let id = format!("{caller}-{number}");
        let mut call = with_id(remove("nowhere", &id), &id);
        call.provenance.actor = Actor::of_key("devkey", Some(&format!("caller-{caller}")));
        engine.execute_blocking(call).unwrap().replayed
    };
    for caller in 0..10 {
        assert!(!ask(caller, 0) && !ask(caller, 1));
    }
    assert!(!ask(10, 0), "one that has nothing yet");
    let known = (0..10).filter(|caller| ask(*caller, 1)).count();
    assert_eq!(known, 10, "the oldest of one caller gave way");
    assert!(ask(10, 0));
}
