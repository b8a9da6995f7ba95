//! See `roomledger::server::fuzz::daily`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roomledger::server::fuzz::daily(bytes));
