//! The ledger's time: it never goes back, and a jump of the wall clock pauses timers alone
//! (log.md rule 21).

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use roomledger::domain::command::CreateRoom;
use roomledger::domain::{Actor, ActorKind, Command, Kind, Provenance, Timestamp};
use roomledger::engine::{Clock, Engine, EngineConfig};
use roomledger::store::{EventStore, MemoryStore, Position};
use roomledger::testing::virtual_time::VirtualEngine;

use super::support::{
    GateStore, START, call, create, join, open, open_on, remove, room, run, with_id,
};

fn clock_kinds(engine: &Engine) -> Vec<Kind> {
    let all = engine.store().read_all(Position(0), usize::MAX).unwrap();
    let kinds = all.iter().map(|record| record.event.event.kind());
    kinds
        .filter(|kind| matches!(kind, Kind::ClockHeld | Kind::ClockReleased))
        .collect()
}

fn recorded_at(engine: &Engine) -> Vec<Timestamp> {
    let all = engine.store().read_all(Position(0), usize::MAX).unwrap();
    all.iter()
        .map(|record| record.command.recorded_at)
        .collect()
}

#[test]
fn a_jump_pauses_timers_until_ten_steady_minutes_have_passed() {
    let engine = open();
    engine.execute_blocking(create("r")).unwrap();
    engine.clock().set_wall(START.plus_seconds(10_800));
    engine.advance(Duration::from_secs(301)).unwrap();
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld]);
    assert!(
        engine.live(&room("r")).unwrap().open_session().is_some(),
        "timers rest"
    );
    let held = engine.execute_blocking(join("s", "alice")).unwrap();
    let at = held.records[0].command.recorded_at;
    assert_eq!(
        at,
        START.plus_seconds(301),
        "the ledger's time goes on by itself"
    );
    assert_eq!(held.records[0].command.wall_at, engine.clock().wall());
    for _ in 0..11 {
        engine.advance(Duration::from_secs(60)).unwrap();
    }
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld, Kind::ClockReleased]);
    assert!(
        engine.live(&room("r")).unwrap().open_session().is_none(),
        "timers run"
    );
}

/// While timers rest the clock is looked at once a minute, though nothing is recorded.
#[test]
fn a_writer_whose_clock_is_held_rests_between_two_looks() {
    let engine = open();
    engine.execute_blocking(create("r")).unwrap();
    engine.clock().set_wall(START.plus_seconds(2_000_000_000));
    for minute in 1..9 {
        let due = engine.fire_timers_blocking().unwrap();
        assert_eq!(due, Some(START.plus_seconds(60 * minute)));
        engine.clock().advance(Duration::from_secs(60));
    }
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld]);
}

#[test]
fn an_operator_releases_the_clock_at_once() {
    let engine = open();
    engine.clock().set_wall(START.plus_seconds(7_200));
    engine.execute_blocking(create("r")).unwrap();
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld]);
    run(engine.release_clock()).unwrap();
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld, Kind::ClockReleased]);
    engine.execute_blocking(join("r", "alice")).unwrap();
    assert_eq!(
        clock_kinds(&engine).len(),
        2,
        "the new wall time is the trusted one"
    );
}

#[test]
fn time_never_goes_back_in_a_log() {
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
    let engine = open_on(Arc::clone(&store), EngineConfig::default());
    engine.execute_blocking(create("r")).unwrap();
    engine.advance(Duration::from_secs(100)).unwrap();
    engine.clock().set_wall(Timestamp::EPOCH);
    engine.execute_blocking(join("r", "alice")).unwrap();
    engine.advance(Duration::from_secs(100)).unwrap();
    engine.execute_blocking(join("r", "bob")).unwrap();
    let times = recorded_at(&engine);
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(times.last(), Some(&START.plus_seconds(200)));
}

/// A wall clock that says 2099 is no reason to end what goes on in 2027.
#[test]
fn a_jump_of_years_is_released_by_an_operator_alone() {
    let engine = open();
    engine.execute_blocking(create("r")).unwrap();
    engine.clock().set_wall(YEARS_ON);
    for _ in 0..60 {
        engine.advance(Duration::from_secs(60)).unwrap();
    }
    engine.execute_blocking(join("r", "alice")).unwrap();
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld]);
    assert!(engine.live(&room("r")).unwrap().open_session().is_some());
    assert_eq!(
        recorded_at(&engine).last(),
        Some(&START.plus_seconds(3_600))
    );
    let held = engine.clock_state().held.unwrap();
    assert!(!held.releases_itself);

    let mut operator = Provenance::of_engine(ActorKind::ApiKey, "release");
    operator.actor = Actor::of_key("devkey", Some("ops"));
    operator.request_id = Some("once".to_owned());
    let released = run(engine.release_clock_by(operator.clone())).unwrap();
    assert!(released.was_held && !released.replayed);
    let after = Position(released.position.0 - 1);
    let record = engine.store().read_all(after, 1).unwrap().remove(0);
    assert_eq!(record.event.event.kind(), Kind::ClockReleased);
    assert_eq!(record.command.provenance.actor, operator.actor);
    assert_eq!(record.command.recorded_at, engine.clock().wall());
    assert_eq!(engine.clock_state().held, None);

    // A repeat releases nothing, though the clock is held again.
    engine.clock().set_wall(START);
    engine.execute_blocking(join("s", "bob")).unwrap();
    let again = run(engine.release_clock_by(operator.clone())).unwrap();
    assert_eq!((again.replayed, again.position), (true, released.position));
    assert!(engine.clock_state().held.is_some());
    operator.request_id = None;
    assert!(
        run(engine.release_clock_by(operator.clone()))
            .unwrap()
            .was_held
    );
    let idle = run(engine.release_clock_by(operator)).unwrap();
    assert_eq!((idle.was_held, idle.position), (false, engine.head()));
}

/// A repeat is known after a restart too.
#[test]
fn a_repeated_release_is_known_after_a_restart() {
    let store = Arc::new(GateStore::default());
    let on = |wall| VirtualEngine::open(Arc::clone(&store) as _, EngineConfig::default(), wall);
    let engine = on(START).unwrap();
    engine.execute_blocking(create("r")).unwrap();
    engine.clock().set_wall(START.plus_seconds(7_200));
    engine.execute_blocking(join("r", "alice")).unwrap();
    let operator = with_id(join("r", "x"), "once").provenance;
    let first = run(engine.release_clock_by(operator.clone())).unwrap();
    engine.shutdown_blocking().unwrap();
    store.reopen();
    let engine = on(START).unwrap();
    assert!(engine.clock_state().held.is_some());
    let again = run(engine.release_clock_by(operator.clone())).unwrap();
    assert_eq!((again.replayed, again.position), (true, first.position));
    // In a room the same id is another request.
    let joined = engine.execute_blocking(with_id(join("r", "x"), "once"));
    assert!(!joined.unwrap().replayed);
}

#[test]
fn an_open_on_a_wall_clock_far_ahead_goes_on_from_the_last_record() {
    let day = 86_400;
    // (seconds from the last record to the wall clock at the open, whether the clock is held)
    let cases = [
        (0, false),
        (6 * day, false),
        (8 * day, true),
        (30_000 * day, true),
        (-200, false),
        (-3_600, true),
    ];
    for (by, held) in cases {
        let store = Arc::new(GateStore::default());
        let engine = open_on(Arc::clone(&store) as _, EngineConfig::default());
        engine.execute_blocking(create("r")).unwrap();
        engine.shutdown_blocking().unwrap();
        store.reopen();
        let wall = Timestamp::from_seconds(START.seconds() + by);
        let engine = VirtualEngine::open(store, EngineConfig::default(), wall).unwrap();
        engine.clock().advance(Duration::from_secs(1));
        engine.execute_blocking(join("s", "alice")).unwrap();
        assert_eq!(engine.clock_state().held.is_some(), held, "{by}");
        let from = if by > 7 * day || by < 0 { 0 } else { by };
        let last = Timestamp::from_seconds(START.seconds() + from + 1);
        assert_eq!(recorded_at(&engine).last(), Some(&last), "{by}");
        let goes_on = engine.live(&room("r")).unwrap().open_session().is_some();
        assert_eq!(goes_on, held || from < 300, "{by}");
    }
}

/// A jump of two days would pass for an absence; the log says that it was none.
#[test]
fn a_restart_does_not_release_a_clock_that_is_held() {
    let store = Arc::new(GateStore::default());
    let engine = open_on(Arc::clone(&store) as _, EngineConfig::default());
    engine.execute_blocking(create("r")).unwrap();
    let wall = START.plus_seconds(2 * 86_400);
    engine.clock().set_wall(wall);
    engine.execute_blocking(join("r", "alice")).unwrap();
    engine.shutdown_blocking().unwrap();
    store.reopen();
    let engine = VirtualEngine::open(store, EngineConfig::default(), wall).unwrap();
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld, Kind::ClockHeld]);
    assert_eq!(recorded_at(&engine).last(), Some(&START));
    assert!(!engine.clock_state().held.unwrap().releases_itself);
}

#[test]
fn the_time_goes_on_after_a_clock_that_was_set_back_is_trusted_again() {
    for by_operator in [false, true] {
        let engine = open();
        engine.advance(Duration::from_secs(86_400)).unwrap();
        engine.clock().set_wall(START.plus_seconds(86_400 - 3_600));
        engine.execute_blocking(create("r")).unwrap();
        tick(&engine, 599);
        engine.execute_blocking(join("r", "alice")).unwrap();
        if by_operator {
            run(engine.release_clock()).unwrap();
        }
        tick(&engine, 2);
        assert_eq!(clock_kinds(&engine), [Kind::ClockHeld, Kind::ClockReleased]);
        engine.execute_blocking(remove("r", "alice")).unwrap();
        tick(&engine, 20);
        assert!(
            engine.live(&room("r")).unwrap().open_session().is_none(),
            "it is due 20 s after the last one left"
        );
        let ended = START.plus_seconds(86_400 + 599 + 2 + 20);
        assert_eq!(recorded_at(&engine).last(), Some(&ended));
    }
}

fn tick(engine: &VirtualEngine, seconds: u32) {
    for _ in 0..seconds {
        engine.clock().advance(Duration::from_secs(1));
        engine.fire_timers_blocking().unwrap();
    }
}

/// Virtual time stops at timers by the ledger's time, whatever the wall clock says.
#[test]
fn virtual_time_stops_at_every_timer_where_wall_and_ledger_differ() {
    for by in [0_i64, 100, -100, 299, -299] {
        let engine = open();
        let wall = Timestamp::from_seconds(START.seconds() + by);
        engine.clock().set_wall(wall);
        engine.execute_blocking(create("r")).unwrap();
        engine.advance(Duration::from_secs(1_000)).unwrap();
        assert_eq!(
            recorded_at(&engine).last(),
            Some(&START.plus_seconds(300)),
            "{by}"
        );
    }
}

/// One step of a random history of clocks.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Time passes.
    Pass(u32),
    /// The wall clock is set, so many seconds from where it is.
    Jump(i64),
    /// An operator releases the clock.
    Release,
    /// The engine is closed, and opened again after so long.
    Restart(u32),
}

/// The rules of log.md about time, read naively: whole seconds, and nothing but sums.
#[derive(Debug)]
struct Model {
    /// What the next record is recorded with.
    now: i64,
    wall: i64,
    /// How far the wall is from `now` without a reason to mind.
    minded_from: i64,
    /// How far the wall was off when it last jumped, and for how long it has been steady.
    held: Option<(i64, i64)>,
    told: Vec<Kind>,
}

impl Model {
    fn pass(&mut self, seconds: i64) {
        self.now += seconds;
        self.wall += seconds;
        if let Some((_, steady)) = &mut self.held {
            *steady += seconds;
        }
    }

    fn look(&mut self) {
        let off = self.wall - self.now;
        match self.held {
            None if (off - self.minded_from).abs() > 300 => {
                self.held = Some((off, 0));
                self.told.push(Kind::ClockHeld);
            }
            Some((at, _)) if (off - at).abs() > 1 => self.held = Some((off, 0)),
            Some((at, steady)) if steady >= 600 && at <= DAY_S => self.release(),
            _ => {}
        }
    }

    fn release(&mut self) {
        if self.held.take().is_some() {
            self.now = self.now.max(self.wall);
            self.minded_from = self.wall - self.now;
            self.told.push(Kind::ClockReleased);
        }
    }

    fn open(&mut self, last: i64) {
        let away = self.wall - last;
        let away_max = if self.held.is_some() {
            DAY_S
        } else {
            7 * DAY_S
        };
        let is_ahead = away > away_max;
        self.now = if is_ahead { last } else { last.max(self.wall) };
        self.held = (is_ahead || away < -300).then_some((self.wall - self.now, 0));
        self.minded_from = self.wall - self.now;
        self.told.extend(self.held.map(|_| Kind::ClockHeld));
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let seconds = prop_oneof![0..5_u32, 50..400_u32, 590..700_u32, 80_000..700_000_u32];
    let jump = prop_oneof![
        -2..=2_i64,
        -400..=400_i64,
        -100_000..=100_000_i64,
        -3_000_000_000..=3_000_000_000_i64
    ];
    let step = prop_oneof![
        4 => seconds.clone().prop_map(Step::Pass),
        2 => jump.prop_map(Step::Jump),
        1 => Just(Step::Release),
        1 => seconds.prop_map(Step::Restart),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Recorded time never goes back and never stands still while time passes, and it leaps where
    /// the rules say and no farther.
    #[test]
    fn recorded_time_is_as_the_rules_say_whatever_the_wall_clock_does(steps in steps()) {
        live_through(&steps)?;
    }
}

fn live_through(steps: &[Step]) -> Result<(), TestCaseError> {
    let store = Arc::new(GateStore::default());
    let open = |wall: i64| {
        let wall = Timestamp::from_seconds(wall);
        let store = Arc::clone(&store) as Arc<dyn EventStore>;
        VirtualEngine::open(store, EngineConfig::default(), wall).unwrap()
    };
    let start = START.seconds();
    let mut engine = open(start);
    let mut model = Model {
        now: start,
        wall: start,
        minded_from: 0,
        held: None,
        told: Vec::new(),
    };
    for step in steps {
        match *step {
            Step::Pass(seconds) => {
                engine.clock().advance(Duration::from_secs(seconds.into()));
                model.pass(seconds.into());
            }
            Step::Jump(by) => {
                let wall = Timestamp::from_seconds(engine.clock().wall().seconds() + by);
                model.wall = wall.seconds();
                engine.clock().set_wall(wall);
            }
            Step::Release => {
                model.look();
                model.release();
                run(engine.release_clock()).unwrap();
            }
            Step::Restart(after) => {
                model.look();
                let last = model.now;
                engine.shutdown_blocking().unwrap();
                store.reopen();
                model.wall += i64::from(after);
                engine = open(model.wall);
                model.open(last);
            }
        }
        model.look();
        let room = call("r", Command::CreateRoom(CreateRoom::default()));
        let receipt = engine.execute_blocking(room).unwrap();
        let at = receipt.records[0].command.recorded_at;
        prop_assert_eq!(
            at,
            Timestamp::from_seconds(model.now),
            "{:?} {:?}",
            step,
            model
        );
        prop_assert_eq!(engine.clock_state().now, at);
        prop_assert_eq!(engine.clock_state().held.is_some(), model.held.is_some());
        prop_assert_eq!(
            clock_kinds(&engine),
            model.told.clone(),
            "{:?} {:?}",
            step,
            model
        );
    }
    prop_assert!(recorded_at(&engine).is_sorted());
    Ok(())
}

const DAY_S: i64 = 86_400;
/// Early in 2099.
const YEARS_ON: Timestamp = Timestamp::from_seconds(4_073_000_000);
