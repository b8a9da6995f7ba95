//! Many commands in one commit: nobody can tell (law 13), and each is answered by itself.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use roomledger::domain::{Decision, Digest, Rejection, Request, Room, decide};
use roomledger::engine::{Call, Engine, EngineConfig, EngineError, Receipt, Rules, Status};
use roomledger::store::{EventStore, Position};
use roomledger::testing::program::{Step, programs};
use roomledger::testing::virtual_time;

use super::support::{GateStore, create, join, open_on, remove, room, run, with_id};

pub(crate) type Told = Result<Receipt, EngineError>;

/// Queues all calls while the writer stands at a shut gate, so that they make one batch.
pub(crate) async fn in_one_batch(engine: &Engine, gate: &GateStore, calls: Vec<Call>) -> Vec<Told> {
    gate.shut();
    let ask = |call| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.execute(call).await })
    };
    let first = ask(create("gate"));
    tokio::task::yield_now().await;
    gate.wait_until_stuck();
    let asked: Vec<_> = calls.into_iter().map(ask).collect();
    tokio::task::yield_now().await;
    gate.open();
    first.await.unwrap().unwrap();
    let mut told = Vec::new();
    for one in asked {
        told.push(one.await.unwrap());
    }
    told
}

fn gated(config: EngineConfig) -> (Engine, Arc<GateStore>) {
    let gate = Arc::new(GateStore::default());
    let engine = open_on(Arc::clone(&gate) as Arc<dyn EventStore>, config);
    ((*engine).clone(), gate)
}

/// All of a receipt that a caller can see.
fn seen(told: &Receipt) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (
            told.status.clone(),
            told.position,
            told.version,
            told.replayed,
        ),
        (
            told.records.clone(),
            told.room.clone(),
            told.destination.clone(),
        ),
    )
}

fn one_by_one(program: &[Step]) -> (Vec<Call>, Vec<Receipt>, Engine) {
    let (engine, _) = gated(EngineConfig::default());
    engine.execute_blocking(create("gate")).unwrap();
    let mut calls = Vec::new();
    let mut receipts = Vec::new();
    for step in program {
        let now = engine.clock().wall();
        let mut rooms = ["a", "b"].map(|name| {
            let new = || Arc::new(Room::new(room(name)));
            engine.live(&room(name)).unwrap_or_else(new)
        });
        if step.room % 2 == 1 {
            rooms.reverse();
        }
        let name = rooms[0].name.clone();
        let request = step.request([&*rooms[0], &*rooms[1]], now);
        let mut call = virtual_time::call(&name, request.command.clone());
        call.request = request;
        calls.push(call.clone());
        receipts.push(engine.execute_blocking(call).unwrap());
    }
    (calls, receipts, engine)
}

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases.max(256),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn law_13_a_batch_comes_to_what_its_commands_come_to_one_by_one(program in programs(40)) {
        let (calls, receipts, single) = one_by_one(&program);
        let (batched, gate) = gated(EngineConfig::default());
        let told = run(in_one_batch(&batched, &gate, calls));
        for (one, told) in receipts.iter().zip(told) {
            prop_assert_eq!(seen(one), seen(&told.unwrap()));
        }
        prop_assert!(gate.appends() <= 3, "start, gate, batch: {}", gate.appends());
        let all = |engine: &Engine| engine.store().read_all(Position(0), usize::MAX).unwrap();
        prop_assert_eq!(all(&single), all(&batched));
        prop_assert_eq!(single.live_rooms(), batched.live_rooms());
    }
}

#[test]
fn repeats_in_one_batch_share_the_outcome() {
    let (engine, gate) = gated(EngineConfig::default());
    let call = with_id(join("r", "alice"), "1");
    let other = with_id(join("r", "bob"), "1");
    let told = run(in_one_batch(
        &engine,
        &gate,
        vec![call.clone(), call.clone(), other, call],
    ));
    let [first, second, reused, third] = told.try_into().unwrap();
    let first = first.unwrap();
    assert!(!first.replayed);
    for repeat in [second.unwrap(), third.unwrap()] {
        assert!(repeat.replayed);
        assert_eq!(repeat.records, first.records);
        assert_eq!(repeat.room, first.room);
    }
    assert!(
        matches!(reused, Err(EngineError::RequestIdReused { .. })),
        "{reused:?}"
    );
    assert_eq!(gate.appends(), 3);
}

#[test]
fn a_rule_that_panics_takes_down_its_own_command_alone() {
    fn breaks_on_bob(
        room: &Room,
        request: &Request,
        context: &roomledger::domain::Context<'_>,
    ) -> Result<Decision, Rejection> {
        assert!(
            !format!("{:?}", request.command).contains("bob"),
            "as planned"
        );
        decide(room, request, context)
    }
    let rules = Rules {
        decide: breaks_on_bob,
        ..Rules::default()
    };
    let (engine, gate) = gated(EngineConfig {
        rules,
        ..EngineConfig::default()
    });
    let calls = vec![
        join("r", "alice"),
        with_id(join("r", "bob"), "1"),
        join("r", "carol"),
    ];
    let told = run(in_one_batch(&engine, &gate, calls));
    let [alice, bob, carol] = told.try_into().unwrap();
    assert_eq!(alice.unwrap().status, Status::Accepted);
    assert!(
        matches!(
            bob,
            Err(EngineError::Broken {
                command: "join",
                ..
            })
        ),
        "{bob:?}"
    );
    assert_eq!(carol.unwrap().status, Status::Accepted);
    let again = engine.execute_blocking(with_id(join("r", "bob"), "1"));
    assert!(
        matches!(again, Err(EngineError::Broken { .. })),
        "nothing was remembered"
    );
}

#[test]
fn a_full_queue_refuses_without_deciding() {
    let queue_max = 4;
    let (engine, gate) = gated(EngineConfig {
        queue_max,
        ..EngineConfig::default()
    });
    let calls = (0..queue_max + 3)
        .map(|n| join("r", &format!("p{n}")))
        .collect();
    let told = run(in_one_batch(&engine, &gate, calls));
    let overloaded = |told: &Told| matches!(told, Err(EngineError::Overloaded { .. }));
    let refused: Vec<bool> = told.iter().map(overloaded).collect();
    assert_eq!(refused, [false, false, false, false, true, true, true]);
    let live = engine.live(&room("r")).unwrap();
    assert_eq!(live.open_session().unwrap().live().count(), queue_max);
    assert!(
        engine.execute_blocking(join("r", "later")).is_ok(),
        "the queue is empty again"
    );
}

#[test]
fn waiting_bytes_are_bounded_too() {
    let config = EngineConfig {
        queue_bytes_max: 1_000,
        ..EngineConfig::default()
    };
    let (engine, gate) = gated(config);
    let heavy = |who: &str| Call {
        request_bytes: 600,
        ..join("r", who)
    };
    let calls = vec![heavy("a"), heavy("b"), heavy("c")];
    let told = run(in_one_batch(&engine, &gate, calls));
    let accepted: Vec<bool> = told.iter().map(Result::is_ok).collect();
    assert_eq!(accepted, [true, true, false]);
    assert!(
        engine.execute_blocking(heavy("d")).is_ok(),
        "what was decided waits no more"
    );
}

#[test]
fn a_dropped_future_never_half_applies() {
    let (engine, gate) = gated(EngineConfig::default());
    let call = with_id(join("r", "alice"), "1");
    run(async {
        gate.shut();
        let asked = tokio::spawn({
            let (engine, call) = (engine.clone(), call.clone());
            async move { engine.execute(call).await }
        });
        tokio::task::yield_now().await;
        gate.wait_until_stuck();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        gate.open();
    });
    let told = engine.execute_blocking(call).unwrap();
    assert!(
        told.replayed,
        "the first one was decided though nobody waited"
    );
    assert_eq!(
        engine
            .live(&room("r"))
            .unwrap()
            .open_session()
            .unwrap()
            .live()
            .count(),
        1
    );
}

#[test]
fn digests_tell_requests_apart_not_request_ids() {
    let (engine, _) = gated(EngineConfig::default());
    let call = with_id(remove("r", "x"), "1");
    engine.execute_blocking(call.clone()).unwrap();
    let changed = Call {
        digest: Digest::of(b"other"),
        ..call
    };
    let error = engine.execute_blocking(changed).unwrap_err();
    assert!(
        matches!(error, EngineError::RequestIdReused { .. }),
        "{error}"
    );
}
