//! One command at a time: receipts, repeats, refusals.

use roomledger::domain::Kind;
use roomledger::engine::{EngineError, Status};
use roomledger::store::{Position, Record};

use super::support::{identity, join, open, remove, room, with_id};

fn kinds<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Kind> {
    let records = records.into_iter();
    records.map(|record| record.event.event.kind()).collect()
}

#[test]
fn a_join_is_durable_before_it_is_seen_and_seen_once_it_is_answered() {
    let engine = open();
    let receipt = engine.execute_blocking(join("r", "alice")).unwrap();
    assert_eq!(receipt.status, Status::Accepted);
    assert_eq!(receipt.position, engine.head());
    assert_eq!(receipt.position, engine.store().head().position);
    let live = engine.live(&room("r")).unwrap();
    assert_eq!(live.live_of(&identity("alice")).len(), 1);
    assert_eq!(receipt.room.as_deref(), Some(&*live));
    let all = engine.store().read_all(Position(0), 100).unwrap();
    assert_eq!(kinds(&all).first(), Some(&Kind::EngineStarted));
    let own: Vec<_> = receipt
        .records
        .iter()
        .map(|record| (**record).clone())
        .collect();
    assert!(
        all.ends_with(&own),
        "the receipt holds the records as they stand in the log"
    );
}

#[test]
fn a_repeat_gets_the_outcome_of_then() {
    let engine = open();
    engine.execute_blocking(join("r", "alice")).unwrap();
    let call = with_id(remove("r", "alice"), "req-1");
    let first = engine.execute_blocking(call.clone()).unwrap();
    engine.execute_blocking(join("r", "alice")).unwrap();
    let head = engine.head();
    let again = engine.execute_blocking(call.clone()).unwrap();
    assert_eq!(engine.head(), head, "a repeat records nothing");
    assert!(again.replayed && !first.replayed);
    assert_eq!(again.status, first.status);
    assert_eq!(again.position, first.position);
    assert_eq!(again.records, first.records);
    assert_eq!(again.room, first.room);
    let other = with_id(remove("r", "bob"), "req-1");
    let error = engine.execute_blocking(other).unwrap_err();
    assert!(
        matches!(error, EngineError::RequestIdReused { .. }),
        "{error}"
    );
}

#[test]
fn a_refusal_is_recorded_and_answered() {
    let engine = open();
    let receipt = engine.execute_blocking(remove("nowhere", "alice")).unwrap();
    let Status::Refused(refused) = &receipt.status else {
        panic!("{:?}", receipt.status);
    };
    assert_eq!(refused.code.as_str(), "no-such-room");
    assert_eq!(
        kinds(receipt.records.iter().map(|r| &**r)),
        [Kind::CommandRefused]
    );
    assert_eq!(
        receipt.records[0].room, None,
        "a refusal never creates a room"
    );
    assert!(receipt.room.is_none() && engine.live(&room("nowhere")).is_none());
}
