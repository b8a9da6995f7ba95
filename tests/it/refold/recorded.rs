//! The same law for a recorded history.

use roomledger::store::ledger::LedgerReader;

use super::check;
use crate::cli_read::record_town_hall;

#[test]
fn the_demo_is_rebuilt_from_its_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    record_town_hall(&data);
    let store = LedgerReader::open(&data).expect("a ledger");
    assert_eq!(check(&store), Ok(()));
}
