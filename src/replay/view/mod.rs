//! What readers see: state and events with every number resolved, in the shapes of our own API.
//!
//! Apart from the state so that a change inside never changes what scripts read. The server, the
//! command line and the page all show these, and all can read them back.

mod config;
mod data;
mod event;
mod permission;
mod resolve;
mod room;
mod sentence;
mod session;

pub use config::ConfigView;
pub use event::{ActorView, EventView, ViaView};
pub use permission::{
    AllowedView, PermissionPatchView, PermissionView, ReceivePatchView, ReceiveRuleView,
    ReceiveView, SendPatchView, SendView,
};
pub use room::{
    BanView, ClosedView, ConnectionView, CountsView, CredentialView, MovedFromView,
    ParticipantView, RevocationView, RoomSummary, RoomView, StintView, TrackView,
};
pub use session::{SessionParticipantView, SessionView};
