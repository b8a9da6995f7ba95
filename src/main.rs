//! The `roomledger` binary: nothing but the door to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    roomledger::cli::main()
}
