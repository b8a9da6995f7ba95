//! Files that hold a secret: read only where nobody but their owner can. Apart, since every secret
//! of the command line comes from one.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::cli::failure::{Exit, Failure};

/// The text of a file that nobody but its owner can read; `what` says what it holds, such as `the
/// keys`.
///
/// # Errors
/// `Usage`, when it cannot be read, or others can read it.
pub fn private_text(what: &str, file: &Path) -> Result<String, Failure> {
    let place = file.display();
    let unreadable = |error: io::Error| {
        Failure::new(Exit::Usage, format!("cannot read {what} in {place}")).because(error)
    };
    let mode = fs::metadata(file).map_err(unreadable)?.permissions().mode();
    if mode & OTHERS != 0 {
        let failure = format!("others can read {what} in {place}");
        return Err(Failure::new(Exit::Usage, failure)
            .because(format!("its mode is {:04o}", mode & MODE))
            .hint(format!("chmod 0600 {place}")));
    }
    fs::read_to_string(file).map_err(unreadable)
}

/// The bits of a mode that let others in.
const OTHERS: u32 = 0o077;
const MODE: u32 = 0o7777;
