//! See `roomledger::server::fuzz::requests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roomledger::server::fuzz::requests(bytes));
