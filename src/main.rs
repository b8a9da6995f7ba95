//! The `roomledger` binary: nothing but the door to the command line.

use std::process::ExitCode;

/// Answers are freed by other threads than the one that made them, at which glibc's is slow: a
/// third of the writer's time was spent in it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    roomledger::cli::main()
}
