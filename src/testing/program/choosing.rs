//! Which command a step stands for, and the conditions beside it. Apart because it is the one place
//! that weighs the commands against each other.

use super::choices::Draw;
use super::scene::{Scene, connection_id};
use super::step::Step;
use super::{admin, reports};
use crate::domain::state::{Connection, ConnectionState};
use crate::domain::{AdminRight, Command, Id, Request, Room, Timestamp, Version};

impl Step {
    /// The request that this step stands for in the first of these rooms; a move leads to the
    /// second.
    pub fn request(&self, rooms: [&Room; 2], now: Timestamp) -> Request {
        let scene = Scene::new(rooms, now);
        let mut draw = Draw::new(self.choices);
        let choice = self.choice(&scene);
        let command = self.make(choice, &scene, &mut draw);
        let mut request = Request::new(scene.room.name.clone(), command);
        // Drawn from the entropy: the command may have used all of the choices.
        let [condition, value, ..] = self.entropy.to_le_bytes();
        match condition % 32 {
            18..=28 if choice.is_of_participants() => {
                request.as_connection = Some(acting(&scene, &mut draw, value));
            }
            29 if choice.is_admins() => {
                request.as_connection = Some(acting(&scene, &mut draw, value));
            }
            30 => request.expected_version = Some(expected(scene.room, value)),
            31 => request.session = Some(meant(scene.room, value)),
            20..=25 if !choice.is_admins() => {
                request.occurred_at = Some(scene.at(4 - i64::from(value % 32)));
            }
            _ => {}
        }
        request
    }

    fn choice(&self, scene: &Scene<'_>) -> Choice {
        let is_wild = self.choices.is_wild();
        let weighed = Choice::ALL
            .map(|(choice, weight)| (choice, weight * u32::from(is_wild || choice.fits(scene))));
        let all: u32 = weighed.iter().map(|(_, weight)| weight).sum();
        let mut left = u32::from(self.command) * all / (u32::from(u8::MAX) + 1);
        for (choice, weight) in weighed {
            if left < weight {
                return choice;
            }
            left -= weight;
        }
        Choice::Join
    }

    fn make(&self, choice: Choice, scene: &Scene<'_>, draw: &mut Draw) -> Command {
        match choice {
            Choice::Join => reports::join(scene, draw, self.entropy),
            Choice::PublishTrack => reports::publish_track(scene, draw, self.entropy),
            Choice::UpdateTrack => reports::update_track(scene, draw),
            Choice::UnpublishTrack => reports::unpublish_track(scene, draw),
            Choice::Activate => reports::activate(scene, draw),
            Choice::Interrupt => reports::interrupt(scene, draw),
            Choice::Resume => reports::resume(scene, draw),
            Choice::Leave => reports::leave(scene, draw),
            Choice::UpdateOwnProfile => reports::update_own_profile(scene, draw),
            Choice::ReportActivity => reports::report_activity(scene, draw),
            Choice::CloseLost => reports::close_lost(scene, draw),
            Choice::CreateRoom => admin::create_room(scene, draw),
            Choice::UpdateRoom | Choice::OpenRoom => admin::update_room(scene, draw),
            Choice::DeleteRoom => Command::DeleteRoom,
            Choice::EndSession => Command::EndSession,
            Choice::EndSessionIfOpen => Command::EndSessionIfOpen,
            Choice::UpdateParticipant => admin::update_participant(scene, draw),
            Choice::UpdatePermissions => admin::update_permissions(scene, draw),
            Choice::MuteTrack => admin::mute_track(scene, draw),
            Choice::Remove => admin::remove(scene, draw),
            Choice::RemoveEach => admin::remove_each(scene, draw),
            Choice::Ban => admin::ban(scene, draw),
            Choice::Unban => admin::unban(scene, draw),
            Choice::RevokeTokens => admin::revoke_tokens(scene, draw),
            Choice::LiftRevocation | Choice::LiftOneOfTwo => admin::lift_revocation(scene, draw),
            Choice::Move => admin::move_to_other(scene, draw, |one| admin::is_tied(scene, one)),
            Choice::MoveFromRules => admin::move_to_other(scene, draw, |one| scene.is_ruled(one)),
            Choice::MoveBack => {
                admin::move_to_other(scene, draw, |one| scene.is_ruled_elsewhere(one))
            }
            Choice::UpdateSubscriptions => admin::update_subscriptions(scene, draw),
            Choice::SendData => admin::send_data(scene, draw),
            Choice::SetSessionData => admin::set_session_data(draw),
            Choice::AddNote => admin::add_note(scene, draw),
        }
    }
}

/// A command by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Join,
    PublishTrack,
    UpdateTrack,
    UnpublishTrack,
    Activate,
    Interrupt,
    Resume,
    Leave,
    UpdateOwnProfile,
    ReportActivity,
    CloseLost,
    CreateRoom,
    UpdateRoom,
    OpenRoom,
    DeleteRoom,
    EndSession,
    EndSessionIfOpen,
    UpdateParticipant,
    UpdatePermissions,
    MuteTrack,
    Remove,
    RemoveEach,
    Ban,
    Unban,
    RevokeTokens,
    LiftRevocation,
    LiftOneOfTwo,
    Move,
    MoveFromRules,
    MoveBack,
    UpdateSubscriptions,
    SendData,
    SetSessionData,
    AddNote,
}

impl Choice {
    /// Each with its weight. Joins and tracks come often, since the rest acts on them; ends come
    /// seldom, and what the room seldom makes possible comes often where it does.
    const ALL: [(Self, u32); 34] = [
        (Self::Join, 24),
        (Self::PublishTrack, 22),
        (Self::UpdateTrack, 8),
        (Self::UnpublishTrack, 5),
        (Self::Activate, 5),
        (Self::Interrupt, 4),
        (Self::Resume, 9),
        (Self::Leave, 8),
        (Self::UpdateOwnProfile, 6),
        (Self::ReportActivity, 3),
        (Self::CloseLost, 4),
        (Self::CreateRoom, 5),
        (Self::UpdateRoom, 6),
        (Self::OpenRoom, 24),
        (Self::DeleteRoom, 1),
        (Self::EndSession, 1),
        (Self::EndSessionIfOpen, 1),
        (Self::UpdateParticipant, 10),
        (Self::UpdatePermissions, 18),
        (Self::MuteTrack, 10),
        (Self::Remove, 4),
        (Self::RemoveEach, 4),
        (Self::Ban, 3),
        (Self::Unban, 4),
        (Self::RevokeTokens, 5),
        (Self::LiftRevocation, 3),
        (Self::LiftOneOfTwo, 16),
        (Self::Move, 14),
        (Self::MoveFromRules, 40),
        (Self::MoveBack, 240),
        (Self::UpdateSubscriptions, 6),
        (Self::SendData, 4),
        (Self::SetSessionData, 5),
        (Self::AddNote, 4),
    ];

    /// Whether the room makes it possible.
    fn fits(self, scene: &Scene<'_>) -> bool {
        let room = scene.room;
        let is_there = room.life.is_some();
        match self {
            Self::Join | Self::CreateRoom => true,
            Self::PublishTrack
            | Self::Activate
            | Self::Interrupt
            | Self::UpdateParticipant
            | Self::UpdatePermissions
            | Self::Remove
            | Self::RemoveEach
            | Self::Move => !scene.live.is_empty(),
            Self::UpdateTrack
            | Self::UnpublishTrack
            | Self::MuteTrack
            | Self::UpdateSubscriptions => scene.has(|one| !one.tracks.is_empty()),
            Self::Resume => scene.has(|one| one.state == ConnectionState::Interrupted),
            Self::Leave => room.session.is_some(),
            Self::UpdateOwnProfile => scene.has(|one| one.permission.update_own_metadata),
            Self::CloseLost => scene.has(|one| one.reporter.is_some()),
            Self::UpdateRoom
            | Self::DeleteRoom
            | Self::ReportActivity
            | Self::Ban
            | Self::RevokeTokens => is_there,
            Self::OpenRoom => is_there && scene.is_shut(),
            Self::EndSession | Self::SendData | Self::SetSessionData => {
                room.open_session().is_some()
            }
            Self::EndSessionIfOpen => is_there && room.session.is_some(),
            Self::Unban => is_there && !scene.banned().is_empty(),
            Self::LiftRevocation => is_there && !scene.revoked().is_empty(),
            Self::MoveFromRules => scene.has(|one| scene.is_ruled(one)),
            Self::MoveBack => scene.has(|one| scene.is_ruled_elsewhere(one)),
            Self::LiftOneOfTwo => is_there && scene.is_revoked_twice(),
            Self::AddNote => room.version > Version(0),
        }
    }

    /// Whether the right to administer participants covers it.
    const fn is_of_participants(self) -> bool {
        matches!(
            self,
            Self::UpdateParticipant
                | Self::UpdatePermissions
                | Self::MuteTrack
                | Self::Remove
                | Self::RemoveEach
        )
    }

    /// Whether an administrator gives it, and no media server reports it.
    const fn is_admins(self) -> bool {
        !matches!(
            self,
            Self::Join
                | Self::PublishTrack
                | Self::UpdateTrack
                | Self::UnpublishTrack
                | Self::Activate
                | Self::Interrupt
                | Self::Resume
                | Self::Leave
                | Self::UpdateOwnProfile
                | Self::ReportActivity
                | Self::CloseLost
        )
    }
}

/// Mostly somebody who may administer.
fn acting(scene: &Scene<'_>, draw: &mut Draw, value: u8) -> String {
    let right = |one: &Connection| one.permission.admin.contains(&AdminRight::Participants);
    let rightful: Vec<_> = scene.live.iter().filter(|one| right(one)).collect();
    let chosen = if rightful.is_empty() || value.is_multiple_of(4) {
        scene.live.get(usize::from(value) % scene.live.len().max(1))
    } else {
        let at = usize::from(value) % rightful.len();
        rightful.get(at).copied()
    };
    match chosen {
        Some(one) => connection_id(one, draw),
        None => scene.closed_connection(draw),
    }
}

/// The room as it is, as it last changed, or an event too early or too late.
fn expected(room: &Room, value: u8) -> Version {
    match value % 8 {
        0 => Version(room.changed.0.saturating_sub(1)),
        1 => room.version.next(),
        2 | 3 => room.version,
        _ => room.changed,
    }
}

/// The open session, mostly.
fn meant(room: &Room, value: u8) -> Id {
    match &room.session {
        Some(session) if !value.is_multiple_of(4) => session.id,
        _ => Id(value.into()),
    }
}
