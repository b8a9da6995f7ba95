//! `RoomService`'s calls: their names, what each takes and gives, the right it needs, and how far
//! it is answered. Apart, as the one table of the calls; it never carries one out.

use crate::dialect::auth::claims::Right;
use crate::dialect::coverage::Answered;
use crate::dialect::livekit::json::message::{self, Decoded};
use crate::dialect::livekit::proto::models::{ParticipantInfo, Room};
use crate::dialect::livekit::proto::service::{
    CreateRoomRequest, DeleteRoomRequest, DeleteRoomResponse, ForwardParticipantRequest,
    ForwardParticipantResponse, ListParticipantsRequest, ListParticipantsResponse,
    ListRoomsRequest, ListRoomsResponse, MoveParticipantRequest, MoveParticipantResponse,
    MuteRoomTrackRequest, MuteRoomTrackResponse, PerformRpcRequest, PerformRpcResponse,
    RemoveParticipantResponse, RoomParticipantIdentity, SendDataRequest, SendDataResponse,
    UpdateParticipantRequest, UpdateRoomMetadataRequest, UpdateSubscriptionsRequest,
    UpdateSubscriptionsResponse,
};
use crate::dialect::livekit::twirp::error::{ErrorCode, TwirpError};

/// How a body is written; the answer is written as the request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// LiveKit's JSON.
    Json,
    /// Protobuf.
    Protobuf,
}

impl Encoding {
    /// The content type, to the letter: LiveKit's Node client compares it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/protobuf",
        }
    }

    fn decode<M>(self, body: &[u8]) -> Result<Decoded<M>, TwirpError>
    where
        M: message::JsonMessage + prost::Message + Default,
    {
        let malformed = |msg: String| TwirpError::new(ErrorCode::Malformed, msg);
        match self {
            Self::Json => message::decode(body).map_err(|error| malformed(error.to_string())),
            Self::Protobuf => M::decode(body)
                .map(|message| Decoded {
                    message,
                    unknown_names: Vec::new(),
                })
                .map_err(|_| malformed(String::from("the protobuf request could not be decoded"))),
        }
    }

    fn encode<M: message::JsonMessage + prost::Message>(self, message: &M) -> Vec<u8> {
        match self {
            Self::Json => message::encode(message).into_bytes(),
            Self::Protobuf => message.encode_to_vec(),
        }
    }
}

macro_rules! calls {
    ($($answered:ident $call:ident($request:ident) -> $reply:ident, $right:expr;)*) => {
        /// A call by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Call {
            $(#[doc = concat!("`", stringify!($call), "`")] $call,)*
        }

        impl Call {
            /// Every call.
            pub const ALL: &[Self] = &[$(Self::$call),*];

            /// The call of this name; upper and lower case differ.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|call| call.name() == name)
            }

            /// Its name, the last part of its path.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$call => stringify!($call),)*
                }
            }

            /// How it is answered.
            pub const fn answered(self) -> Answered {
                match self {
                    $(Self::$call => Answered::$answered,)*
                }
            }
        }

        /// What a call takes.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Request {
            $(#[doc = concat!("Of `", stringify!($call), "`.")] $call($request),)*
        }

        impl Request {
            /// Reads the body of a call.
            ///
            /// # Errors
            /// [`ErrorCode::Malformed`] with LiveKit's text.
            pub fn decode(
                call: Call,
                encoding: Encoding,
                body: &[u8],
            ) -> Result<Decoded<Self>, TwirpError> {
                match call {
                    $(Call::$call => encoding.decode(body).map(|read| Decoded {
                        message: Self::$call(read.message),
                        unknown_names: read.unknown_names,
                    }),)*
                }
            }

            /// Which call it is.
            pub const fn call(&self) -> Call {
                match self {
                    $(Self::$call(_) => Call::$call,)*
                }
            }

            /// What the caller must be allowed to do.
            pub fn right(&self) -> Right<'_> {
                match self {
                    $(Self::$call(request) => {
                        let right: fn(&$request) -> Right<'_> = $right;
                        right(request)
                    })*
                }
            }
        }

        /// What a call gives.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Reply {
            $(#[doc = concat!("Of `", stringify!($call), "`.")] $call($reply),)*
        }

        impl Reply {
            /// Of which call it is.
            pub const fn call(&self) -> Call {
                match self {
                    $(Self::$call(_) => Call::$call,)*
                }
            }

            /// Writes the body of the answer.
            pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
                match self {
                    $(Self::$call(reply) => encoding.encode(reply),)*
                }
            }
        }
    };
}

calls! {
    Recorded CreateRoom(CreateRoomRequest) -> Room, |request| Right::RoomCreate(&request.name);
    Read ListRooms(ListRoomsRequest) -> ListRoomsResponse, |_| Right::RoomList;
    Recorded DeleteRoom(DeleteRoomRequest) -> DeleteRoomResponse,
        |request| Right::RoomCreate(&request.room);
    Read ListParticipants(ListParticipantsRequest) -> ListParticipantsResponse,
        |request| Right::RoomAdmin(&request.room);
    Read GetParticipant(RoomParticipantIdentity) -> ParticipantInfo,
        |request| Right::RoomAdmin(&request.room);
    Recorded RemoveParticipant(RoomParticipantIdentity) -> RemoveParticipantResponse,
        |request| Right::RoomAdmin(&request.room);
    Recorded MutePublishedTrack(MuteRoomTrackRequest) -> MuteRoomTrackResponse,
        |request| Right::RoomAdmin(&request.room);
    Recorded UpdateParticipant(UpdateParticipantRequest) -> ParticipantInfo,
        |request| Right::RoomAdmin(&request.room);
    Recorded UpdateSubscriptions(UpdateSubscriptionsRequest) -> UpdateSubscriptionsResponse,
        |request| Right::RoomAdmin(&request.room);
    Recorded SendData(SendDataRequest) -> SendDataResponse,
        |request| Right::RoomAdmin(&request.room);
    Recorded UpdateRoomMetadata(UpdateRoomMetadataRequest) -> Room,
        |request| Right::RoomAdmin(&request.room);
    NeedsMedia ForwardParticipant(ForwardParticipantRequest) -> ForwardParticipantResponse,
        |request| Right::MoveTo { from: &request.room, to: &request.destination_room };
    Recorded MoveParticipant(MoveParticipantRequest) -> MoveParticipantResponse,
        |request| Right::MoveTo { from: &request.room, to: &request.destination_room };
    NeedsMedia PerformRpc(PerformRpcRequest) -> PerformRpcResponse,
        |request| Right::RoomAdmin(&request.room);
}
