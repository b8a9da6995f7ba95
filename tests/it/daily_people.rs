//! Daily's side of people: permissions, removal, presence, meetings, shared data, logs.

pub(crate) mod bodies;
mod calls;
mod edges;
mod history;
mod logs;
mod model;
mod permissions;
pub(crate) mod support;
