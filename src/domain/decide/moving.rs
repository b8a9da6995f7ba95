//! Rules for moving somebody to another room: both rooms in one decision, both or neither.
//! Apart because it is the only command about two rooms.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, MoveDecision};
use super::draft::Draft;
use super::limits;
use super::target::numbers;
use crate::domain::command::{
    Command, ConfigPatch, Join, PermissionUpdate, ProfileUpdate, Request,
};
use crate::domain::event::{
    CloseCause, Closing, MoveRequested, PermissionGroup, PermissionsChanged, Reference, Selector,
    UpdateMode, Who,
};
use crate::domain::id::{ConnectionNumber, Identity, Version};
use crate::domain::limits::{MOVED_BYTES_MAX, TARGETS_MAX};
use crate::domain::patch::PermissionPatch;
use crate::domain::permission::{Permission, ReceiveRule};
use crate::domain::rejection::Rejection;
use crate::domain::state::{Connection, Room, Session};

/// Decides a move, under the destination's admission. Each live connection that is meant opens
/// anew there with its profile, its permission and the caller's own id. Rules about a person go
/// along by identity, and rules about connections that move too by their new numbers. What a rule
/// forbids of a connection that stays behind is forbidden of its person.
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
    source.require_movable(&found)?;
    limits::count("receive rules", found.iter().map(rules).sum(), TARGETS_MAX)?;
    let weights = found.iter().map(|connection| connection.weight());
    limits::bytes("all that moves along", weights.sum(), MOVED_BYTES_MAX)?;
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
    // Each join takes the next number.
    let first = to.next_connection.0;
    let renumbered = found.iter().map(|connection| connection.number);
    let renumbered: Renumbered = renumbered.zip((first..).map(ConnectionNumber)).collect();
    for connection in &found {
        destination.join(&rejoin(from, connection, &renumbered, requested))?;
    }
    let returned = found.iter().filter_map(|connection| {
        Some((
            predecessor(to, connection)?,
            *renumbered.get(&connection.number)?,
        ))
    });
    let cause = Reference {
        room: Some(from.name.clone()),
        version: requested,
    };
    destination.renumber_rules(&returned.collect(), cause);
    Ok(MoveDecision {
        from: source.finish(),
        to: destination.finish(),
    })
}

/// Numbers of connections, each with the number of the connection that continues it.
type Renumbered = BTreeMap<ConnectionNumber, ConnectionNumber>;

impl Draft<'_> {
    /// What serves a room stays in it: LiveKit refuses to move agents and egress.
    fn require_movable(&self, found: &[Arc<Connection>]) -> Result<(), Rejection> {
        let Some(connection) = found.iter().find(|connection| connection.is_dependent()) else {
            return Ok(());
        };
        let marked = connection.permission.agent || connection.permission.recorder;
        Err(Rejection::NotMovable {
            room: self.name(),
            who: self.identity_of(connection),
            because: if marked {
                connection.permission_set
            } else {
                connection.opened
            },
        })
    }

    /// Rules of those who are inside about a connection that was moved away and has come back go on
    /// to the connection that continues it.
    fn renumber_rules(&mut self, returned: &Renumbered, cause: Reference) {
        let mut groups: BTreeMap<(Arc<Permission>, Permission), Vec<ConnectionNumber>> =
            BTreeMap::new();
        let live = self.room.open_session().into_iter().flat_map(Session::live);
        for connection in live.filter(|_| !returned.is_empty()) {
            let before = &connection.permission;
            let rules = before.receive.by_connection.iter();
            let by_connection =
                rules.map(|(number, rule)| (*returned.get(number).unwrap_or(number), rule.clone()));
            let by_connection = by_connection.collect();
            if before.receive.by_connection != by_connection {
                let mut after = Permission::clone(before);
                after.receive.by_connection = by_connection;
                let alike = groups.entry((Arc::clone(before), after)).or_default();
                alike.push(connection.number);
            }
        }
        if groups.is_empty() {
            return;
        }
        let who = Who {
            asked: Selector::Chosen,
            connections: groups.values().flatten().copied().collect(),
        };
        let groups = groups.into_iter();
        let changed = PermissionsChanged {
            who: vec![who],
            mode: UpdateMode::Patch,
            request: vec![PermissionPatch::default()],
            groups: groups
                .map(|((before, after), numbers)| PermissionGroup {
                    before,
                    after: Arc::new(after),
                    connections: numbers.into_iter().collect(),
                })
                .collect(),
            unknown_targets: Vec::new(),
        };
        self.push_event(changed.into(), Some(cause));
    }
}

/// The connection of the destination that a moved one continues: the one that it was moved from,
/// or the one whose id comes back with it.
fn predecessor(to: &Room, connection: &Connection) -> Option<ConnectionNumber> {
    let direct = connection
        .moved_from
        .as_ref()
        .filter(|it| it.room == to.name);
    let by_alias = || {
        let alias = connection.alias.as_ref()?;
        let is_away = to.moved_aliases.contains_key(alias.as_str());
        Some(
            to.connection_by_ref(alias.as_str())
                .filter(|_| is_away)?
                .number,
        )
    };
    direct.map(|it| it.connection).or_else(by_alias)
}

fn rules(connection: &Arc<Connection>) -> usize {
    let receive = &connection.permission.receive;
    receive.by_participant.len() + receive.by_connection.len()
}

/// The same presence, as a join of the destination.
fn rejoin(
    from: &Room,
    connection: &Connection,
    renumbered: &Renumbered,
    requested: Version,
) -> Join {
    let identity = from
        .person(connection.participant)
        .map(|person| person.identity.clone());
    let attributes = connection.attributes.iter();
    Join {
        identity,
        alias: connection.alias.clone(),
        active: connection.was_active,
        kind: connection.kind,
        profile: ProfileUpdate {
            name: Some(connection.name.value.to_string()),
            metadata: Some(connection.metadata.value.to_string()),
            attributes: attributes
                .map(|(key, value)| (key.clone(), Some(value.clone())))
                .collect(),
        },
        permission: Some(carried(from, &connection.permission, renumbered)),
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

fn carried(from: &Room, permission: &Permission, renumbered: &Renumbered) -> PermissionUpdate {
    let by_person = permission.receive.by_participant.iter();
    let by_person = by_person
        .filter_map(|(number, rule)| Some((from.person(*number)?.identity.clone(), rule.clone())));
    let mut by_person: BTreeMap<Identity, ReceiveRule> = by_person.collect();
    let mut carried = permission.clone();
    carried.receive.by_connection.clear();
    for (number, rule) in &permission.receive.by_connection {
        if let Some(number) = renumbered.get(number) {
            carried.receive.by_connection.insert(*number, rule.clone());
            continue;
        }
        let forbidden = rule.prohibitions();
        if let Some(person) = owner(from, *number).filter(|_| forbidden != ReceiveRule::default()) {
            let rule = by_person.entry(person).or_default();
            *rule = std::mem::take(rule).overridden_by(forbidden);
        }
    }
    PermissionUpdate {
        patch: PermissionPatch::replacing(carried),
        receive_by_identity: Some(by_person),
        receive_by_connection: None,
    }
}

fn owner(room: &Room, number: ConnectionNumber) -> Option<Identity> {
    let connection = room.connection(number)?;
    Some(room.person(connection.participant)?.identity.clone())
}
