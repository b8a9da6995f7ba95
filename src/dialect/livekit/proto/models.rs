//! What rooms, participants and tracks look like on LiveKit's wire. Apart from the calls that carry
//! them; it never tells how they come from our state.

use crate::dialect::livekit::declare::{enumeration, message};
use crate::dialect::livekit::json::codec::{
    Bool, Enum, Int32, Int64, Nullable, Repeated, Single, Text, TextMap, Uint32,
};
use crate::dialect::livekit::json::message::Message;

message! {
    /// A room with an open session.
    Room {
        string sid = 1;
        string name = 2;
        uint32 empty_timeout = 3;
        uint32 departure_timeout = 14;
        uint32 max_participants = 4;
        int64 creation_time = 5;
        int64 creation_time_ms = 15;
        string turn_password = 6;
        repeated message Codec enabled_codecs = 7;
        string metadata = 8;
        uint32 num_participants = 9;
        uint32 num_publishers = 11;
        bool active_recording = 10;
        message TimedVersion version = 13;
    }
}

message! {
    /// A codec that publishers may use.
    Codec {
        string mime = 1;
        string fmtp_line = 2;
    }
}

message! {
    /// A moment and a counter within it.
    TimedVersion {
        int64 unix_micro = 1;
        int32 ticks = 2;
    }
}

message! {
    /// One connection of a participant. `joined_at` is in seconds, `joined_at_ms` in milliseconds.
    ParticipantInfo {
        string sid = 1;
        string identity = 2;
        enum State state = 3;
        repeated message TrackInfo tracks = 4;
        string metadata = 5;
        int64 joined_at = 6;
        int64 joined_at_ms = 17;
        string name = 9;
        uint32 version = 10;
        message ParticipantPermission permission = 11;
        string region = 12;
        bool is_publisher = 13;
        enum ParticipantKind kind = 14;
        map attributes = 15;
        enum DisconnectReason disconnect_reason = 16;
        repeated enum KindDetail kind_details = 18;
        repeated message DataTrackInfo data_tracks = 19;
        int32 client_protocol = 20;
        repeated enum Capability capabilities = 21;
    }
}

message! {
    /// What a participant may do. In an update it replaces the whole: what is left out is off, and
    /// no sources means all of them.
    ParticipantPermission {
        bool can_subscribe = 1;
        bool can_publish = 2;
        bool can_publish_data = 3;
        repeated enum TrackSource can_publish_sources = 9;
        bool hidden = 7;
        bool recorder = 8;
        bool can_update_metadata = 10;
        bool agent = 11;
        bool can_subscribe_metrics = 12;
        bool can_manage_agent_session = 13;
    }
}

message! {
    /// A published track.
    TrackInfo {
        string sid = 1;
        enum TrackType r#type = 2;
        string name = 3;
        bool muted = 4;
        uint32 width = 5;
        uint32 height = 6;
        bool simulcast = 7;
        bool disable_dtx = 8;
        enum TrackSource source = 9;
        repeated message VideoLayer layers = 10;
        string mime_type = 11;
        string mid = 12;
        repeated message SimulcastCodecInfo codecs = 13;
        bool stereo = 14;
        bool disable_red = 15;
        enum EncryptionType encryption = 16;
        string stream = 17;
        message TimedVersion version = 18;
        repeated enum AudioTrackFeature audio_features = 19;
        enum BackupCodecPolicy backup_codec_policy = 20;
        repeated enum PacketTrailerFeature packet_trailer_features = 21;
    }
}

message! {
    /// One quality of a video track.
    VideoLayer {
        enum VideoQuality quality = 1;
        uint32 width = 2;
        uint32 height = 3;
        uint32 bitrate = 4;
        uint32 ssrc = 5;
        int32 spatial_layer = 6;
        string rid = 7;
        uint32 repair_ssrc = 8;
    }
}

message! {
    /// One codec of a track.
    SimulcastCodecInfo {
        string mime_type = 1;
        string mid = 2;
        string cid = 3;
        repeated message VideoLayer layers = 4;
        enum VideoLayerMode video_layer_mode = 5;
        string sdp_cid = 6;
    }
}

message! {
    /// A data track. Its two fields about encodings (5 and 6) are not carried here.
    DataTrackInfo {
        uint32 pub_handle = 1;
        string sid = 2;
        string name = 3;
        enum EncryptionType encryption = 4;
    }
}

message! {
    /// Tracks of one participant.
    ParticipantTracks {
        string participant_sid = 1;
        repeated string track_sids = 2;
    }
}

enumeration! {
    /// `ParticipantInfo.State`.
    State {
        Joining = 0 "JOINING",
        Joined = 1 "JOINED",
        Active = 2 "ACTIVE",
        Disconnected = 3 "DISCONNECTED",
    }
}

enumeration! {
    /// `ParticipantInfo.Kind`.
    ParticipantKind {
        Standard = 0 "STANDARD",
        Ingress = 1 "INGRESS",
        Egress = 2 "EGRESS",
        Sip = 3 "SIP",
        Agent = 4 "AGENT",
        Connector = 7 "CONNECTOR",
        Bridge = 8 "BRIDGE",
    }
}

enumeration! {
    /// `ParticipantInfo.KindDetail`.
    KindDetail {
        CloudAgent = 0 "CLOUD_AGENT",
        Forwarded = 1 "FORWARDED",
        ConnectorWhatsapp = 2 "CONNECTOR_WHATSAPP",
        ConnectorTwilio = 3 "CONNECTOR_TWILIO",
        BridgeRtsp = 4 "BRIDGE_RTSP",
        Simulation = 5 "SIMULATION",
    }
}

enumeration! {
    /// Why a connection ended.
    DisconnectReason {
        UnknownReason = 0 "UNKNOWN_REASON",
        ClientInitiated = 1 "CLIENT_INITIATED",
        DuplicateIdentity = 2 "DUPLICATE_IDENTITY",
        ServerShutdown = 3 "SERVER_SHUTDOWN",
        ParticipantRemoved = 4 "PARTICIPANT_REMOVED",
        RoomDeleted = 5 "ROOM_DELETED",
        StateMismatch = 6 "STATE_MISMATCH",
        JoinFailure = 7 "JOIN_FAILURE",
        Migration = 8 "MIGRATION",
        SignalClose = 9 "SIGNAL_CLOSE",
        RoomClosed = 10 "ROOM_CLOSED",
        UserUnavailable = 11 "USER_UNAVAILABLE",
        UserRejected = 12 "USER_REJECTED",
        SipTrunkFailure = 13 "SIP_TRUNK_FAILURE",
        ConnectionTimeout = 14 "CONNECTION_TIMEOUT",
        MediaFailure = 15 "MEDIA_FAILURE",
        AgentError = 16 "AGENT_ERROR",
    }
}

enumeration! {
    /// `ClientInfo.Capability`.
    Capability {
        Unused = 0 "CAP_UNUSED",
        PacketTrailer = 1 "CAP_PACKET_TRAILER",
        CompressionDeflateRaw = 2 "CAP_COMPRESSION_DEFLATE_RAW",
    }
}

enumeration! {
    /// What a track carries.
    TrackType {
        Audio = 0 "AUDIO",
        Video = 1 "VIDEO",
        Data = 2 "DATA",
    }
}

enumeration! {
    /// Where a track's media comes from.
    TrackSource {
        Unknown = 0 "UNKNOWN",
        Camera = 1 "CAMERA",
        Microphone = 2 "MICROPHONE",
        ScreenShare = 3 "SCREEN_SHARE",
        ScreenShareAudio = 4 "SCREEN_SHARE_AUDIO",
    }
}

enumeration! {
    /// `Encryption.Type`.
    EncryptionType {
        None = 0 "NONE",
        Gcm = 1 "GCM",
        Custom = 2 "CUSTOM",
    }
}

enumeration! {
    /// What was asked of an audio track.
    AudioTrackFeature {
        Stereo = 0 "TF_STEREO",
        NoDtx = 1 "TF_NO_DTX",
        AutoGainControl = 2 "TF_AUTO_GAIN_CONTROL",
        EchoCancellation = 3 "TF_ECHO_CANCELLATION",
        NoiseSuppression = 4 "TF_NOISE_SUPPRESSION",
        EnhancedNoiseCancellation = 5 "TF_ENHANCED_NOISE_CANCELLATION",
        PreconnectBuffer = 6 "TF_PRECONNECT_BUFFER",
    }
}

enumeration! {
    /// What to do for subscribers without the primary codec.
    BackupCodecPolicy {
        PreferRegression = 0 "PREFER_REGRESSION",
        Simulcast = 1 "SIMULCAST",
        Regression = 2 "REGRESSION",
    }
}

enumeration! {
    /// What a video track's packets carry behind the frame.
    PacketTrailerFeature {
        UserTimestamp = 0 "PTF_USER_TIMESTAMP",
        FrameId = 1 "PTF_FRAME_ID",
        UserData = 2 "PTF_USER_DATA",
    }
}

enumeration! {
    /// The quality of a video layer.
    VideoQuality {
        Low = 0 "LOW",
        Medium = 1 "MEDIUM",
        High = 2 "HIGH",
        Off = 3 "OFF",
    }
}

enumeration! {
    /// `VideoLayer.Mode`.
    VideoLayerMode {
        Unused = 0 "MODE_UNUSED",
        OnePerStream = 1 "ONE_SPATIAL_LAYER_PER_STREAM",
        MultiplePerStream = 2 "MULTIPLE_SPATIAL_LAYERS_PER_STREAM",
        OnePerStreamIncomplete = 3 "ONE_SPATIAL_LAYER_PER_STREAM_INCOMPLETE_RTCP_SR",
    }
}
