//! How many files this process may have open. Apart because every connection is one, and the log
//! must never be without: a journal that cannot open its next segment stops.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks for as many as the system lets this process have.
pub fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        // What cannot be raised is enough for fewer connections.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

/// At most so many connections: as asked, and as leaves the log its own.
pub(super) fn connections(asked_max: usize) -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    asked_max.min(files.saturating_sub(FILES_OF_THE_LOG).max(1))
}

/// Segments, sled's own and the runtime's; some dozens in use, the rest for reads of old segments.
const FILES_OF_THE_LOG: usize = 128;
