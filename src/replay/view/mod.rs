//! What readers see: state and events with every number resolved, in the shapes of our own API.
//!
//! Apart from the state so that a change inside never changes what scripts read. The server, the
//! command line and the page all show these, and all can read them back.

mod actor;
mod config;
mod data;
mod event;
mod permission;
mod person;
mod presence;
mod refer;
pub(super) mod resolve;
mod room;
#[cfg(feature = "server")]
mod schema;
mod sentence;
mod session;

pub use actor::ActorView;
pub use config::ConfigView;
#[cfg(feature = "server")]
pub use data::event_schemas;
pub use event::{EventView, ViaView};
pub use permission::{
    AllowedView, PermissionPatchView, PermissionView, ReceivePatchView, ReceiveRuleView,
    ReceiveView, SendPatchView, SendView,
};
pub use person::{
    ClosedView, ConnectionView, CredentialView, MovedFromView, ParticipantView, StintView,
    TrackView,
};
pub use presence::{Presence, PresencePage, Removal, RemovalPage};
pub use room::{BanView, CountsView, RevocationView, RoomSummary, RoomView};
pub use session::{SessionPage, SessionParticipantView, SessionView};
