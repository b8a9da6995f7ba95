//! Daily's side of people: permissions, removal, presence, meetings, shared data, logs.

mod permissions;
