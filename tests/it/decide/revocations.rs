//! Who is kept out by revocations, against a naive model: two numbers in a map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use roomledger::domain::command::{CreateRoom, Join, Remove};
use roomledger::domain::event::{Credential, Event};
use roomledger::domain::{
    Code, Command, Context, Decision, Defaults, Identity, Rejection, Request, Room, RoomName,
    Target, Timestamp, decide,
};

const NOW_S: i64 = 1_700_000_000;
const DAY_S: i64 = 86_400;

/// One thing that happens; moments are seconds from now.
#[derive(Clone, Debug)]
enum Step {
    Revoke {
        whose: Option<u8>,
        before_s: i64,
    },
    Lift {
        whose: Option<u8>,
    },
    Remove {
        who: u8,
        before_s: i64,
    },
    Join {
        who: u8,
        issued_s: Option<i64>,
        valid_s: Option<i64>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let moment = -5_i64..5;
    let whose = prop::option::of(0_u8..3);
    let claim = || prop::option::of(-6_i64..6);
    prop_oneof![
        (whose.clone(), moment.clone())
            .prop_map(|(whose, before_s)| Step::Revoke { whose, before_s }),
        whose.prop_map(|whose| Step::Lift { whose }),
        (0_u8..3, moment).prop_map(|(who, before_s)| Step::Remove { who, before_s }),
        (0_u8..3, claim(), claim()).prop_map(|(who, issued_s, valid_s)| Step::Join {
            who,
            issued_s,
            valid_s
        }),
    ]
}

fn identity(who: u8) -> Identity {
    Identity::new(&format!("p{who}")).unwrap()
}

fn at(offset_s: i64) -> Timestamp {
    Timestamp::from_seconds(NOW_S + offset_s)
}

fn command(step: &Step) -> Command {
    match step {
        Step::Revoke { whose, before_s } => Command::RevokeTokens {
            identity: whose.map(identity),
            before: at(*before_s),
        },
        Step::Lift { whose } => Command::LiftRevocation {
            identity: whose.map(identity),
        },
        Step::Remove { who, before_s } => Command::Remove(Remove {
            revoke_before: Some(at(*before_s)),
            ..Remove::new(Target::Identity(identity(*who)))
        }),
        Step::Join {
            who,
            issued_s,
            valid_s,
        } => Command::Join(Join {
            credential: Credential {
                issued_at: issued_s.map(at),
                not_before: valid_s.map(at),
                ..Credential::default()
            },
            ..Join::new(identity(*who))
        }),
    }
}

fn ask(room: &Room, command: Command) -> Result<Decision, Rejection> {
    let defaults = Defaults::default();
    let context = Context {
        now: at(0),
        wall: at(0),
        defaults: &defaults,
        entropy: u128::from(room.version.0) << 64,
    };
    decide(room, &Request::new(room.name.clone(), command), &context)
}

fn town() -> Room {
    let room = Room::new(RoomName::new("town").unwrap());
    let create = Command::CreateRoom(CreateRoom::default());
    ask(&room, create).unwrap().room
}

proptest! {
    /// A revocation only ever moves forward, until it is lifted; inside or not makes no difference.
    #[test]
    fn a_revocation_keeps_out_what_was_issued_before_it(
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let mut room = town();
        let mut standing: BTreeMap<Option<u8>, i64> = BTreeMap::new();
        let raise = |standing: &mut BTreeMap<Option<u8>, i64>, whose, before_s: i64| {
            let moment = standing.entry(whose).or_insert(before_s);
            *moment = before_s.max(*moment);
        };
        for step in &steps {
            let decided = ask(&room, command(step));
            match step {
                Step::Revoke { whose, before_s } => raise(&mut standing, *whose, *before_s),
                Step::Remove { who, before_s } => raise(&mut standing, Some(*who), *before_s),
                Step::Lift { whose } => drop(standing.remove(whose)),
                Step::Join { who, issued_s, valid_s } => {
                    let issued_s = issued_s.or(*valid_s);
                    let reasons = [Some(*who), None].into_iter().filter(|whose| {
                        let before_s = standing.get(whose);
                        before_s.is_some_and(|before_s| issued_s.is_none_or(|at| at < *before_s))
                    });
                    let expected = vec![Code::TokenRevoked; reasons.count()];
                    let no = decided.as_ref().err();
                    let reasons = no.map(Rejection::reasons).unwrap_or_default();
                    let codes: Vec<Code> = reasons.iter().map(Rejection::code).collect();
                    prop_assert_eq!(codes, expected, "{:?}", step);
                }
            }
            if let Ok(decision) = decided {
                room = decision.room;
            }
        }
    }
}

/// Two of one kind, both named: whoever lifts the first would else meet the second.
#[test]
fn a_join_names_the_revocation_of_the_person_and_of_all() {
    let mut room = town();
    for whose in [Some(0), None] {
        let revoke = Step::Revoke { whose, before_s: 0 };
        room = ask(&room, command(&revoke)).unwrap().room;
    }
    let join = Step::Join {
        who: 0,
        issued_s: Some(-1),
        valid_s: None,
    };
    let no = ask(&room, command(&join)).unwrap_err();
    let versions: Vec<u64> = no
        .because(Some(&room.name))
        .iter()
        .map(|at| at.version.0)
        .collect();
    assert_eq!(versions, [3, 4]);
}

/// The edge of the day, in each command that revokes.
#[test]
fn a_revocation_lies_at_most_a_day_ahead() {
    let mut inside = town();
    let join = Step::Join {
        who: 0,
        issued_s: Some(0),
        valid_s: None,
    };
    inside = ask(&inside, command(&join)).unwrap().room;
    for room in [town(), inside] {
        for (before_s, is_taken) in [
            (DAY_S, true),
            (DAY_S + 1, false),
            (i64::from(u32::MAX), false),
        ] {
            let remove = Remove {
                revoke_before: Some(at(before_s)),
                ..Remove::new(Target::Identity(identity(0)))
            };
            for asked in [
                command(&Step::Revoke {
                    whose: None,
                    before_s,
                }),
                command(&Step::Revoke {
                    whose: Some(0),
                    before_s,
                }),
                Command::Remove(remove.clone()),
                Command::RemoveEach(vec![remove]),
            ] {
                match ask(&room, asked) {
                    Ok(decision) => {
                        assert!(is_taken, "{before_s}");
                        let kinds = decision.events.iter().map(|new| &new.event);
                        assert_eq!(
                            kinds
                                .filter(|event| matches!(event, Event::TokensRevoked(_)))
                                .count(),
                            1
                        );
                    }
                    Err(no) => {
                        assert!(!is_taken, "{before_s}: {no}");
                        assert_eq!(no.code(), Code::Invalid);
                        assert!(no.to_string().contains(&at(before_s).to_string()), "{no}");
                    }
                }
            }
        }
    }
}

/// Nobody inside is a no; what was asked for beside the removal is done, and said.
#[test]
fn a_removal_keeps_out_somebody_who_is_not_inside() {
    let check = |ban, before_s: Option<i64>, events: &[&str], said: &str| {
        let mut room = town();
        let remove = Command::Remove(Remove {
            ban,
            revoke_before: before_s.map(at),
            ..Remove::new(Target::Identity(identity(0)))
        });
        let decision = ask(&room, remove).unwrap();
        let kinds: Vec<&str> = decision
            .events
            .iter()
            .map(|new| new.event.kind().as_str())
            .collect();
        assert_eq!(kinds, events);
        let no = decision.refused.unwrap();
        assert_eq!(no.code(), Code::NoSuchParticipant);
        assert_eq!(
            no.to_string(),
            format!("participant \"p0\" is not in room \"town\": {said}")
        );
        room = decision.room;
        let join = Step::Join {
            who: 0,
            issued_s: Some(-1),
            valid_s: None,
        };
        assert!(ask(&room, command(&join)).is_err());
    };
    check(
        false,
        Some(0),
        &["participant_registered", "tokens_revoked"],
        "tokens issued before 2023-11-14T22:13:20.000000Z are revoked all the same",
    );
    check(
        true,
        None,
        &["participant_registered", "participant_banned"],
        "the identity is banned all the same",
    );
    check(
        true,
        Some(0),
        &[
            "participant_registered",
            "participant_banned",
            "tokens_revoked",
        ],
        "the identity is banned, and tokens issued before 2023-11-14T22:13:20.000000Z are revoked \
         all the same",
    );
    let plain = Command::Remove(Remove::new(Target::Identity(identity(0))));
    assert_eq!(
        ask(&town(), plain).unwrap_err().code(),
        Code::NoSuchParticipant
    );
}

/// Tokens that are out can be revoked for everybody while nobody is inside.
#[test]
fn a_removal_of_everybody_revokes_also_where_nobody_is_inside() {
    let remove = |before_s: Option<i64>, ban| Remove {
        ban,
        revoke_before: before_s.map(at),
        ..Remove::new(Target::Everyone)
    };
    let kinds = |room: &Room, command| {
        let decision = ask(room, command).unwrap();
        let kinds = decision.events.iter().map(|new| new.event.kind().as_str());
        (kinds.collect::<Vec<_>>(), decision.room)
    };
    let join = Step::Join {
        who: 1,
        issued_s: Some(-1),
        valid_s: None,
    };
    for each in [false, true] {
        let asked = |remove: Remove| {
            if each {
                Command::RemoveEach(vec![remove])
            } else {
                Command::Remove(remove)
            }
        };
        let (said, room) = kinds(&town(), asked(remove(Some(0), false)));
        assert_eq!(said, ["tokens_revoked"]);
        assert_eq!(
            ask(&room, command(&join)).unwrap_err().code(),
            Code::TokenRevoked
        );
        let (said, _) = kinds(&room, asked(remove(Some(-2), false)));
        assert_eq!(said, ["no_effect"], "a revocation never moves back");
        let (said, room) = kinds(&town(), asked(remove(None, true)));
        assert_eq!(said, ["no_effect"], "nobody is there to be banned");
        assert!(ask(&room, command(&join)).is_ok());
    }
}
