//! What is found and counted in a room. Apart because every rule asks here, and nothing decides.

use crate::domain::Timestamp;
use crate::domain::event::{ConnectionKind, RoomConfig};
use crate::testing::facts::{Connection, Named, Room, Session, Track};

impl Connection {
    /// Whether the stint goes on.
    pub const fn is_live(&self) -> bool {
        self.closed.is_none()
    }

    /// Agents, egress and the two marks make a connection dependent: it does not count.
    pub const fn counts(&self) -> bool {
        let serves = matches!(self.kind, ConnectionKind::Agent | ConnectionKind::Egress);
        !(serves || self.permission.agent || self.permission.recorder)
    }

    /// When the next timer of this connection is due.
    pub fn due(&self) -> Option<Timestamp> {
        let activation = self.activate_by.filter(|_| self.activated_at.is_none());
        [activation, self.eject_at].into_iter().flatten().min()
    }
}

impl Room {
    /// The open session.
    pub fn open(&self) -> Option<&Session> {
        self.session.as_ref().filter(|it| it.ended.is_none())
    }

    /// The open connections, by number.
    pub fn live(&self) -> impl Iterator<Item = (u32, &Connection)> {
        let live = self.connections.iter().filter(|(_, it)| it.is_live());
        live.map(|(number, it)| (*number, it))
    }

    /// How many are inside who count.
    pub fn counted(&self) -> usize {
        self.live().filter(|(_, it)| it.counts()).count()
    }

    /// The settings in force: the open session's, else the room's.
    pub fn config(&self) -> Option<&RoomConfig> {
        let of_room = self.life.as_ref().map(|life| &life.config);
        self.open().map(|session| &session.config).or(of_room)
    }

    /// The metadata in force: the open session's own, else the room's.
    pub fn metadata(&self) -> Option<&String> {
        let of_room = self.life.as_ref().map(|life| &life.metadata);
        let of_session = self.open().and_then(|session| session.metadata.as_ref());
        of_session.or(of_room)
    }

    /// When the session ends unless one who counts comes in.
    pub fn idle_due(&self) -> Option<Timestamp> {
        let session = self.open().filter(|_| self.counted() == 0)?;
        let (since, timeout_s) = match session.last_left_at.filter(|_| session.joined_ever) {
            Some(left_at) => (left_at, session.config.departure_timeout_s),
            None => (session.opened_at, session.config.empty_timeout_s),
        };
        Some(since.plus_seconds(timeout_s))
    }

    /// When everybody is closed because the room's time is over.
    pub fn expiry_due(&self) -> Option<Timestamp> {
        let config = &self.open()?.config;
        config.expires_at.filter(|_| config.eject_at_expiry)
    }

    /// When the next timer is due.
    pub fn due(&self) -> Option<Timestamp> {
        let of_connections = self.live().filter_map(|(_, it)| it.due()).min();
        let all = [of_connections, self.expiry_due(), self.idle_due()];
        all.into_iter().flatten().min()
    }

    /// The connection of the latest session with that id: the caller's own, a `PA_` or a UUID.
    pub fn connection_named(&self, id: &str) -> Option<u32> {
        let alias = self.aliases.get(id);
        let has_it = |number: u32, it: &Connection| match alias {
            Some(named) => *named == Named::Connection(number),
            None => id == format!("PA_{}", it.id.short()) || id == it.id.uuid().to_string(),
        };
        let mut all = self.connections.iter();
        all.find_map(|(number, it)| has_it(*number, it).then_some(*number))
    }

    /// The open track with that id, and before it the connection that has it.
    pub fn track_named(&self, id: &str) -> Option<(u32, u32)> {
        let alias = self.aliases.get(id);
        // Two letters that tell kind and source stand before the short form.
        let short = id.strip_prefix("TR_").and_then(|rest| rest.get(2..));
        let has_it = |number: u32, it: &Track| match alias {
            Some(named) => *named == Named::Track(number),
            None => short == Some(&it.id.short()) || id == it.id.uuid().to_string(),
        };
        self.live().find_map(|(owner, connection)| {
            let mut tracks = connection.tracks.iter();
            tracks.find_map(|(number, it)| has_it(*number, it).then_some((owner, *number)))
        })
    }
}
