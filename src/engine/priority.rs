//! How much of the processor a thread gets where there is not enough for all. Apart because it is
//! the system's: elsewhere than on Linux a priority belongs to a whole process, and stays as it is.

/// Lets the calling thread wait for all others that have something to do.
pub(crate) fn give_way() {
    #[cfg(all(feature = "sled", target_os = "linux"))]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a reading thread keeps its priority");
    }
}

/// Nice 10 is a tenth of what a thread with nice 0 gets, as `sched(7)` weighs them: enough that a
/// reader gets on beside a busy writer.
#[cfg(all(feature = "sled", target_os = "linux"))]
const NICE: i32 = 10;
