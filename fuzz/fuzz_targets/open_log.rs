//! See `roomledger::testing::fuzz_log::open_log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roomledger::testing::fuzz_log::open_log(bytes));
