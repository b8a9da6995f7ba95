//! Which events set the settings that can refuse somebody. Apart because a refusal names its
//! reason, and a later change of another setting is not that.

use serde::{Deserialize, Serialize};

use crate::domain::event::RoomConfig;
use crate::domain::id::Version;

/// For each setting that can refuse somebody, the event that set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsSet {
    /// Of [`RoomConfig::max_participants`].
    pub max_participants: Version,
    /// Of [`RoomConfig::enable_remote_unmute`].
    pub enable_remote_unmute: Version,
    /// Of [`RoomConfig::not_before`].
    pub not_before: Version,
    /// Of [`RoomConfig::expires_at`].
    pub expires_at: Version,
    /// Of [`RoomConfig::disabled`].
    pub disabled: Version,
}

impl SettingsSet {
    /// One event set all of them.
    pub const fn at(version: Version) -> Self {
        Self {
            max_participants: version,
            enable_remote_unmute: version,
            not_before: version,
            expires_at: version,
            disabled: version,
        }
    }

    /// The same after an event that turned one value of the settings into another.
    #[must_use]
    pub fn after(self, before: &RoomConfig, after: &RoomConfig, version: Version) -> Self {
        let set = |is_same: bool, earlier| if is_same { earlier } else { version };
        Self {
            max_participants: set(
                before.max_participants == after.max_participants,
                self.max_participants,
            ),
            enable_remote_unmute: set(
                before.enable_remote_unmute == after.enable_remote_unmute,
                self.enable_remote_unmute,
            ),
            not_before: set(before.not_before == after.not_before, self.not_before),
            expires_at: set(before.expires_at == after.expires_at, self.expires_at),
            disabled: set(before.disabled == after.disabled, self.disabled),
        }
    }
}
