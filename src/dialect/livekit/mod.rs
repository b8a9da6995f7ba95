//! LiveKit's RoomService.
mod declare;
pub mod json;
pub mod proto;
