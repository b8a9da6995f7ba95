//! The corpora of the fuzz targets, replayed on stable: what once made a target fail stays mended.

use std::fs;
use std::path::Path;

use roomledger::testing::fuzz;

fn replay(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut count = 0;
    for file in files {
        body(&fs::read(file.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 0, "{folder:?} is empty");
}

#[test]
fn corpora_replay() {
    replay("decode_record", fuzz::decode_record);
    #[cfg(feature = "sled")]
    replay("decode_frame", fuzz::decode_frame);
    #[cfg(feature = "sled")]
    replay("open_log", roomledger::testing::fuzz_log::open_log);
    replay("commands", fuzz::commands);
    replay("moment", fuzz::moment);
    #[cfg(feature = "server")]
    replay("router", roomledger::server::fuzz::requests);
}
