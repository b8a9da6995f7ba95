//! The bounds of every outside value, apart so that each is named once and tested at its edge.
//!
//! The figures are LiveKit's defaults (`pkg/config/config.go`), which the other two vendors stay
//! below. This file never checks anything: the constructors in `id.rs` and
//! `decide` do.

/// Longest room name, in bytes of UTF-8.
pub const ROOM_NAME_BYTES_MAX: usize = 256;
/// Longest participant identity, in bytes of UTF-8.
pub const IDENTITY_BYTES_MAX: usize = 256;
/// Longest display name of a participant, in bytes of UTF-8.
pub const PARTICIPANT_NAME_BYTES_MAX: usize = 256;
/// Longest id that a caller brings for a connection or a track, in bytes of UTF-8.
pub const ALIAS_BYTES_MAX: usize = 256;
/// Largest metadata of a room or a participant, in bytes.
pub const METADATA_BYTES_MAX: usize = 512 * 1024;
/// Largest attribute map of one request: the sum of all keys and values, in bytes.
pub const ATTRIBUTES_BYTES_MAX: usize = 64 * 1024;
/// Largest shared session data, in bytes (Daily's own bound for it is 100 KiB).
pub const SESSION_DATA_BYTES_MAX: usize = 100 * 1024;
/// Longest free text of an audit reason, a reviewer's note or a topic, in bytes.
pub const NOTE_BYTES_MAX: usize = 4 * 1024;
/// Largest message that `send_data` may announce, in bytes: LiveKit accepts what its 10 MiB body
/// holds as base64.
pub const DATA_BYTES_MAX: usize = 7 * 1024 * 1024;
/// Longest id by which a command names a connection or a track, in bytes: no id is longer.
pub const REFERENCE_BYTES_MAX: usize = ALIAS_BYTES_MAX;
/// Longest name of a media server, in bytes.
pub const REPORTER_BYTES_MAX: usize = 256;
/// Longest MIME type of a track, in bytes: RFC 6838 allows 127 on each side of the slash.
pub const MIME_TYPE_BYTES_MAX: usize = 255;
/// Longest `jti` of a token, in bytes; the usual one is a UUID of 36.
pub const TOKEN_ID_BYTES_MAX: usize = 256;
/// Longest list of sources in a right to send: one entry for each source there is.
pub const SOURCES_MAX: usize = 7;
/// Most rules about single people, and about single connections, in one permission. Each connection
/// that has the permission keeps them.
pub const RECEIVE_RULES_MAX: usize = 500;
/// Most rules of all targets of one permission update together: a person who is named for the first
/// time is known to the room for ever.
pub const RECEIVE_RULES_OF_ALL_MAX: usize = 10_000;
/// Largest change to one permission, in bytes as it is shown: rules, names and identities.
pub const PERMISSION_BYTES_MAX: usize = 512 * 1024;
/// Largest sum of all permissions before and after one change, in bytes as they are shown: an event
/// has each of them once. A quarter of what a page of events may come to.
pub const PERMISSIONS_CHANGED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest sum of profiles and permissions that move to another room at once, in bytes: each is
/// recorded there anew.
pub const MOVED_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most custom tracks that one receive rule names: as many as one sender can have.
pub const RULE_NAMES_MAX: usize = TRACKS_PER_CONNECTION_MAX;
/// Most (connection, track) pairs in one change of subscriptions. Each is an entry that is decided,
/// folded and kept: this many take some 25 ms, in which commands in other rooms wait.
pub const SUBSCRIPTION_PAIRS_MAX: usize = 100_000;
/// Most tracks one connection may hold open; far above any real client, far below trouble.
pub const TRACKS_PER_CONNECTION_MAX: usize = 256;
/// Most targets in one permission update, as many as a room is planned to hold.
pub const TARGETS_MAX: usize = 100_000;
/// Most activity items in one report.
pub const ACTIVITY_ITEMS_MAX: usize = 1_000;
/// A connection that reports no media for this long after joining is closed (LiveKit: 60 s).
pub const ACTIVATION_TIMEOUT_S: u32 = 60;
/// Tokens of API keys that are revoked one by one, in all: half a megabyte.
pub const API_TOKENS_REVOKED_MAX: usize = 10_000;
