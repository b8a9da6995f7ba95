//! Reading the past: pure folds over recorded events, and the words in which a moment is named.
//! Apart, because everything here only reads. Never writes to a store, never reads a clock.

mod book;
mod calendar;
mod catalogue;
mod filter;
mod fold;
mod former;
mod known;
mod names;
mod noting;
mod numbers;
mod page;
pub mod position;
mod removals;
mod sessions;
mod stints;
mod verify;
pub mod view;
mod who;
mod window;

pub use book::NamesBook;
pub use catalogue::{Catalogue, RoomEntry, SessionEntry};
pub use filter::Filter;
pub use fold::{Folded, Moment, as_of, each_record, fold, fold_on, instant_of, session_span};
pub use former::{Field, Former};
pub use names::{ConnectionName, Directory, Names, SessionName, TrackName};
pub use page::{EventPage, EventQuery, Order, read_page};
pub use removals::removals;
pub use sessions::{Runs, session_views, sessions_by};
pub use stints::EarlierStints;
pub use verify::{Finding, Verified, Verifier, verify};
pub use view::{Presence, PresencePage, Removal, RemovalPage, SessionPage};
pub use who::{Ability, Present};
