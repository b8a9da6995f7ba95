//! The only place that says no.
//!
//! A decision looks at a room, a request and a context, and gives events or a [`Rejection`]. It
//! reads nothing else and changes nothing. Each file holds the rules of one kind of command, as
//! methods of the decision being made (`draft`).

mod acting;
mod admission;
mod context;
mod draft;
mod limits;
mod moving;
mod people;
mod permissions;
mod profile;
mod refusal;
mod reports;
mod rooms;
mod target;
mod timers;
mod tracks;
mod words;

pub use context::{Context, Decision, MoveDecision};
pub use moving::decide_move;
pub use refusal::{is_of_room, refusal, target_text, with_refusal};

use self::draft::Draft;
use super::command::{Command, Request};
use super::id::{Id, Version};
use super::rejection::Rejection;
use super::state::{Room, session_sid};

/// Decides any request but a move.
///
/// # Errors
/// [`Rejection`] is the answer no; record it with [`refusal`].
pub fn decide(
    room: &Room,
    request: &Request,
    context: &Context<'_>,
) -> Result<Decision, Rejection> {
    let mut draft = Draft::new(room, request, context);
    let decided = draft.check_preconditions().and_then(|()| draft.dispatch());
    decided.map_err(Rejection::bounded)?;
    Ok(draft.finish())
}

impl Draft<'_> {
    /// The bounds of all that was given, the edge's objection, the expected version, the session
    /// that is meant, and the right of the connection that the command is given as.
    fn check_preconditions(&self) -> Result<(), Rejection> {
        words::check(self.request)?;
        if let Some(objection) = &self.request.objection {
            return Err(objection.clone());
        }
        if let Some(expected) = self.request.expected_version
            && (expected < self.room.changed || expected > self.room.version)
        {
            let actual = self.room.version;
            return Err(Rejection::VersionConflict {
                room: self.name(),
                expected,
                actual,
                because: Some(self.room.changed).filter(|changed| expected < *changed),
            });
        }
        if let Some(meant) = self.request.session
            && self.request.command != Command::EndSessionIfOpen
            && self.require_session()?.id != meant
        {
            return Err(Rejection::SessionOver {
                room: self.name(),
                session: session_sid(meant),
                because: self.ended(meant),
            });
        }
        self.require_admin_right()
    }

    /// The end of that session, where it is the one that is kept.
    fn ended(&self, meant: Id) -> Option<Version> {
        let kept = self.room.session.as_ref()?;
        kept.ended
            .filter(|_| kept.id == meant)
            .map(|ended| ended.version)
    }

    fn dispatch(&mut self) -> Result<(), Rejection> {
        let request = self.request;
        match &request.command {
            Command::CreateRoom(it) => self.create_room(it),
            Command::UpdateRoom(it) => self.update_room(it),
            Command::DeleteRoom => self.delete_room(),
            Command::EndSession | Command::EndSessionIfOpen => self.end_session(),
            Command::UpdateParticipant(it) => self.update_participant(it),
            Command::UpdatePermissions(it) => self.update_permissions(it),
            Command::MuteTrack(it) => self.mute_track(it),
            Command::Remove(it) => self.remove(it),
            Command::RemoveEach(all) => self.remove_each(all),
            Command::Ban { identity, until } => self.ban(identity, *until),
            Command::Unban { identity } => self.unban(identity),
            Command::RevokeTokens { identity, before } => {
                self.revoke_tokens(identity.as_ref(), *before)
            }
            Command::LiftRevocation { identity } => self.lift_revocation(identity.as_ref()),
            Command::Move { .. } => Err(needs_both_rooms()),
            Command::UpdateSubscriptions {
                target,
                tracks,
                subscribe,
            } => self.update_subscriptions(target, tracks, *subscribe),
            Command::SendData(it) => self.send_data(it),
            Command::SetSessionData {
                data,
                merge,
                delete_keys,
            } => self.set_session_data(data, *merge, delete_keys),
            Command::AddNote { about, text } => self.add_note(about, text),
            Command::Join(it) => self.join(it),
            Command::Activate(id) => self.activate(id),
            Command::Interrupt(id) => self.interrupt(id),
            Command::Resume(id) => self.resume(id),
            Command::Leave { connection, reason } => self.leave(connection, reason.as_deref()),
            Command::PublishTrack(it) => self.publish_track(it),
            Command::UpdateTrack {
                connection,
                track,
                muted,
                name,
                shape,
            } => self.update_track(connection, track, *muted, name.as_deref(), shape.as_ref()),
            Command::UnpublishTrack { connection, track } => {
                self.unpublish_track(connection, track)
            }
            Command::UpdateOwnProfile {
                connection,
                profile,
            } => self.update_own_profile(connection, profile),
            Command::ReportActivity { items } => self.report_activity(items),
            Command::CloseLost {
                reporter,
                as_of,
                listed,
            } => {
                self.close_lost(reporter, *as_of, listed);
                Ok(())
            }
            Command::Unread(name) => Err(Rejection::Invalid {
                what: (*name).into(),
                problem: "it could not be read".to_owned(),
            }),
            Command::Tick => {
                self.tick();
                Ok(())
            }
        }
    }
}

fn needs_both_rooms() -> Rejection {
    Rejection::Invalid {
        what: "move".into(),
        problem: "it needs both rooms: decide it with decide_move".to_owned(),
    }
}

/// The number of these rules, recorded with every command.
pub const RULESET: u16 = 1;
