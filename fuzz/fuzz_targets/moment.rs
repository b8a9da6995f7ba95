//! See `roomledger::testing::fuzz::moment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roomledger::testing::fuzz::moment(bytes));
