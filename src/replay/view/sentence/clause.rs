//! What the files of sentences hand to each other. Apart so that none has to import the whole.

/// What an event says, without who did it and why.
pub(super) enum Clause {
    /// Somebody did something: goes on from their name.
    Did(String),
    /// The same, with what more there is to tell of it.
    Told(String, String),
    /// Something happened: stands by itself.
    Happened(String),
}

/// So many of something.
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
