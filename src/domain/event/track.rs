//! Facts of tracks: published by a connection, gone with it at the latest.
//! Apart because a track has an id and a life of its own inside its connection.

use serde::{Deserialize, Serialize};

use crate::domain::event::{ByWhom, CloseCause};
use crate::domain::id::{Alias, ConnectionNumber, Id, TrackNumber};
use crate::domain::permission::Source;
use crate::domain::personal::Personal;
use crate::domain::ranges::Ranges;

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
    /// Data.
    Data,
}

/// What a media server tells of a track's form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackShape {
    /// The codec, such as `video/VP8`.
    pub mime_type: String,
    /// In pixels; 0 for sound.
    pub width: u32,
    /// In pixels; 0 for sound.
    pub height: u32,
}

/// A track is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackPublished {
    /// The minted id.
    pub track_id: Id,
    /// The number.
    pub number: TrackNumber,
    /// Whose.
    pub connection: ConnectionNumber,
    /// The caller's own id for it.
    pub alias: Option<Alias>,
    /// What it carries.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: Source,
    /// Its name.
    pub name: Personal<String>,
    /// Whether it starts muted.
    pub muted: bool,
    /// Its form.
    pub shape: TrackShape,
}

/// A track was muted or unmuted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackMuteChanged {
    /// Whose.
    pub connection: ConnectionNumber,
    /// Which.
    pub track: TrackNumber,
    /// Muted from now on, or not.
    pub muted: bool,
    /// Whose doing.
    pub by: ByWhom,
}

/// A track changed its form or its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackUpdated {
    /// Whose.
    pub connection: ConnectionNumber,
    /// Which.
    pub track: TrackNumber,
    /// The name from now on.
    pub name: Personal<String>,
    /// The form from now on.
    pub shape: TrackShape,
    /// What both were.
    pub before: TrackBefore,
}

/// What a track's name and form were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackBefore {
    /// The name.
    pub name: Personal<String>,
    /// The form.
    pub shape: TrackShape,
}

/// Tracks are gone. The envelope's cause tells by which event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracksUnpublished {
    /// Whose.
    pub connection: ConnectionNumber,
    /// Which.
    pub tracks: Ranges<TrackNumber>,
    /// Why, when the connection closed with them; absent when only they went.
    pub closing: Option<CloseCause>,
}
