//! `testing::scenario`: a story that holds passes, and one that does not fails at its own line.

use roomledger::domain::command::{Join, Remove};
use roomledger::domain::{Code, Command, Identity, Kind, Target};
use roomledger::testing::scenario::Scenario;

fn alice() -> Identity {
    Identity::new("alice").unwrap()
}

fn join() -> Command {
    Command::Join(Join::new(alice()))
}

fn ban() -> Command {
    Command::Ban {
        identity: alice(),
        until: None,
    }
}

#[test]
fn stories_are_told_in_the_order_they_happen() {
    let removal = Command::Remove(Remove::new(Target::Identity(alice())));
    let removed = Scenario::given([join()]).after_seconds(5).when(removal);
    removed.then([Kind::RemovalRequested, Kind::ConnectionsClosed]);
    let ended = removed.and().after_seconds(20).when(Command::Tick);
    ended.then([Kind::SessionEnded]);
    assert!(ended.room().open_session().is_none());
}

#[test]
fn a_refusal_is_expected_by_its_code() {
    let refused = Scenario::given([join(), ban()]).when(join());
    assert!(refused.refused(Code::Banned).to_string().contains("alice"));
}

#[test]
#[should_panic(expected = "refused: ")]
fn an_unexpected_refusal_fails_the_story() {
    Scenario::given([join(), ban()]).when(join()).then([]);
}

#[test]
#[should_panic(expected = "accepted: ")]
fn an_unexpected_acceptance_fails_the_story() {
    Scenario::given([]).when(join()).refused(Code::Banned);
}

#[test]
#[should_panic(expected = "given remove: refused")]
fn a_story_cannot_begin_with_a_refusal() {
    let removal = Command::Remove(Remove::new(Target::Identity(alice())));
    let _never_begun = Scenario::given([removal]);
}
