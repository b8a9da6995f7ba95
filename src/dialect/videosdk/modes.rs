//! The modes that somebody went through in a session, read from the log: the state keeps the last
//! change of a permission alone. Apart because it is the one thing shown that state does not tell;
//! it reads nothing where nothing changed, and never more than a bound.

use serde::Serialize;

use crate::dialect::videosdk::error::ApiError;
use crate::dialect::videosdk::render::{OBJECT_CHARS, time};
use crate::dialect::videosdk::state::VideoSdk;
use crate::dialect::videosdk::stint::Presence;
use crate::domain::state::Connection;
use crate::domain::{
    ConnectionNumber, Digest, Event, Permission, Ranges, RoomName, Timestamp, Version,
};

/// What somebody is in a session: who may send takes part, who may only receive watches.
pub(super) const fn mode(permission: &Permission) -> &'static str {
    if permission.send.enabled {
        "CONFERENCE"
    } else {
        "VIEWER"
    }
}

/// One mode, and since when; an entry of `changeModeHistory`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ModeShown {
    mode: &'static str,
    timelog: String,
    #[serde(rename = "_id")]
    object_id: String,
}

/// Where the modes of people of one room changed.
pub(super) struct Modes {
    flips: Vec<Flip>,
    /// What lies at this version or before was not read.
    after: Version,
}

/// A change of a permission by which the mode is another.
struct Flip {
    at: Timestamp,
    version: Version,
    before: &'static str,
    after: &'static str,
    connections: Ranges<ConnectionNumber>,
}

impl VideoSdk {
    /// Reads what is needed to tell the modes of these people: nothing where no permission changed
    /// since they came, else at most [`RECORDS_MAX`] back from the newest change.
    pub(super) async fn modes(
        &self,
        room: &RoomName,
        people: &[Presence<'_>],
    ) -> Result<Modes, ApiError> {
        let stints = people.iter().flat_map(|it| &it.stints);
        let changed: Vec<_> = stints.filter(|it| it.permission_set > it.opened).collect();
        let first = changed.iter().map(|it| it.opened).min();
        let last = changed.iter().map(|it| it.permission_set).max();
        let (first, last) = first.zip(last).unwrap_or_default();
        let after = first.max(Version(last.0.saturating_sub(RECORDS_MAX)));
        let mut flips = Vec::new();
        let mut read = after;
        while read < last {
            let batch = self.engine.history(Some(room.clone()), read, BATCH_RECORDS);
            let records = batch.await?;
            let Some(newest) = records.last() else { break };
            read = newest.version;
            for record in records {
                if let Event::PermissionsChanged(it) = record.event.event {
                    let at = record.command.recorded_at;
                    let groups = it.groups.into_iter();
                    flips.extend(groups.map(|group| Flip {
                        at,
                        version: record.version,
                        before: mode(&group.before),
                        after: mode(&group.after),
                        connections: group.connections,
                    }));
                }
            }
        }
        flips.retain(|flip| flip.before != flip.after);
        Ok(Modes { flips, after })
    }
}

impl Modes {
    /// The modes of somebody, oldest first, each where it differs from the one before.
    pub(super) fn of(&self, presence: &Presence<'_>) -> Vec<ModeShown> {
        let mut modes: Vec<ModeShown> = Vec::new();
        for connection in &presence.stints {
            for (at, version, mode) in self.of_stint(connection) {
                if modes.last().is_none_or(|before| before.mode != mode) {
                    modes.push(ModeShown {
                        mode,
                        timelog: time(at),
                        object_id: object_id(connection, version),
                    });
                }
            }
        }
        modes
    }

    /// The mode that a stint began with, if it is known, and each that it went over to.
    fn of_stint(&self, connection: &Connection) -> Vec<(Timestamp, Version, &'static str)> {
        let start = connection.activated_at.unwrap_or(connection.opened_at);
        let own = |flip: &&Flip| flip.connections.contains(connection.number);
        let own: Vec<&Flip> = self.flips.iter().filter(own).collect();
        let is_whole =
            self.after <= connection.opened || connection.permission_set == connection.opened;
        let (early, late): (Vec<&Flip>, Vec<&Flip>) =
            own.into_iter().partition(|flip| flip.at <= start);
        let first = match (early.last(), late.first()) {
            (Some(flip), _) => Some(flip.after),
            (None, Some(flip)) => is_whole.then_some(flip.before),
            (None, None) => is_whole.then(|| mode(&connection.permission)),
        };
        let first = first.map(|mode| (start, connection.opened, mode));
        let late = late
            .into_iter()
            .map(|flip| (flip.at, flip.version, flip.after));
        first.into_iter().chain(late).collect()
    }
}

/// Always the same for the same mode of the same stint, and of no other.
fn object_id(connection: &Connection, since: Version) -> String {
    let whole = format!("{} {}", connection.id.uuid(), since.0);
    let digest = Digest::of(whole.as_bytes()).to_string();
    digest.chars().take(OBJECT_CHARS).collect()
}

/// As many as are read at once.
const BATCH_RECORDS: usize = 1_024;
/// So far back lie the changes that are told: a list of who is there is asked for every few
/// seconds, and must not read a day of a room each time.
const RECORDS_MAX: u64 = 10_000;
