//! Who reads when: callers take turns, no command waits for a reader, and nothing is read for
//! nobody.

use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use roomledger::engine::{Engine, EngineConfig, EngineError, Reader};
use roomledger::store::MemoryStore;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::support::{join, open, open_on, remove, with_id};

/// Lets work wait until it is opened, and counts what waits.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(bool, usize)>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().unwrap();
        state.1 += 1;
        changed.notify_all();
        drop(changed.wait_while(state, |state| !state.0).unwrap());
    }

    fn open(&self) {
        let (state, changed) = &*self.0;
        state.lock().unwrap().0 = true;
        changed.notify_all();
    }

    fn came(&self) -> usize {
        self.0.0.lock().unwrap().1
    }

    fn wait_for(&self, count: usize) {
        let (state, changed) = &*self.0;
        let state = state.lock().unwrap();
        drop(changed.wait_while(state, |state| state.1 < count).unwrap());
    }
}

fn reader(key: &str, caller: &str) -> Reader {
    Reader {
        key: key.into(),
        caller: caller.into(),
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap()
}

/// A hundred reads under way, on either kind of thread: others read and command beside them.
#[test]
fn no_reader_keeps_others_or_any_command_waiting() {
    for is_of_commands in [false, true] {
        let (engine, runtime, gate) = (open(), runtime(), Gate::default());
        let command = with_id(join("town", "alice"), "one");
        engine.execute_blocking(command.clone()).unwrap();
        let greedy = engine.reading_as(reader("key", "greedy"));
        let reads: Vec<_> = (0..100)
            .map(|_| {
                let (greedy, gate) = (greedy.clone(), gate.clone());
                runtime.spawn(async move {
                    let wait = move |_: &dyn roomledger::store::EventStore| {
                        gate.pass();
                        Ok(())
                    };
                    if is_of_commands {
                        greedy.answer(wait).await
                    } else {
                        greedy.read(wait).await
                    }
                })
            })
            .collect();
        gate.wait_for(2);
        let other: Engine = engine.reading_as(reader("key", "other"));
        let beside = async {
            other.read(|store| Ok(store.head())).await.unwrap();
            other.answer(|store| Ok(store.head())).await.unwrap();
            // A repeat is read back from the log, a refusal names its reason's position.
            assert!(other.execute(command).await.unwrap().replayed);
            other.execute(remove("town", "nobody")).await.unwrap();
        };
        let done = runtime.block_on(async { timeout(HANGS, beside).await });
        assert!(done.is_ok(), "they wait behind a hundred reads");
        assert_eq!(gate.came(), 2, "one caller has two of three threads");
        gate.open();
        for read in reads {
            runtime.block_on(read).unwrap().unwrap();
        }
    }
}

#[test]
fn keys_take_turns_and_so_do_the_callers_of_a_key() {
    let config = EngineConfig {
        reader_threads: 1,
        ..EngineConfig::default()
    };
    let engine = open_on(Arc::new(MemoryStore::new()), config);
    let (gate, order) = (Gate::default(), Arc::new(Mutex::new(Vec::new())));
    let runtime = Builder::new_current_thread().build().unwrap();
    let asked = [
        ("one", "a"),
        ("one", "a"),
        ("one", "a"),
        ("one", "b"),
        ("two", "c"),
        ("two", "c"),
    ];
    let ask = |(key, caller): (&str, &'static str)| {
        let reads = engine.reading_as(reader(key, caller));
        let (gate, order) = (gate.clone(), Arc::clone(&order));
        runtime.spawn(async move {
            reads
                .read(move |_| {
                    gate.pass();
                    order.lock().unwrap().push(caller);
                    Ok(())
                })
                .await
        })
    };
    // All of them are asked for while the first is under way.
    let first = ask(("one", "first"));
    runtime.block_on(tokio::task::yield_now());
    gate.wait_for(1);
    let others = asked.map(ask);
    runtime.block_on(tokio::task::yield_now());
    gate.open();
    for read in [first].into_iter().chain(others) {
        runtime.block_on(read).unwrap().unwrap();
    }
    let order = order.lock().unwrap();
    assert_eq!(*order, ["first", "a", "c", "b", "c", "a", "a"]);
}

#[test]
fn one_caller_fills_a_quarter_of_the_queue() {
    let config = EngineConfig {
        reads_max: 40,
        ..EngineConfig::default()
    };
    let engine = open_on(Arc::new(MemoryStore::new()), config);
    let gate = Gate::default();
    let runtime = Builder::new_current_thread().build().unwrap();
    let blocked = |caller: &str| {
        let (reads, gate) = (engine.reading_as(reader("key", caller)), gate.clone());
        runtime.spawn(async move {
            let pass = move |_: &dyn roomledger::store::EventStore| {
                gate.pass();
                Ok(())
            };
            reads.read(pass).await
        })
    };
    let first: Vec<_> = (0..2).map(|_| blocked("greedy")).collect();
    runtime.block_on(tokio::task::yield_now());
    gate.wait_for(2);
    let waiting: Vec<_> = (0..10).map(|_| blocked("greedy")).collect();
    let one_more = runtime.block_on(blocked("greedy")).unwrap();
    let told = one_more.unwrap_err().to_string();
    assert!(told.contains("10 are waiting already"), "{told}");
    let other = blocked("other");
    runtime.block_on(tokio::task::yield_now());
    gate.open();
    for read in first.into_iter().chain(waiting).chain([other]) {
        runtime.block_on(read).unwrap().unwrap();
    }
}

#[test]
fn what_nobody_waits_for_any_more_reads_nothing_more() {
    let (engine, runtime) = (open(), runtime());
    let (begun, has_begun) = channel();
    let (ended, has_ended) = channel();
    let reads = engine.reading_as(reader("key", "gone"));
    let read = runtime.spawn(async move {
        reads
            .read(move |store| {
                begun.send(()).unwrap();
                while store.room_head(None).is_ok() {}
                ended.send(()).unwrap();
                Ok(())
            })
            .await
    });
    has_begun.recv().unwrap();
    read.abort();
    has_ended
        .recv_timeout(HANGS)
        .expect("it is read on and on for nobody");
}

#[test]
fn a_read_has_an_end_in_time() {
    let (engine, runtime, gate) = (open(), runtime(), Gate::default());
    let (reads, entered) = (engine.reading_as(reader("key", "slow")), gate.clone());
    let read = runtime.spawn(async move {
        reads
            .read(move |store| {
                store.room_head(None)?;
                entered.pass();
                store.room_head(None)
            })
            .await
    });
    gate.wait_for(1);
    engine.clock().advance(Duration::from_secs(31));
    gate.open();
    let late = runtime.block_on(read).unwrap();
    assert!(matches!(late, Err(EngineError::TooSlow)), "{late:?}");
}

/// Far longer than anything here takes: a test that hangs fails instead.
const HANGS: Duration = Duration::from_secs(60);
