//! The record of a no. Apart because refusing and recording the refusal are two steps: the first
//! is the rules' business, where the second goes is the shell's.

use super::context::{Context, Decision};
use super::draft::Draft;
use super::target::{kept, selector, unknown};
use crate::domain::command::{Command, Request, Target};
use crate::domain::digest::Digest;
use crate::domain::event::CommandRefused;
use crate::domain::id::RoomName;
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::state::Room;

/// The events that record a refusal of a request of that digest and size.
///
/// They belong into the room where [`is_of_room`] says so, and a join that the room's own rules
/// refuse registers its identity there first; else they belong into the system stream, and name
/// nobody by number.
pub fn refusal(
    room: &Room,
    request: &Request,
    rejection: &Rejection,
    context: &Context<'_>,
    (digest, bytes): (Digest, u64),
) -> Decision {
    let mut draft = Draft::new(room, request, context);
    let target = target_of(&request.command);
    let is_of_room = is_of_room(room, request);
    if let (Command::Join(join), true) = (&request.command, is_of_room)
        && let Some(identity) = &join.identity
        && request.objection.is_none()
    {
        draft.register(identity);
    }
    let who = target.map(|target| {
        if is_of_room {
            selector(&draft.room, &target)
        } else {
            unknown(&target)
        }
    });
    let because = rejection.because(is_of_room.then_some(&room.name));
    let refused = CommandRefused {
        command: request.command.name().to_owned(),
        room: (!is_of_room).then(|| room.name.clone()),
        to_room: destination_of(&request.command).filter(|_| !is_of_room),
        who,
        codes: rejection
            .reasons()
            .iter()
            .map(|no| no.code().as_str().to_owned())
            .collect(),
        reason: Personal::new(rejection.decisive()),
        because,
        request_digest: digest,
        request_bytes: bytes,
    };
    draft.push(refused);
    draft.finish()
}

impl Request {
    /// Whether the caller's token does not grant it. The record of that stands in the system
    /// stream, so that a caller without a right in a room changes nothing in it, and costs no read
    /// of it.
    pub const fn is_denied(&self) -> bool {
        matches!(self.objection, Some(Rejection::NotGranted { .. }))
    }
}

/// Whether a refusal stands in the room's own stream: where there is the room, and the caller has
/// a right in it.
pub const fn is_of_room(room: &Room, request: &Request) -> bool {
    room.life.is_some() && !request.is_denied()
}

/// The whole of a decision: with the record of its no after the events, where it came with one.
pub fn with_refusal(
    decision: Decision,
    request: &Request,
    context: &Context<'_>,
    asked: (Digest, u64),
) -> Decision {
    let Some(no) = &decision.refused else {
        return decision;
    };
    let record = refusal(&decision.room, request, no, context, asked);
    Decision {
        events: [decision.events, record.events].concat(),
        room: record.room,
        refused: decision.refused,
    }
}

fn destination_of(command: &Command) -> Option<RoomName> {
    if let Command::Move { to_room, .. } = command {
        Some(to_room.clone())
    } else {
        None
    }
}

/// Whom a command means, where it means one: as much of what was written as an id may have.
pub fn target_text(command: &Command) -> Option<String> {
    target_of(command).map(|target| kept(&target))
}

/// Whom a command means, where it means one.
fn target_of(command: &Command) -> Option<Target> {
    match command {
        Command::UpdateParticipant(it) => Some(it.target.clone()),
        Command::MuteTrack(it) => Some(it.target.clone()),
        Command::Remove(it) => Some(it.target.clone()),
        Command::Ban { identity, .. } | Command::Unban { identity } => {
            Some(Target::Identity(identity.clone()))
        }
        Command::RevokeTokens { identity, .. } | Command::LiftRevocation { identity } => {
            identity.clone().map(Target::Identity)
        }
        Command::Move { target, .. } | Command::UpdateSubscriptions { target, .. } => {
            Some(target.clone())
        }
        Command::Join(it) => it.identity.clone().map(Target::Identity),
        Command::Activate(id)
        | Command::Interrupt(id)
        | Command::Resume(id)
        | Command::Leave { connection: id, .. }
        | Command::UpdateTrack { connection: id, .. }
        | Command::UnpublishTrack { connection: id, .. }
        | Command::UpdateOwnProfile { connection: id, .. } => Some(Target::Connection(id.clone())),
        Command::PublishTrack(it) => Some(Target::Connection(it.connection.clone())),
        Command::RemoveEach(all) if all.len() == 1 => all.first().map(|it| it.target.clone()),
        Command::UpdatePermissions(it) if it.targets.len() == 1 => {
            it.targets.keys().next().cloned()
        }
        Command::CreateRoom(_)
        | Command::UpdateRoom(_)
        | Command::DeleteRoom
        | Command::EndSession
        | Command::EndSessionIfOpen
        | Command::RemoveEach(_)
        | Command::UpdatePermissions(_)
        | Command::SendData(_)
        | Command::SetSessionData { .. }
        | Command::AddNote { .. }
        | Command::ReportActivity { .. }
        | Command::CloseLost { .. }
        | Command::Unread(_)
        | Command::Tick => None,
    }
}
