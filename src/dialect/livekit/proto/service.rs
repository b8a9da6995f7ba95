//! Requests and answers of `RoomService`'s fourteen calls. Apart from the entities they carry; it
//! never tells what a call does.

use crate::dialect::livekit::declare::{enumeration, message};
use crate::dialect::livekit::json::codec::{
    Bool, Bytes, Enum, Int64, Nullable, Optional, Repeated, Single, Text, TextMap, Uint32,
};
use crate::dialect::livekit::json::message::Message;
use crate::dialect::livekit::proto::models::{
    ParticipantInfo, ParticipantPermission, ParticipantTracks, Room, TrackInfo,
};

message! {
    /// Opens a session of the room, unless one is open. Zero or empty = the server's default.
    CreateRoomRequest {
        string name = 1;
        string room_preset = 12;
        uint32 empty_timeout = 2;
        uint32 departure_timeout = 10;
        uint32 max_participants = 3;
        string node_id = 4;
        string metadata = 5;
        map tags = 15;
        message RoomEgress egress = 6;
        uint32 min_playout_delay = 7;
        uint32 max_playout_delay = 8;
        bool sync_streams = 9;
        bool replay_enabled = 13;
        repeated message RoomAgentDispatch agents = 14;
    }
}

message! {
    /// `roomConfig` of a join token: what the room gets when this join makes it.
    RoomConfiguration {
        string name = 1;
        uint32 empty_timeout = 2;
        uint32 departure_timeout = 3;
        uint32 max_participants = 4;
        string metadata = 11;
        message RoomEgress egress = 5;
        uint32 min_playout_delay = 7;
        uint32 max_playout_delay = 8;
        bool sync_streams = 9;
        repeated message RoomAgentDispatch agents = 10;
        map tags = 12;
    }
}

message! {
    /// Recordings to start with the room. Only whether they are asked for is read.
    RoomEgress {
        message Unread room = 1;
        message Unread participant = 3;
        message Unread tracks = 2;
    }
}

message! {
    /// A message of which only the presence is read.
    Unread {}
}

message! {
    /// An agent to start with the room.
    RoomAgentDispatch {
        string agent_name = 1;
        string metadata = 2;
        enum JobRestartPolicy restart_policy = 3;
        string deployment = 4;
        map attributes = 5;
    }
}

message! {
    /// The open sessions of these rooms, or of all.
    ListRoomsRequest {
        repeated string names = 1;
    }
}

message! {
    /// Answers `ListRooms`.
    ListRoomsResponse {
        repeated message Room rooms = 1;
    }
}

message! {
    /// Ends the room's session.
    DeleteRoomRequest {
        string room = 1;
    }
}

message! {
    /// Answers `DeleteRoom`.
    DeleteRoomResponse {}
}

message! {
    /// Who is in the room.
    ListParticipantsRequest {
        string room = 1;
    }
}

message! {
    /// Answers `ListParticipants`.
    ListParticipantsResponse {
        repeated message ParticipantInfo participants = 1;
    }
}

message! {
    /// One participant, to get or to remove. `revoke_token_ts` is in seconds (Rust's client says
    /// milliseconds): tokens whose nbf lies before it are refused.
    RoomParticipantIdentity {
        string room = 1;
        string identity = 2;
        int64 revoke_token_ts = 3;
    }
}

message! {
    /// Answers `RemoveParticipant`.
    RemoveParticipantResponse {}
}

message! {
    /// Mutes or unmutes a track.
    MuteRoomTrackRequest {
        string room = 1;
        string identity = 2;
        string track_sid = 3;
        bool muted = 4;
    }
}

message! {
    /// Answers `MutePublishedTrack`.
    MuteRoomTrackResponse {
        message TrackInfo track = 1;
    }
}

message! {
    /// Changes what is given. An empty name or metadata is not given; an empty attribute deletes.
    UpdateParticipantRequest {
        string room = 1;
        string identity = 2;
        string metadata = 3;
        message ParticipantPermission permission = 4;
        string name = 5;
        map attributes = 6;
    }
}

message! {
    /// Subscribes a participant to tracks, or unsubscribes it.
    UpdateSubscriptionsRequest {
        string room = 1;
        string identity = 2;
        repeated string track_sids = 3;
        bool subscribe = 4;
        repeated message ParticipantTracks participant_tracks = 5;
    }
}

message! {
    /// Answers `UpdateSubscriptions`.
    UpdateSubscriptionsResponse {}
}

message! {
    /// Sends data to participants, or to all.
    SendDataRequest {
        string room = 1;
        bytes data = 2;
        enum DataKind kind = 3;
        repeated string destination_sids = 4;
        repeated string destination_identities = 6;
        optional string topic = 5;
        bytes nonce = 7;
    }
}

message! {
    /// Answers `SendData`.
    SendDataResponse {}
}

message! {
    /// Sets the room's metadata; empty clears it.
    UpdateRoomMetadataRequest {
        string room = 1;
        string metadata = 2;
    }
}

message! {
    /// Publishes a participant's tracks in another room too.
    ForwardParticipantRequest {
        string room = 1;
        string identity = 2;
        string destination_room = 3;
    }
}

message! {
    /// Answers `ForwardParticipant`.
    ForwardParticipantResponse {}
}

message! {
    /// Moves a participant to another room.
    MoveParticipantRequest {
        string room = 1;
        string identity = 2;
        string destination_room = 3;
    }
}

message! {
    /// Answers `MoveParticipant`.
    MoveParticipantResponse {}
}

message! {
    /// Calls a method of a participant's program.
    PerformRpcRequest {
        string room = 1;
        string destination_identity = 2;
        string method = 3;
        string payload = 4;
        uint32 response_timeout_ms = 5;
    }
}

message! {
    /// Answers `PerformRpc`.
    PerformRpcResponse {
        string payload = 1;
    }
}

enumeration! {
    /// `DataPacket.Kind`.
    DataKind {
        Reliable = 0 "RELIABLE",
        Lossy = 1 "LOSSY",
    }
}

enumeration! {
    /// Whether an agent is started again.
    JobRestartPolicy {
        OnFailure = 0 "JRP_ON_FAILURE",
        Never = 1 "JRP_NEVER",
    }
}
