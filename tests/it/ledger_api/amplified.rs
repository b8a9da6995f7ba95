//! What is asked for and what comes of it: recorded and answered is a constant and so many times
//! what was sent, whatever is named and however often.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;
use roomledger::store::{CommandRecord, Commit, NewRecord, Record, encode_commit};
use serde_json::{Map, Value, json};

use super::support::Server;

/// What a command may come to in a room of twenty: so much whatever it brings, and so many times
/// what it brings. A person who is named for the first time is an event, and a value that is set
/// for twenty people is shown with what each of them had.
const BOUNDS: &[(&str, usize, usize)] = &[
    ("send_data", 8 * 1024, 8),
    ("update_subscriptions", 8 * 1024, 8),
    ("update_permissions", 64 * 1024, 64),
    ("update_participant", 64 * 1024, 64),
];

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases / 32,
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn what_comes_of_a_command_grows_with_what_was_sent(
        named in prop_oneof![vec(0..60_usize, 0..2_000), vec(40..50_usize, 200..2_000)],
    ) {
        for which in 0..6 {
            check(&body(which, &named))?;
        }
    }
}

fn check(body: &Value) -> Result<(), TestCaseError> {
    let server = Server::new();
    for at in 0..20 {
        let body = json!({ "identity": format!("p{at}"), "connection": format!("c{at}") });
        server.post("/rooms/town/joins", &body).expect(201);
    }
    let head = server.engine.head();
    let sent = body.to_string().len();
    let answer = server.post("/rooms/town/commands", body);
    prop_assert!(
        [200, 413, 422].contains(&answer.status),
        "{:?}",
        answer.body
    );
    let records = server.engine.store().read_all(head, usize::MAX).unwrap();
    let came = recorded(&records) + answer.body.to_string().len();
    let command = body["command"].as_str().unwrap();
    let bounds = BOUNDS.iter().find(|(name, ..)| *name == command);
    let (_, constant, factor) = bounds.unwrap();
    let most = constant + factor * sent;
    prop_assert!(
        came <= most,
        "{command}: {sent} bytes came to {came}, at most {most}"
    );
    Ok(())
}

/// The bytes of one command's records in the log.
fn recorded(records: &[Record]) -> usize {
    let Some(first) = records.first() else {
        return 0;
    };
    let events = records.iter().map(|record| NewRecord {
        room: record.room.clone(),
        version: record.version,
        event: record.event.clone(),
    });
    let command = CommandRecord {
        header: first.command.clone(),
        events: events.collect(),
    };
    let commands = vec![command];
    encode_commit(&Commit { commands }).unwrap().len()
}

fn body(which: usize, named: &[usize]) -> Value {
    let targets: Vec<String> = named.iter().map(|at| target(*at)).collect();
    let rules = |prefix: &str| {
        let rules = named
            .iter()
            .map(|at| (format!("{prefix}{at}"), json!({ "camera": false })));
        rules.collect::<Map<String, Value>>()
    };
    match which {
        0 => json!({ "command": "send_data", "data": "", "targets": targets }),
        1 => json!({ "command": "update_subscriptions", "target": "*", "tracks": targets,
            "subscribe": true }),
        2 => json!({ "command": "update_permissions", "targets":
            { "*": { "receive": { "by_participant": rules("s") } } } }),
        3 => {
            let each = targets
                .iter()
                .map(|target| (target.clone(), json!({ "data": false })));
            json!({ "command": "update_permissions",
                "targets": each.collect::<Map<String, Value>>() })
        }
        4 => json!({ "command": "update_permissions", "targets":
            { "*": { "receive": { "by_connection": rules("c") } } } }),
        _ => json!({ "command": "update_participant", "target": "*",
            "attributes": named.iter().map(|at| (format!("k{at}"), json!("")))
                .collect::<Map<String, Value>>() }),
    }
}

/// Everybody, somebody by name or by id, or a stranger.
fn target(at: usize) -> String {
    match at {
        0..20 => format!("identity:p{at}"),
        20..40 => format!("connection:c{}", at - 20),
        40..50 => "*".to_owned(),
        _ => format!("identity:x{at}"),
    }
}
