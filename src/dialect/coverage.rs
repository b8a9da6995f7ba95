//! How far a vendor's call is answered, in the words of the README's table. Apart, because every
//! dialect says it of its own calls where it routes them; it never answers one.

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    /// Carried out, or refused; on record either way before it is answered.
    Recorded,
    /// From what is known; it leaves nothing on record.
    Read,
    /// As not implemented, since only a media server can carry it out.
    NeedsMedia,
}

impl Answered {
    /// Every way.
    pub const ALL: &[Self] = &[Self::Recorded, Self::Read, Self::NeedsMedia];

    /// What it means to a caller.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Recorded => "carried out and recorded, refusals too",
            Self::Read => "answered, nothing to record",
            Self::NeedsMedia => "501: it needs a media server",
        }
    }
}
