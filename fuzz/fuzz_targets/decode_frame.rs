//! See `roomledger::testing::fuzz::decode_frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roomledger::testing::fuzz::decode_frame(bytes));
