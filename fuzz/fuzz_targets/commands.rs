//! See `roomledger::testing::fuzz::commands`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roomledger::testing::fuzz::commands(bytes));
