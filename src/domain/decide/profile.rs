//! Rules for names, metadata and attributes, by an admin or by the participants themselves.
//! Apart because both write the same fields under different rights.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::Draft;
use super::limits;
use super::rooms::before_of;
use crate::domain::command::{ProfileUpdate, UpdateParticipant};
use crate::domain::digest::Digest;
use crate::domain::event::{
    AttributesBefore, AttributesChange, Before, ByWhom, ProfileChanged, TextChange, Who,
};
use crate::domain::json;
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Connection, Text};

impl Draft<'_> {
    /// Profile first, then permission: one command, one commit.
    pub(super) fn update_participant(&mut self, it: &UpdateParticipant) -> Result<(), Rejection> {
        self.require_room()?;
        let found = self.resolve_others(&it.target)?;
        let who = self.who(&it.target, &found);
        let profile = self.change_profile(who.clone(), &found, &it.profile, ByWhom::Admin)?;
        let permission = match &it.permission {
            Some(update) => self.change_permission(who.clone(), update)?,
            None => false,
        };
        if !profile && !permission {
            self.no_effect(Some(who), "all that was given was so already");
        }
        Ok(())
    }

    /// A report: nothing is recorded where nothing changed.
    pub(super) fn update_own_profile(
        &mut self,
        id: &str,
        update: &ProfileUpdate,
    ) -> Result<(), Rejection> {
        let connection = self.open_connection(id)?;
        if !connection.permission.update_own_metadata {
            return Err(Rejection::NoRight {
                room: self.name(),
                who: self.identity_of(&connection),
                right: "update its own metadata".to_owned(),
                because: connection.permission_set,
            });
        }
        let who = Who::connection(connection.number);
        self.change_profile(who, &[connection], update, ByWhom::Itself)?;
        Ok(())
    }

    fn change_profile(
        &mut self,
        who: Who,
        found: &[Arc<Connection>],
        update: &ProfileUpdate,
        by: ByWhom,
    ) -> Result<bool, Rejection> {
        for connection in found {
            limits::merged(&update.attributes, &connection.attributes)?;
        }
        let name = text_change(found, update.name.as_deref(), |connection| &connection.name);
        let metadata = text_change(found, update.metadata.as_deref(), |connection| {
            &connection.metadata
        });
        let attributes = attributes_change(found, &update.attributes);
        if name.is_none() && metadata.is_none() && attributes.is_none() {
            return Ok(false);
        }
        self.push(ProfileChanged {
            who,
            name,
            metadata,
            attributes,
            by,
        });
        Ok(true)
    }
}

fn text_change(
    found: &[Arc<Connection>],
    value: Option<&str>,
    field: impl Fn(&Connection) -> &Text,
) -> Option<TextChange> {
    let value = value?;
    let before: Vec<_> = found
        .iter()
        .filter(|connection| *field(connection).value != *value)
        .map(|connection| (connection.number, before_of(field(connection))))
        .collect();
    (!before.is_empty()).then(|| TextChange {
        value: Personal::from(value),
        before,
    })
}

fn attributes_change(
    found: &[Arc<Connection>],
    update: &BTreeMap<String, Option<String>>,
) -> Option<AttributesChange> {
    let differs = |connection: &Connection| {
        update
            .iter()
            .any(|(key, value)| connection.attributes.get(key) != value.as_ref())
    };
    let before: Vec<_> = found
        .iter()
        .filter(|connection| differs(connection))
        .map(|connection| (connection.number, attributes_before(connection, update)))
        .collect();
    if before.is_empty() {
        return None;
    }
    let set = update
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
    let removed: BTreeSet<String> = update
        .iter()
        .filter(|(_, value)| value.is_none())
        .map(|(key, _)| key.clone())
        .collect();
    Some(AttributesChange {
        set: Personal::new(set.collect()),
        removed: Personal::new(removed),
        before,
    })
}

/// Attributes have no text of their own; their digest is that of their JSON, keys in order.
fn attributes_before(
    connection: &Connection,
    update: &BTreeMap<String, Option<String>>,
) -> AttributesBefore {
    let json = json::attributes(&connection.attributes);
    let set = update.keys().filter_map(|key| {
        let set = connection.attribute_versions.get(key)?;
        Some((key.clone(), *set))
    });
    AttributesBefore {
        all: Before {
            version: connection.attributes_set,
            digest: Digest::of(json.as_bytes()),
        },
        set: Personal::new(set.collect()),
    }
}
