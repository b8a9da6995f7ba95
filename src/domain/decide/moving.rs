//! Rules for moving somebody to another room: both rooms in one decision, both or neither.
//! Apart because it is the only command about two rooms.

use std::collections::BTreeMap;

use super::context::{Context, MoveDecision};
use super::draft::Draft;
use super::target::numbers;
use crate::domain::command::{
    Command, ConfigPatch, Join, PermissionUpdate, ProfileUpdate, Request,
};
use crate::domain::event::{CloseCause, Closing, MoveRequested};
use crate::domain::id::Version;
use crate::domain::patch::PermissionPatch;
use crate::domain::permission::Permission;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Connection, Room};

/// Decides a move, under the destination's admission. Each live connection that is meant opens
/// anew there with its profile and permission; rules about single others stay behind, since they
/// name people of the room that is left.
///
/// # Errors
/// [`Rejection`] of either room; nothing happens in either then.
pub fn decide_move(
    from: &Room,
    to: &Room,
    request: &Request,
    context: &Context<'_>,
) -> Result<MoveDecision, Rejection> {
    let Command::Move { target, to_room } = &request.command else {
        let problem = format!(
            "{} is no move: decide it with decide",
            request.command.name()
        );
        return Err(Rejection::Invalid {
            what: "command".into(),
            problem,
        });
    };
    let mut source = Draft::new(from, request, context);
    source.check_preconditions()?;
    if *to_room == from.name {
        return Err(Rejection::SameRoom {
            room: source.name(),
        });
    }
    source.require_room()?;
    let found = source.resolve(target)?;
    let who = source.who(target, &found);
    if found.is_empty() {
        source.no_effect(Some(who), "nobody is inside");
        return Ok(MoveDecision {
            from: source.finish(),
            to: Draft::new(to, request, context).finish(),
        });
    }
    let asked = who.asked.clone();
    let requested = source.push(MoveRequested {
        who,
        to_room: to_room.clone(),
    });
    let closing = Closing {
        cause: CloseCause::Moved,
        reported_reason: None,
        due_at: None,
    };
    source.close(asked, &numbers(&found), closing, Some(requested));

    let mut destination = Draft::new(to, request, context);
    for connection in &found {
        let join = rejoin(from, connection, to, requested);
        destination.join(&join)?;
    }
    Ok(MoveDecision {
        from: source.finish(),
        to: destination.finish(),
    })
}

/// The same presence, as a join of the destination.
fn rejoin(from: &Room, connection: &Connection, to: &Room, requested: Version) -> Join {
    let identity = from
        .person(connection.participant)
        .map(|person| person.identity.clone());
    let attributes = connection.attributes.iter();
    Join {
        identity,
        alias: connection
            .alias
            .clone()
            .filter(|alias| !to.is_taken(alias.as_str())),
        active: connection.was_active,
        kind: connection.kind,
        profile: ProfileUpdate {
            name: Some(connection.name.value.to_string()),
            metadata: Some(connection.metadata.value.to_string()),
            attributes: attributes
                .map(|(key, value)| (key.clone(), Some(value.clone())))
                .collect(),
        },
        permission: Some(carried(&connection.permission)),
        credential: connection.credential.as_ref().clone(),
        reporter: connection.reporter.as_deref().map(str::to_owned),
        eject_at: connection.eject_at,
        eject_after_s: None,
        config: ConfigPatch::default(),
        room_metadata: None,
        unheeded: BTreeMap::new(),
        moved_from: Some((from.name.clone(), connection.number, requested)),
    }
}

fn carried(permission: &Permission) -> PermissionUpdate {
    let mut carried = permission.clone();
    carried.receive.by_participant.clear();
    carried.receive.by_connection.clear();
    PermissionUpdate {
        patch: PermissionPatch::replacing(carried),
        receive_by_identity: None,
        receive_by_connection: None,
    }
}
