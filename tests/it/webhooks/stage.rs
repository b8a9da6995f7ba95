//! An engine with an outbox, in one process: the log in memory, the cursors on a disk that the
//! test holds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roomledger::domain::{Command, Source};
use roomledger::outbox::{Notices, Outbox, OutboxConfig, OutboxError, Running};
use roomledger::store::Position;
use roomledger::store::journal::Disk;
use roomledger::testing::faults::SimulatedDisk;

use super::hook::until;
use crate::livekit_service::support::{Server, accepted, join_token};
use crate::told::{Teller, webhooks};

pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) disk: SimulatedDisk,
    pub(crate) config: OutboxConfig,
}

impl Stage {
    /// Nobody is told yet. Waits are short, so that tests are.
    pub(crate) fn new(receivers: &[&str]) -> Self {
        Self {
            server: Server::start(),
            disk: SimulatedDisk::new(),
            config: OutboxConfig {
                receivers: receivers.iter().map(|&url| url.to_owned()).collect(),
                attempt_max: Duration::from_secs(120),
                wait_min: Duration::from_millis(20),
                wait_max: Duration::from_millis(200),
                save_every: Duration::from_millis(20),
                ..OutboxConfig::default()
            },
        }
    }

    pub(crate) fn open(&self) -> Result<Outbox, OutboxError> {
        let notices: Arc<dyn Notices> = Arc::new(webhooks());
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let dir = Path::new("/data/webhooks");
        Outbox::open(&self.server.engine, &self.config, &notices, &disk, dir)
    }

    pub(crate) fn start(&self) -> Running {
        self.open().unwrap().start()
    }

    /// Somebody joins, publishes a track and leaves: `participant_joined`, `track_published`,
    /// `track_unpublished`, `participant_left`, after `room_started` where that is the first.
    pub(crate) async fn visit(&self, room: &str, who: &str) {
        assert!(accepted(&self.server.join(&join_token(who, room)).await));
        let published = self
            .server
            .publish(room, who, Source::Microphone, "mic")
            .await;
        assert!(accepted(&published));
        let connection = self.server.newest(room, who);
        let leave = Command::Leave {
            connection,
            reason: None,
        };
        assert!(accepted(&self.server.report(room, leave).await));
    }

    /// All that the log comes to.
    pub(crate) fn told(&self) -> Vec<(Position, String)> {
        Teller::default().told(&**self.server.engine.store())
    }

    /// The same, bodies of one room.
    pub(crate) fn told_of(&self, room: &str) -> Vec<String> {
        let told = self.told().into_iter().map(|(_, body)| body);
        told.filter(|body| room_of(body) == room).collect()
    }
}

/// Waits until a receiver's yes to so many notices was heard: what is told after a restart is then
/// told for the first time.
pub(crate) fn heard(running: &Running, url: &str, told: u64) {
    let place = url.trim_end_matches("/hooks");
    let status = || {
        let mut all = running.status().into_iter();
        all.find(|status| status.receiver.starts_with(&format!("{place} ")))
            .unwrap()
    };
    until(
        || status().told >= told,
        || format!("{told} told: {:?}", status()),
    );
}

pub(crate) fn room_of(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["room"]["name"].as_str().unwrap().to_owned()
}
