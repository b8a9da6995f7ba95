//! See `roomledger::server::fuzz_tokens::tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roomledger::server::fuzz_tokens::tokens(bytes));
