//! Settings of a room as commands write them. Apart for their number; absent ones stay, and `null`
//! clears where there is something to clear.

use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::permission_body::AskedPermission;
use crate::domain::Permission;
use crate::domain::command::ConfigPatch;
use crate::replay::view::PermissionPatchView;

/// The member `config`, if it is there.
pub(super) fn config(fields: &mut Fields) -> Result<ConfigPatch, Wrong> {
    let Some(mut fields) = fields.object("config")? else {
        return Ok(ConfigPatch::default());
    };
    let patch = ConfigPatch {
        empty_timeout_s: fields.optional("empty_timeout_s")?,
        departure_timeout_s: fields.optional("departure_timeout_s")?,
        max_participants: fields.optional("max_participants")?,
        enable_remote_unmute: fields.optional("enable_remote_unmute")?,
        duplicate_identity: fields.optional("duplicate_identity")?,
        not_before: fields.clearable("not_before")?,
        expires_at: fields.clearable("expires_at")?,
        eject_at_expiry: fields.optional("eject_at_expiry")?,
        eject_after_s: fields.clearable("eject_after_s")?,
        disabled: fields.optional("disabled")?,
        default_permission: match fields.clearable("default_permission")? {
            None => None,
            Some(None) => Some(None),
            Some(Some(AskedPermission(given))) => Some(Some(default_permission(&fields, &given)?)),
        },
        properties: fields.optional("properties")?.unwrap_or_default(),
    };
    fields.finish()?;
    Ok(patch)
}

/// What is absent is as in an empty grant. It is for everybody, so it can name nobody.
fn default_permission(fields: &Fields, given: &PermissionPatchView) -> Result<Permission, Wrong> {
    let names_somebody = given
        .receive
        .as_ref()
        .is_some_and(|receive| receive.by_participant.is_some() || receive.by_connection.is_some());
    if names_somebody {
        let problem = "cannot name participants or connections: give receive.base alone";
        return Err(fields.wrong("default_permission", problem));
    }
    let update = given
        .to_update()
        .map_err(|error| fields.wrong("default_permission", error))?;
    Ok(update.patch.apply(&Permission::standard()))
}
