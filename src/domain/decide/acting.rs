//! What a command may do that is given as a connection. Apart because the table is a rule of its
//! own: which admin right covers which command.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::draft::Draft;
use crate::domain::command::{Command, PermissionUpdate, ProfileUpdate, Remove, Target};
use crate::domain::permission::AdminRight;
use crate::domain::rejection::Rejection;
use crate::domain::state::Connection;

impl Draft<'_> {
    /// A command that is given as a connection needs the admin right for that very command.
    pub(super) fn require_admin_right(&self) -> Result<(), Rejection> {
        let Some(id) = &self.request.as_connection else {
            return Ok(());
        };
        let connection = self.open_connection(id)?;
        let command = &self.request.command;
        let right = match right_for(command) {
            Some(right) if !connection.permission.admin.contains(&right) => {
                format!("give the command {}", command.name())
            }
            Some(_) if self.changes_own_permission(&connection) => {
                "change its own permission".to_owned()
            }
            Some(_) if gives_more(command, &connection.permission.admin) => {
                "give an admin right that it lacks itself".to_owned()
            }
            Some(_) => return Ok(()),
            None => format!("give {}: no admin right covers it", described(command)),
        };
        Err(Rejection::NoRight {
            room: self.name(),
            who: self.identity_of(&connection),
            right,
            because: connection.permission_set,
        })
    }

    /// Whose permissions a command changes. `*` of a command given as a connection means the
    /// others: no right covers a change of one's own.
    pub(super) fn resolve_others(
        &self,
        target: &Target,
    ) -> Result<Vec<Arc<Connection>>, Rejection> {
        self.without_own(target, self.resolve(target)?)
    }

    /// What a target came to, less the people that its `*` leaves out.
    pub(super) fn without_own(
        &self,
        target: &Target,
        mut found: Vec<Arc<Connection>>,
    ) -> Result<Vec<Arc<Connection>>, Rejection> {
        if let (Target::Everyone, Some(id)) = (target, &self.request.as_connection) {
            let own = self.open_connection(id)?.participant;
            found.retain(|connection| connection.participant != own);
        }
        Ok(found)
    }

    fn changes_own_permission(&self, acting: &Connection) -> bool {
        let names_acting = |target: &Target| match target {
            Target::Everyone => false,
            Target::Identity(identity) => self
                .room
                .by_identity
                .get(identity)
                .is_some_and(|number| *number == acting.participant),
            Target::Connection(id) => self
                .room
                .connection_by_ref(id)
                .is_some_and(|meant| meant.participant == acting.participant),
        };
        let command = &self.request.command;
        if let Command::UpdatePermissions(it) = command {
            return it.targets.keys().any(names_acting);
        }
        matches!(command, Command::UpdateParticipant(it) if names_acting(&it.target))
    }
}

/// The admin right that covers a command; `None` where none does. Streaming and transcription are
/// a media server's business: no command of the ledger starts either.
fn right_for(command: &Command) -> Option<AdminRight> {
    let covered = match command {
        Command::MuteTrack(_) | Command::UpdatePermissions(_) => true,
        Command::Remove(it) => only_removes(it),
        Command::RemoveEach(all) => all.iter().all(only_removes),
        Command::UpdateParticipant(it) => {
            it.permission.is_some() && it.profile == ProfileUpdate::default()
        }
        Command::CreateRoom(_)
        | Command::UpdateRoom(_)
        | Command::DeleteRoom
        | Command::EndSession
        | Command::EndSessionIfOpen
        | Command::Ban { .. }
        | Command::Unban { .. }
        | Command::RevokeTokens { .. }
        | Command::LiftRevocation { .. }
        | Command::Move { .. }
        | Command::UpdateSubscriptions { .. }
        | Command::SendData(_)
        | Command::SetSessionData { .. }
        | Command::AddNote { .. }
        | Command::Join(_)
        | Command::Activate(_)
        | Command::Interrupt(_)
        | Command::Resume(_)
        | Command::Leave { .. }
        | Command::PublishTrack(_)
        | Command::UpdateTrack { .. }
        | Command::UnpublishTrack { .. }
        | Command::UpdateOwnProfile { .. }
        | Command::ReportActivity { .. }
        | Command::CloseLost { .. }
        | Command::Unread(_)
        | Command::Tick => false,
    };
    covered.then_some(AdminRight::Participants)
}

/// Whether a command gives an admin right that is none of these.
fn gives_more(command: &Command, own: &BTreeSet<AdminRight>) -> bool {
    let gives_more = |update: &PermissionUpdate| {
        let given = update.patch.admin.as_ref();
        given.is_some_and(|given| !given.is_subset(own))
    };
    if let Command::UpdatePermissions(it) = command {
        return it.targets.values().any(gives_more);
    }
    let Command::UpdateParticipant(it) = command else {
        return false;
    };
    it.permission.as_ref().is_some_and(gives_more)
}

/// Whether somebody is disconnected and may come back: to keep them out is the room's business.
const fn only_removes(it: &Remove) -> bool {
    !it.ban && it.revoke_before.is_none()
}

/// A command with what takes it out of the reach of a right that covers others of its name.
fn described(command: &Command) -> String {
    let name = command.name();
    let more = if matches!(command, Command::Remove(_) | Command::RemoveEach(_)) {
        " with a ban or a revocation"
    } else if matches!(command, Command::UpdateParticipant(_)) {
        " for more than a permission"
    } else {
        ""
    };
    format!("the command {name}{more}")
}
