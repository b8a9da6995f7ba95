//! The program that the campaigns cut, kill and starve: it drives an engine on disk and writes each
//! acknowledgement outside of it (`load`), and later compares the two (`check`). Apart from the
//! scripts because only a caller of the engine knows what was acknowledged. It never repairs.
//!
//! Exit codes: 0 all went well, 2 wrong arguments, 3 the ledger did not open, 4 the engine stopped
//! itself, 5 the check found something, 9 something was acknowledged after the stop.
#![expect(clippy::print_stdout, reason = "the scripts read what it prints")]

mod acks;
mod check;
mod disk;
mod load;
mod options;
mod soak;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let mode = words.next().unwrap_or_default();
    let done = Options::parse(words).and_then(|options| match mode.as_str() {
        "load" => load::run(&options),
        "check" => check::run(&options),
        "soak" => soak::run(&options),
        _ => Err(format!("no mode {mode:?}: load, check or soak").into()),
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            println!("wrong: {error}");
            ExitCode::from(2)
        }
    }
}

/// Anything that is wrong with the arguments or with what stands outside of the ledger.
type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
