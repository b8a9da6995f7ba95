//! What a webhook carries. Apart because it is the one message that goes out unasked; the media
//! services' own parts (egress, ingress, jobs) are left out, since nothing here tells of them.

use crate::dialect::livekit::declare::message;
use crate::dialect::livekit::json::codec::{Int64, Nullable, Single, Text};
use crate::dialect::livekit::json::message::Message;
use crate::dialect::livekit::proto::models::{ParticipantInfo, Room, TrackInfo};

message! {
    /// Something happened. `created_at` is in seconds.
    WebhookEvent {
        string event = 1;
        message Room room = 2;
        message ParticipantInfo participant = 3;
        message TrackInfo track = 8;
        string id = 6;
        int64 created_at = 7;
    }
}
