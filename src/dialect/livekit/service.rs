//! LiveKit's calls on the engine. Apart from framing and translation: this is where a call meets
//! its right, the log, and the state to answer with; it never decides what a command does.

use crate::dialect::auth::claims::Right;
use crate::dialect::catalogue::SharedCatalogue;
pub use crate::dialect::livekit::DIALECT;
use crate::dialect::livekit::listed::Listed;
use crate::dialect::livekit::proto::models::ParticipantInfo;
use crate::dialect::livekit::proto::service::{
    DeleteRoomResponse, ForwardParticipantRequest, ListRoomsRequest, MoveParticipantResponse,
    MuteRoomTrackRequest, MuteRoomTrackResponse, PerformRpcRequest, RemoveParticipantResponse,
    RoomParticipantIdentity, SendDataResponse, UpdateSubscriptionsResponse,
};
use crate::dialect::livekit::translate::{Wish, oversize, wish};
use crate::dialect::livekit::twirp::calls::{Call, Reply, Request};
use crate::dialect::livekit::twirp::error::{ErrorCode, TwirpError};
use crate::dialect::livekit::{Answer, Given, Incoming, RoomService, refusal, render};
use crate::dialect::recorded::Recorded;
use crate::domain::{self, Command, Identity, Rejection, Room, RoomName};
use crate::engine::{self, Engine, EngineError, Reader, Receipt, Status};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `RoomService`, carried out by an engine.
#[derive(Clone, Debug)]
pub struct Service {
    engine: Engine,
    catalogue: SharedCatalogue,
}

impl Service {
    /// On this engine.
    pub fn new(engine: Engine) -> Self {
        let catalogue = SharedCatalogue::new(engine.clone());
        Self { engine, catalogue }
    }

    /// With a catalogue of the same engine that others read too.
    #[must_use]
    pub fn sharing(self, catalogue: SharedCatalogue) -> Self {
        Self { catalogue, ..self }
    }

    /// The same, whose reads wait in the queue of one caller.
    fn reading_as(&self, reader: Reader) -> Self {
        Self {
            engine: self.engine.reading_as(reader.clone()),
            catalogue: self.catalogue.reading_as(reader),
        }
    }
}

impl RoomService for Service {
    async fn call(&self, incoming: Incoming) -> Answer {
        let granted = incoming.caller.claims.may(incoming.request.right());
        let service = self.reading_as(incoming.caller.claims.reader());
        match wish(&incoming.request, &incoming.unknown_names) {
            Ok(Some(wish)) => service.write(&incoming, wish, granted).await,
            Ok(None) if granted => Answer::read(service.read(&incoming.request)),
            Ok(None) => Answer::unrecorded(Err(TwirpError::permissions_denied())),
            Err(error) => Answer::unrecorded(Err(match (granted, oversize(&incoming.request)) {
                (true, _) => refusal::not_a_name(&error),
                (false, Some(size)) => refusal::rejected(incoming.request.call(), &size),
                (false, None) => TwirpError::permissions_denied(),
            })),
        }
    }
}

impl Service {
    /// A call that changes something: whatever comes of it is on record before it is answered.
    async fn write(&self, incoming: &Incoming, wish: Wish, granted: bool) -> Answer {
        let call = incoming.request.call();
        let caller = &incoming.caller;
        let provenance = match caller.provenance(DIALECT, call.name()) {
            Ok(provenance) => provenance,
            Err(error) => return Answer::unrecorded(Err(refusal::rejected(call, &error))),
        };
        let may_here = caller.claims.may(Right::RoomAdmin(wish.room.as_str()));
        let denied_in = if let Command::Move { to_room, .. } = &wish.command
            && may_here
        {
            to_room.to_string()
        } else {
            wish.room.to_string()
        };
        let denied = || Rejection::NotGranted {
            room: denied_in,
            key_id: caller.claims.key_id.clone(),
            call: call.name().to_owned(),
        };
        let mismatch = || caller.mismatch().or(wish.objection);
        let objection = match granted.then(mismatch) {
            None => Some(oversize(&incoming.request).unwrap_or_else(denied)),
            Some(Some(objection)) => Some(objection),
            Some(None) => match self.taken_id(&wish.command, &wish.room).await {
                Ok(objection) => objection,
                Err(error) => return Answer::unrecorded(Err(refusal::failed(&error))),
            },
        };
        let mut request = domain::Request::new(wish.room.clone(), wish.command);
        request.objection = objection;
        let (sent, bytes) = (incoming.body_digest, incoming.body_bytes);
        let asked = engine::Call::decoded(request, provenance, sent, bytes);
        match self.engine.execute(asked).await {
            Ok(receipt) => Answer {
                reply: answer(&incoming.request, &receipt).map(Given::Whole),
                recorded: Some(Recorded::of(&receipt)),
            },
            Err(error) => Answer::unrecorded(Err(refusal::failed(&error))),
        }
    }

    /// Why the room that the command may make must not be made, if so.
    async fn taken_id(
        &self,
        command: &Command,
        room: &RoomName,
    ) -> Result<Option<Rejection>, EngineError> {
        if let Command::Move { to_room, .. } = command {
            return self.catalogue.objection(to_room).await;
        }
        if let Command::CreateRoom(_) = command {
            return self.catalogue.objection(room).await;
        }
        Ok(None)
    }

    /// A call that changes nothing: it reads what is in memory, and waits for nobody.
    fn read(&self, request: &Request) -> Result<Given, TwirpError> {
        if let Request::ListRooms(it) = request {
            return Ok(self.list_rooms(it).into());
        }
        if let Request::ListParticipants(it) = request {
            let room = self.engine.live(&name(&it.room)?).into_iter();
            return Ok(Listed::participants(room.flat_map(render::participants)).into());
        }
        if let Request::GetParticipant(RoomParticipantIdentity { room, identity, .. }) = request {
            let found = self.find(room, identity)?;
            return Ok(Reply::GetParticipant(found).into());
        }
        if let Request::ForwardParticipant(it) = request {
            return Err(self.forward(it));
        }
        if let Request::PerformRpc(it) = request {
            return Err(self.perform_rpc(it));
        }
        Err(no_answer(request.call()))
    }

    fn list_rooms(&self, it: &ListRoomsRequest) -> Listed {
        let shown = |room: Arc<Room>| render::room(&room);
        if it.names.is_empty() {
            return Listed::rooms(self.engine.live_rooms_after(None).filter_map(shown));
        }
        let names = it.names.iter();
        let names: BTreeSet<RoomName> = names.filter_map(|name| RoomName::new(name).ok()).collect();
        let engine = self.engine.clone();
        let rooms = names
            .into_iter()
            .filter_map(move |name| engine.live(&name))
            .filter_map(shown);
        Listed::rooms(rooms)
    }

    fn find(&self, room: &str, identity: &str) -> Result<ParticipantInfo, TwirpError> {
        let live = self.engine.live(&name(room)?);
        // What cannot be an identity is nobody's.
        let identity = Identity::new(identity).ok();
        live.zip(identity)
            .and_then(|(room, identity)| render::participant_of(&room, &identity))
            .ok_or_else(|| TwirpError::new(ErrorCode::NotFound, "participant does not exist"))
    }

    fn forward(&self, it: &ForwardParticipantRequest) -> TwirpError {
        if it.room == it.destination_room {
            let room = it.room.clone();
            return refusal::rejected(Call::ForwardParticipant, &Rejection::SameRoom { room });
        }
        self.needs_media(Call::ForwardParticipant, &it.room, &it.identity)
    }

    fn perform_rpc(&self, it: &PerformRpcRequest) -> TwirpError {
        if it.destination_identity.is_empty() {
            let words = "destination identity is required";
            return TwirpError::new(ErrorCode::InvalidArgument, words);
        }
        self.needs_media(Call::PerformRpc, &it.room, &it.destination_identity)
    }

    /// Only a media server can forward media, or ask a participant's program.
    fn needs_media(&self, call: Call, room: &str, identity: &str) -> TwirpError {
        self.find(room, identity).err().unwrap_or_else(|| {
            let call = call.name();
            let words = format!("{call} needs a media server, and this one keeps a ledger only");
            TwirpError::new(ErrorCode::Unimplemented, words)
        })
    }
}

/// The answer to a call that came to this: for a repeat, as of then.
fn answer(request: &Request, receipt: &Receipt) -> Result<Reply, TwirpError> {
    let call = request.call();
    if let Status::Refused(refused) = &receipt.status {
        return Err(refusal::refused(call, refused));
    }
    let room = receipt.room.as_deref();
    let info = || room.and_then(render::room).ok_or_else(|| no_answer(call));
    match request {
        Request::CreateRoom(_) => info().map(Reply::CreateRoom),
        Request::UpdateRoomMetadata(_) => info().map(Reply::UpdateRoomMetadata),
        Request::DeleteRoom(_) => Ok(Reply::DeleteRoom(DeleteRoomResponse {})),
        Request::RemoveParticipant(_) => Ok(Reply::RemoveParticipant(RemoveParticipantResponse {})),
        Request::UpdateParticipant(it) => {
            let identity = Identity::new(&it.identity).ok();
            let info = room.zip(identity);
            info.and_then(|(room, identity)| render::participant_of(room, &identity))
                .map(Reply::UpdateParticipant)
                .ok_or_else(|| no_answer(call))
        }
        Request::MutePublishedTrack(it) => room
            .and_then(|room| muted_track(room, it))
            .map(Reply::MutePublishedTrack)
            .ok_or_else(|| no_answer(call)),
        Request::UpdateSubscriptions(_) => {
            Ok(Reply::UpdateSubscriptions(UpdateSubscriptionsResponse {}))
        }
        Request::SendData(_) => Ok(Reply::SendData(SendDataResponse {})),
        Request::MoveParticipant(_) => Ok(Reply::MoveParticipant(MoveParticipantResponse {})),
        Request::ListRooms(_)
        | Request::ListParticipants(_)
        | Request::GetParticipant(_)
        | Request::ForwardParticipant(_)
        | Request::PerformRpc(_) => Err(no_answer(call)),
    }
}

fn muted_track(room: &Room, it: &MuteRoomTrackRequest) -> Option<MuteRoomTrackResponse> {
    let identity = Identity::new(&it.identity).ok()?;
    let live = room.live_of(&identity);
    let mut tracks = live
        .iter()
        .filter_map(|connection| connection.track_by_ref(&it.track_sid));
    Some(MuteRoomTrackResponse {
        track: Some(render::track(tracks.next()?)),
    })
}

fn name(room: &str) -> Result<RoomName, TwirpError> {
    RoomName::new(room).map_err(|error| refusal::not_a_name(&error))
}

/// The log says that it was done, and the state has nothing to show for it: a fault of ours.
fn no_answer(call: Call) -> TwirpError {
    let words = format!(
        "{} was carried out, but cannot be answered: report this",
        call.name()
    );
    TwirpError::new(ErrorCode::Internal, words)
}
