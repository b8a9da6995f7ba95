//! What a permission change came to, in words: each right that differs, before and after.
//! Apart because it is what reviewers of an incident read first.

use std::collections::BTreeSet;

use super::clause::{Clause, counted};
use super::people::{one, whom};
use crate::domain::event::{PermissionGroup, PermissionsChanged};
use crate::domain::{AdminRight, Allowed, Permission, Personal};
use crate::replay::view::resolve::Resolver;

pub(super) fn changed(it: &PermissionsChanged, resolver: &Resolver<'_>) -> Clause {
    let whose = match it.who.as_slice() {
        [who] => whom(who, resolver),
        several => counted(several.len(), "target"),
    };
    let mut what: Vec<String> = match it.groups.as_slice() {
        [group] => vec![differences(&group.before, &group.after)],
        several => several
            .iter()
            .map(|each| of_group(each, resolver))
            .collect(),
    };
    if !it.unknown_targets.is_empty() {
        let unknown = it.unknown_targets.iter().map(Personal::as_str);
        let unknown: Vec<&str> = unknown.collect();
        what.push(format!("not there: {}", unknown.join(", ")));
    }
    Clause::Told(format!("changed what {whose} may do"), what.join("; "))
}

fn of_group(group: &PermissionGroup, resolver: &Resolver<'_>) -> String {
    let mut numbers = group.connections.iter();
    let whose = match (numbers.next(), numbers.next()) {
        (Some(number), None) => one(number, resolver),
        _ => counted(group.connections.len(), "connection"),
    };
    format!("{whose} {}", differences(&group.before, &group.after))
}

fn differences(before: &Permission, after: &Permission) -> String {
    let rights: [(&str, Right); 8] = [
        ("presence", |rights| rights.presence),
        ("send", |rights| rights.send.enabled),
        ("data", |rights| rights.data),
        ("update own metadata", |rights| rights.update_own_metadata),
        ("subscribe metrics", |rights| rights.subscribe_metrics),
        ("manage agent session", |rights| rights.manage_agent_session),
        ("recorder", |rights| rights.recorder),
        ("agent", |rights| rights.agent),
    ];
    let switched = rights
        .into_iter()
        .filter(|(_, right)| right(before) != right(after))
        .map(|(name, right)| format!("{name} {}", if right(after) { "on" } else { "off" }));
    let mut found: Vec<String> = switched.collect();
    if before.send.allowed != after.send.allowed {
        let (from, to) = (sources(&before.send.allowed), sources(&after.send.allowed));
        found.push(format!("sources {from} to {to}"));
    }
    if before.receive != after.receive {
        let (from, to) = (before.receive.any(), after.receive.any());
        found.push(match (from, to) {
            (true, false) => "receive off".to_owned(),
            (false, true) => "receive on".to_owned(),
            (true, true) | (false, false) => "receive rules".to_owned(),
        });
    }
    if before.admin != after.admin {
        let (from, to) = (admin(&before.admin), admin(&after.admin));
        found.push(format!("admin {from} to {to}"));
    }
    if found.is_empty() {
        return "nothing that differs".to_owned();
    }
    found.join(", ")
}

/// One of the rights that are only on or off.
type Right = fn(&Permission) -> bool;

fn sources(allowed: &Allowed) -> String {
    match allowed {
        Allowed::All => "all".to_owned(),
        Allowed::Listed(sources) => {
            let names: Vec<&str> = sources.iter().map(|source| source.as_str()).collect();
            format!("[{}]", names.join(", "))
        }
    }
}

fn admin(rights: &BTreeSet<AdminRight>) -> String {
    let names = rights.iter().map(|right| match right {
        AdminRight::Participants => "participants",
        AdminRight::Streaming => "streaming",
        AdminRight::Transcription => "transcription",
    });
    format!("[{}]", names.collect::<Vec<_>>().join(", "))
}
