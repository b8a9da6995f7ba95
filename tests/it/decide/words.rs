//! The words of the tables that stand for permissions, profiles and people.

use std::collections::BTreeMap;

use roomledger::domain::command::{PermissionUpdate, ProfileUpdate, UpdatePermissions};
use roomledger::domain::event::UpdateMode;
use roomledger::domain::{
    AdminRight, Allowed, Command, Identity, PermissionPatch, Rejection, Source, Target,
};

pub(super) fn permit(targets: &str, words: &[&str]) -> Command {
    let on = |key| value(words, key).map(|word: &str| word == "on");
    let patch = PermissionPatch {
        send_enabled: on("send"),
        send_allowed: value(words, "only").map(|_| Allowed::Listed(vec![Source::Camera])),
        data: on("data"),
        agent: on("agent"),
        admin: words
            .contains(&"admin")
            .then(|| [AdminRight::Participants].into()),
        update_own_metadata: on("own"),
        ..PermissionPatch::default()
    };
    // `*,bob` changes both alike; `*|bob` names bob with nothing to change.
    let empty = PermissionUpdate::default();
    let update = PermissionUpdate {
        patch,
        ..PermissionUpdate::default()
    };
    let mut aimed = BTreeMap::new();
    for (at, name) in targets.split(['|', ',']).enumerate() {
        let spared = at > 0 && targets.contains('|');
        aimed.insert(
            target(name),
            if spared {
                empty.clone()
            } else {
                update.clone()
            },
        );
    }
    Command::UpdatePermissions(UpdatePermissions {
        mode: if words.contains(&"whole") {
            UpdateMode::Replace
        } else {
            UpdateMode::Patch
        },
        targets: aimed,
        refuse_unknown: !words.contains(&"leniently"),
    })
}

pub(super) fn profile(words: &[&str]) -> ProfileUpdate {
    let mut update = ProfileUpdate::default();
    for word in words {
        match word.split_once('=') {
            Some(("name", value)) => update.name = Some(value.to_owned()),
            Some(("metadata", value)) => update.metadata = Some(value.to_owned()),
            Some((key, value)) => {
                update
                    .attributes
                    .insert(key.to_owned(), Some(value.to_owned()));
            }
            None => {
                update.attributes.insert((*word).to_owned(), None);
            }
        }
    }
    update
}

pub(super) fn target(word: &str) -> Target {
    if word == "*" {
        Target::Everyone
    } else {
        Target::Identity(identity(word))
    }
}

pub(super) fn identity(word: &str) -> Identity {
    Identity::new(word).unwrap()
}

pub(super) fn value<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    words
        .iter()
        .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// Settings that only a dialect knows.
pub(super) fn properties(words: &[&str]) -> BTreeMap<String, String> {
    let said = ["p", "q"].map(|key| Some((key.to_owned(), value(words, key)?.to_owned())));
    said.into_iter().flatten().collect()
}

/// The codes of a refusal.
pub(super) fn refused(no: &Rejection) -> String {
    let codes: Vec<&str> = no
        .reasons()
        .iter()
        .map(|reason| reason.code().as_str())
        .collect();
    format!("! {}", codes.join(" "))
}
