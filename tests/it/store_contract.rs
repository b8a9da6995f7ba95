//! Every store of ours is held to the contract of `EventStore`.

use roomledger::store::MemoryStore;
use roomledger::testing::store_contract::check;

#[test]
fn the_memory_store_keeps_the_contract() {
    check(128, false, || MemoryStore::new);
}

#[cfg(feature = "sled")]
#[test]
fn the_ledger_keeps_the_contract() {
    check(48, true, || {
        let dir = tempfile::tempdir().expect("a directory");
        move || super::ledger::open_small(dir.path()).0
    });
}
