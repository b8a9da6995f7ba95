//! Twirp, the protocol LiveKit's clients speak: paths, encodings, errors, and the calls of
//! `RoomService`. Apart from what the calls do; it never touches a room.

pub mod calls;
pub mod cors;
pub mod error;
pub mod route;
