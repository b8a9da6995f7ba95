//! The two ways in which Daily writes a permission: in full in its API, abbreviated in tokens.
//! Apart because they differ in words alone: one reader and one writer serve both.

/// The words of one form.
pub(super) struct Form {
    pub(super) has_presence: &'static str,
    pub(super) can_send: &'static str,
    pub(super) can_receive: &'static str,
    pub(super) can_admin: &'static str,
    pub(super) base: &'static str,
    pub(super) by_user_id: &'static str,
    pub(super) by_participant_id: &'static str,
    /// In the order of [`super::MEDIA`].
    pub(super) media: [&'static str; 6],
    /// In the order of [`super::ADMIN`].
    pub(super) admin: [&'static str; 3],
    pub(super) lists: Lists,
}

/// How a list of words is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    /// An array of strings.
    Array,
    /// One string, with commas between.
    Text,
}

impl Form {
    /// Every field of a permission.
    pub(super) const fn fields(&self) -> [&'static str; 4] {
        [
            self.has_presence,
            self.can_send,
            self.can_receive,
            self.can_admin,
        ]
    }

    /// Every part of what may be received.
    pub(super) const fn parts(&self) -> [&'static str; 3] {
        [self.base, self.by_user_id, self.by_participant_id]
    }
}

/// As daily-js and the API write it.
pub(super) static LONG: Form = Form {
    has_presence: "hasPresence",
    can_send: "canSend",
    can_receive: "canReceive",
    can_admin: "canAdmin",
    base: "base",
    by_user_id: "byUserId",
    by_participant_id: "byParticipantId",
    media: [
        "video",
        "audio",
        "screenVideo",
        "screenAudio",
        "customVideo",
        "customAudio",
    ],
    admin: ["participants", "streaming", "transcription"],
    lists: Lists::Array,
};

/// As a token's `p` writes it (daily-js 0.92.2; `cr` is by analogy, no public code names it).
pub(super) static COMPACT: Form = Form {
    has_presence: "hp",
    can_send: "cs",
    can_receive: "cr",
    can_admin: "ca",
    base: "b",
    by_user_id: "u",
    by_participant_id: "p",
    media: ["v", "a", "sv", "sa", "cv", "ca"],
    admin: ["p", "s", "t"],
    lists: Lists::Text,
};

/// The custom tracks that no other key of the same map names.
pub(super) const OTHERS: &str = "*";
