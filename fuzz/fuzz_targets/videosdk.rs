//! See `roomledger::server::fuzz::videosdk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roomledger::server::fuzz::videosdk(bytes));
