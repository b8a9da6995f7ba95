//! The `roomledger` binary: nothing but the door to the command line.
fn main() {}
