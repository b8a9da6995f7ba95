//! The shape of a message as data, and what a reader notes by the way. Apart, so that codecs and
//! messages both can name it; it never reads or writes.

/// One field of a message, for readers of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in snake case.
    pub name: &'static str,
    /// Its number on the protobuf wire.
    pub number: u32,
    /// What it holds.
    pub kind: Kind,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// Bytes: base64 in JSON.
    Bytes,
    /// A flag.
    Bool,
    /// An unsigned 32-bit integer.
    Uint32,
    /// A signed 32-bit integer.
    Int32,
    /// A signed 64-bit integer: a string in JSON.
    Int64,
    /// One of these names; numbers without a name are kept.
    Enum(&'static [(&'static str, i32)]),
    /// A message with these fields, or none.
    Message(&'static [Field]),
    /// A value that can be absent; then it is not shown.
    Optional(&'static Kind),
    /// Any number of values, in order.
    Repeated(&'static Kind),
    /// Strings by string.
    Map,
}

/// An enum name that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The field it stood in.
    pub field: &'static str,
    /// The name as sent.
    pub name: String,
}

/// What a reader notices by the way.
#[derive(Debug, Default)]
pub struct Notes {
    pub(in crate::dialect::livekit::json) field: &'static str,
    pub(in crate::dialect::livekit::json) unknown_names: Vec<UnknownName>,
}

impl Notes {
    pub(in crate::dialect::livekit::json) fn unknown_name(&mut self, name: String) {
        let field = self.field;
        // One for each field is enough to name the fault, and a hostile body cannot fill memory.
        if self.unknown_names.iter().all(|seen| seen.field != field) {
            self.unknown_names.push(UnknownName { field, name });
        }
    }
}
