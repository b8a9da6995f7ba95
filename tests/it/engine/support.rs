//! Calls and stores that the engine's tests share.

use std::sync::{Arc, Condvar, Mutex};

use roomledger::domain::command::{CreateRoom, Join, Remove};
use roomledger::domain::{Command, Identity, RoomName, Target, Timestamp};
use roomledger::engine::{Call, EngineConfig};
use roomledger::store::{Appended, Commit, EventStore, MemoryStore, Position, StoreError};
use roomledger::testing::front::{Front, Fronted};
use roomledger::testing::virtual_time::{self, VirtualEngine};

pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn open() -> VirtualEngine {
    VirtualEngine::in_memory().unwrap()
}

pub(crate) fn open_on(store: Arc<dyn EventStore>, config: EngineConfig) -> VirtualEngine {
    VirtualEngine::open(store, config, START).unwrap()
}

pub(crate) fn room(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

pub(crate) fn call(name: &str, command: Command) -> Call {
    virtual_time::call(&room(name), command)
}

pub(crate) fn join(name: &str, who: &str) -> Call {
    call(name, Command::Join(Join::new(identity(who))))
}

pub(crate) fn remove(name: &str, who: &str) -> Call {
    let target = Target::Identity(identity(who));
    call(name, Command::Remove(Remove::new(target)))
}

pub(crate) fn create(name: &str) -> Call {
    call(
        name,
        Command::CreateRoom(CreateRoom {
            opens_session: true,
            ..CreateRoom::default()
        }),
    )
}

pub(crate) fn with_id(mut call: Call, request_id: &str) -> Call {
    call.provenance.request_id = Some(request_id.to_owned());
    call
}

/// A memory store whose appends wait while a gate is shut, and fail from the n-th on when told.
pub(crate) type GateStore = Fronted<Doorkeeper>;

/// What stands before that store.
pub(crate) struct Doorkeeper {
    log: Box<dyn EventStore>,
    gate: Mutex<Gate>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Gate {
    shut: bool,
    waiting: bool,
    closed: bool,
    appends: usize,
    fails: Option<(usize, StoreError)>,
    folded_after: Vec<Position>,
}

/// The same before another store.
pub(crate) fn gate_over(log: Box<dyn EventStore>) -> GateStore {
    Fronted(Doorkeeper {
        log,
        gate: Mutex::default(),
        moved: Condvar::new(),
    })
}

impl Default for Doorkeeper {
    fn default() -> Self {
        gate_over(Box::new(MemoryStore::new())).0
    }
}

impl Doorkeeper {
    /// Closes the log itself, for good.
    #[cfg(feature = "sled")]
    pub(crate) fn close_log(&self) {
        self.log.close().unwrap();
    }

    /// After which positions commits were read, one for each open.
    #[cfg(feature = "sled")]
    pub(crate) fn folded_after(&self) -> Vec<Position> {
        self.gate.lock().unwrap().folded_after.clone()
    }

    pub(crate) fn shut(&self) {
        self.gate.lock().unwrap().shut = true;
    }

    pub(crate) fn open(&self) {
        self.gate.lock().unwrap().shut = false;
        self.moved.notify_all();
    }

    /// Returns once an append stands before the shut gate.
    pub(crate) fn wait_until_stuck(&self) {
        let gate = self.gate.lock().unwrap();
        drop(self.moved.wait_while(gate, |gate| !gate.waiting).unwrap());
    }

    /// The append after `more` further ones fails, and every later one.
    pub(crate) fn fail_after(&self, more: usize, error: StoreError) {
        let mut gate = self.gate.lock().unwrap();
        gate.fails = Some((gate.appends + more, error));
    }

    pub(crate) fn heal(&self) {
        self.gate.lock().unwrap().fails = None;
    }

    /// Forgets that an engine closed it, so that another can open the same log.
    pub(crate) fn reopen(&self) {
        self.gate.lock().unwrap().closed = false;
    }

    pub(crate) fn appends(&self) -> usize {
        self.gate.lock().unwrap().appends
    }
}

impl Front for Doorkeeper {
    fn log(&self) -> &dyn EventStore {
        &*self.log
    }

    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        let mut gate = self.gate.lock().unwrap();
        gate.waiting = true;
        self.moved.notify_all();
        gate = self.moved.wait_while(gate, |gate| gate.shut).unwrap();
        gate.waiting = false;
        if gate.closed {
            return Err(StoreError::Closed);
        }
        if let Some((after, error)) = &gate.fails
            && gate.appends >= *after
        {
            return Err(error.clone());
        }
        gate.appends += 1;
        self.log.append(commit)
    }

    fn reads_commits(&self, after: Position) {
        self.gate.lock().unwrap().folded_after.push(after);
    }

    fn close(&self) -> Result<(), StoreError> {
        self.gate.lock().unwrap().closed = true;
        Ok(())
    }
}

/// Runs a future to its end on a runtime of its own.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(future)
}
