//! What people tell of themselves, as bodies write it. Apart because joins, reports and commands
//! all read it; it knows no size.

use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::domain::command::ProfileUpdate;

/// Name, metadata and attributes, of which `null` drops one.
pub(super) fn profile(fields: &mut Fields) -> Result<ProfileUpdate, Wrong> {
    Ok(ProfileUpdate {
        name: fields.optional("name")?,
        metadata: fields.optional("metadata")?,
        attributes: fields.optional("attributes")?.unwrap_or_default(),
    })
}
