//! A permission in a few letters: `publish:microphone, data, receive`. Apart, since several columns
//! show it. Never tells all of it: `-o json` does.

use crate::replay::view::{AllowedView, PermissionView};

/// What somebody may do, in short.
pub(super) fn in_short(permission: &PermissionView) -> String {
    let mut rights = Vec::new();
    if permission.send.enabled {
        match &permission.send.allowed {
            AllowedView::All => rights.push("publish".to_owned()),
            AllowedView::Listed(sources) => {
                let named = sources
                    .iter()
                    .map(|source| format!("publish:{}", source.as_str()));
                rights.extend(named);
            }
        }
    }
    let marks = [
        (permission.data, "data"),
        (!permission.admin.is_empty(), "admin"),
        (!permission.presence, "hidden"),
        (permission.recorder, "recorder"),
        (permission.agent, "agent"),
    ];
    let marked = marks.iter().filter(|(holds, _)| *holds);
    rights.extend(marked.map(|(_, name)| (*name).to_owned()));
    rights.join(", ")
}
