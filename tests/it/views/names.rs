//! An event about very many connections: its lists are whole in numbers, and by name in pieces.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use roomledger::domain::event::{
    AttributesBefore, AttributesChange, ByWhom, PermissionGroup, PermissionsChanged,
    ProfileChanged, Selector, TextChange, UpdateMode, Who,
};
use roomledger::domain::{ConnectionNumber, Event, Permission, PermissionPatch, Personal, Ranges};
use roomledger::replay::{EventQuery, NamesBook, read_page};
use roomledger::store::{EventStore as _, Position};
use serde_json::Value;

use super::stage::{SET, Stage};
use crate::replay::cases;

fn ranges(numbers: &BTreeSet<u32>) -> Ranges<ConnectionNumber> {
    numbers.iter().copied().map(ConnectionNumber).collect()
}

/// Events with several lists of connections each.
fn events(lists: &[BTreeSet<u32>]) -> Vec<Event> {
    let who = |list| Who {
        asked: Selector::Everyone,
        connections: ranges(list),
    };
    let first = &lists[0];
    let befores: Vec<_> = first
        .iter()
        .map(|number| ConnectionNumber(*number))
        .collect();
    let attributes = AttributesBefore {
        all: SET,
        set: Personal::default(),
    };
    let profile = ProfileChanged {
        who: who(first),
        name: Some(TextChange {
            value: "N".into(),
            before: befores.iter().map(|number| (*number, SET)).collect(),
        }),
        metadata: None,
        attributes: Some(AttributesChange {
            set: Personal::default(),
            removed: Personal::default(),
            before: befores
                .iter()
                .map(|number| (*number, attributes.clone()))
                .collect(),
        }),
        by: ByWhom::Admin,
    };
    let group = |list| PermissionGroup {
        before: Arc::new(Permission::standard()),
        after: Arc::new(Permission::standard()),
        connections: ranges(list),
    };
    let permissions = PermissionsChanged {
        who: lists.iter().map(who).collect(),
        mode: UpdateMode::Patch,
        request: lists.iter().map(|_| PermissionPatch::default()).collect(),
        groups: lists.iter().map(group).collect(),
        unknown_targets: Vec::new(),
    };
    vec![profile.into(), permissions.into()]
}

/// Every list of connections in a value, by its path, with the numbers in it.
fn lists_of(path: &str, value: &Value, found: &mut Vec<(String, Vec<u64>)>) {
    if let Value::Object(members) = value {
        for (name, value) in members {
            lists_of(&format!("{path}/{name}"), value, found);
        }
    } else if let Value::Array(items) = value {
        if path.ends_with("targets") || path.ends_with("before") {
            let numbers = items.iter().map(|item| item["number"].as_u64().unwrap());
            found.push((path.to_owned(), numbers.collect()));
            return;
        }
        for (at, item) in items.iter().enumerate() {
            lists_of(&format!("{path}/{at}"), item, found);
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_pieces_of_an_event_name_everybody_once(
        lists in prop::collection::vec(prop::collection::btree_set(1_u32..60, 1..50), 1..4),
        names_max in 1_usize..120,
    ) {
        let mut stage = Stage::new();
        // Groups have no connection in common where they were decided, and these may.
        stage.open_up_to(200);
        for event in events(&lists) {
            stage.record(event);
            let head = stage.store.head().position;
            let before = Position(head.0 - 1);
            let record = stage.store.read_all(before, 1).unwrap().remove(0);
            let mut whole = Vec::new();
            let mut book = NamesBook::default().naming(usize::MAX);
            let view = book.show(&stage.store, &record).unwrap();
            prop_assert_eq!(view.names_next, None);
            lists_of("", &Value::Object(view.data.clone()), &mut whole);
            let mut pieces: Vec<(String, Vec<u64>)> = Vec::new();
            let mut book = NamesBook::default().naming(names_max);
            let mut after = ConnectionNumber(0);
            loop {
                let piece = book.show_after(&stage.store, &record, after).unwrap();
                prop_assert_eq!(&piece.data.get("count"), &view.data.get("count"));
                prop_assert_eq!(&piece.data.get("numbers"), &view.data.get("numbers"));
                let mut found = Vec::new();
                lists_of("", &Value::Object(piece.data), &mut found);
                let names: usize = found.iter().map(|(_, numbers)| numbers.len()).sum();
                // One number may stand in each of the lists.
                prop_assert!(names <= names_max.max(found.len()), "{} names", names);
                if pieces.is_empty() {
                    pieces = found;
                } else {
                    for (list, (path, numbers)) in pieces.iter_mut().zip(found) {
                        prop_assert_eq!(&list.0, &path);
                        list.1.extend(numbers);
                    }
                }
                let Some(next) = piece.names_next else { break };
                prop_assert!(next > after);
                after = next;
            }
            prop_assert_eq!(pieces, whole);
        }
    }
}

#[test]
fn a_page_ends_where_its_events_come_to_some_megabytes() {
    let everybody: BTreeSet<u32> = (1..=11_000).collect();
    let mut stage = Stage::new();
    stage.open_up_to(11_000);
    for _ in 0..12 {
        let [profile, _] = events(std::slice::from_ref(&everybody)).try_into().unwrap();
        stage.record(profile);
    }
    let head = stage.store.head().position.0;
    let mut book = NamesBook::default();
    let mut found = Vec::new();
    let mut query = EventQuery {
        limit: 1_000,
        ..EventQuery::default()
    };
    let mut pages = 0;
    loop {
        let page = read_page(&stage.store, &mut book, &query).unwrap();
        let bytes = serde_json::to_vec(&page.events).unwrap().len();
        assert!(bytes < 16_000_000, "{bytes} bytes");
        found.extend(page.events.iter().map(|event| event.position));
        pages += 1;
        let Some(next) = page.next else { break };
        query.after = Some(Position(next));
    }
    assert!(pages > 1);
    assert_eq!(found, (1..=head).collect::<Vec<_>>());
}
