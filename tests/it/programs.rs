//! What the random programs reach, and how much of it is refused: counted over many of them, since
//! a law that holds of programs says nothing about what they never do.

use std::collections::{BTreeMap, BTreeSet};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use roomledger::domain::event::{CloseCause, EndReason, Event, PermissionGroup, RoomConfig};
use roomledger::domain::state::Session;
use roomledger::domain::{
    Code, Command, ConnectionNumber, Kind, Permission, PermissionPatch, Rejection, Room, Target,
};
use roomledger::testing::program::{Taken, programs, run};

/// How many programs of 80 steps are counted.
const PROGRAMS: usize = 500;

/// The requests of many programs; the same ones in every run.
fn all_taken() -> impl Iterator<Item = Taken> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..PROGRAMS).flat_map(move |_| {
        let program = programs(80).new_tree(&mut runner).unwrap().current();
        run(&program)
    })
}

type Counts = BTreeMap<String, u32>;

fn count(counts: &mut Counts, what: impl Into<String>) {
    *counts.entry(what.into()).or_default() += 1;
}

/// Everything named here came at least so often.
#[track_caller]
fn at_least<'a>(counts: &Counts, floor: u32, names: impl IntoIterator<Item = &'a str>) {
    let rare = names.into_iter().filter_map(|name| {
        let found = counts.get(name).copied().unwrap_or_default();
        (found < floor).then_some((name, found))
    });
    let rare: Vec<_> = rare.collect();
    assert!(rare.is_empty(), "fewer than {floor}: {rare:?}");
}

/// The ledger's own kinds, which no room records.
const LEDGERS: [&str; 11] = [
    "engine_started",
    "engine_stopped",
    "clock_held",
    "clock_released",
    "api_tokens_revoked",
    "api_token_revocation_lifted",
    "api_keys_changed",
    "defaults_changed",
    "refusals_suppressed",
    "history_repaired",
    "loss_accepted",
];

#[test]
fn programs_reach_every_kind_that_a_room_records() {
    let mut kinds = Counts::new();
    let mut connections = Counts::new();
    let mut ends = Counts::new();
    for event in all_taken().flat_map(|taken| taken.recorded) {
        let event = event.event.event;
        count(&mut kinds, event.kind().as_str());
        match event {
            Event::ConnectionOpened(it) => count(&mut connections, format!("{:?}", it.kind)),
            Event::ConnectionsClosed(it) => count(&mut ends, it.closing.cause.as_str()),
            Event::SessionEnded(it) => count(&mut ends, format!("{:?}", it.reason)),
            _ => {}
        }
    }
    let all = Kind::ALL.iter().map(|kind| kind.as_str());
    at_least(&kinds, 40, all.filter(|kind| !LEDGERS.contains(kind)));
    let kinds = [
        "Standard",
        "Ingress",
        "Egress",
        "Sip",
        "Agent",
        "Connector",
        "Bridge",
    ];
    at_least(&connections, 40, kinds);
    // The server's own end is given by no command.
    let causes = CloseCause::ALL.map(CloseCause::as_str).into_iter();
    at_least(
        &ends,
        10,
        causes.filter(|cause| *cause != "server_shutdown"),
    );
    let reasons = [
        EndReason::Requested,
        EndReason::RoomDeleted,
        EndReason::Empty,
        EndReason::Departed,
        EndReason::Expired,
    ];
    let reasons = reasons.map(|reason| format!("{reason:?}"));
    at_least(&ends, 10, reasons.iter().map(String::as_str));
}

#[test]
fn programs_give_every_command_and_most_of_each_is_accepted() {
    let mut asked = BTreeMap::<&str, (u32, u32)>::new();
    let mut conditions = Counts::new();
    let mut codes = Counts::new();
    for taken in all_taken() {
        let request = &taken.request;
        let (all, refused) = asked.entry(request.command.name()).or_default();
        *all += 1;
        *refused += u32::from(taken.refused.is_some());
        let came = if taken.refused.is_some() {
            "refused"
        } else {
            "accepted"
        };
        let conditions_of = [
            ("as", request.as_connection.is_some()),
            ("version", request.expected_version.is_some()),
            ("session", request.session.is_some()),
            ("occurred", request.occurred_at.is_some()),
        ];
        for (name, _) in conditions_of.iter().filter(|(_, is_there)| *is_there) {
            count(&mut conditions, format!("{name} {came}"));
        }
        for reason in taken.refused.iter().flat_map(Rejection::reasons) {
            count(&mut codes, reason.code().as_str());
        }
    }
    for (command, (all, refused)) in &asked {
        assert!(*all >= 40, "{command}: {all}");
        assert!(refused * 4 <= all * 3, "{command}: {refused} of {all}");
    }
    assert_eq!(asked.len(), COMMANDS, "{:?}", asked.keys());
    at_least(
        &conditions,
        20,
        [
            "as accepted",
            "as refused",
            "version accepted",
            "version refused",
            "session accepted",
            "session refused",
            "occurred accepted",
        ],
    );
    // Sizes and counts are refused without a look at the room, and the actor by the token alone.
    let elsewhere = [Code::TooLarge, Code::TooMany, Code::ActorMismatch];
    let all = Code::ALL.iter().filter(|code| !elsewhere.contains(code));
    at_least(&codes, 10, all.map(|code| code.as_str()));
}

#[test]
fn revocations_stand_beside_each_other_and_keep_people_out_for_several_reasons() {
    let mut found = Counts::new();
    for taken in all_taken() {
        let singles = taken.before.people.iter().filter(|it| it.revoked.is_some());
        let are_both = singles.count() > 0 && taken.before.revoked_all.is_some();
        if are_both && let Command::LiftRevocation { identity } = &taken.request.command {
            let which = identity
                .as_ref()
                .map_or("lifted for all", |_| "lifted for one");
            count(&mut found, which);
        }
        let reasons = taken.refused.iter().flat_map(Rejection::reasons);
        let kept_out = reasons.filter(|it| [Code::Banned, Code::TokenRevoked].contains(&it.code()));
        if kept_out.count() > 1 {
            count(&mut found, "kept out twice");
        }
    }
    at_least(
        &found,
        20,
        ["lifted for all", "lifted for one", "kept out twice"],
    );
}

#[test]
fn moves_carry_rules_and_ids() {
    let mut found = Counts::new();
    for taken in all_taken() {
        if !matches!(taken.request.command, Command::Move { .. }) {
            continue;
        }
        if taken.refused.as_ref().map(Rejection::code) == Some(Code::IdReused) {
            count(&mut found, "an id of somebody else's");
        }
        for event in &taken.recorded {
            let Event::ConnectionOpened(it) = &event.event.event else {
                continue;
            };
            let from = it.moved_from.as_ref().unwrap().connection;
            let before = &taken.before.connection(from).unwrap().permission.receive;
            let receive = &it.permission.receive;
            if !receive.by_connection.is_empty() {
                count(&mut found, "a rule about a connection that moves too");
            }
            if !before.by_participant.is_empty() {
                count(&mut found, "a rule about a person");
            }
            if receive.by_participant.len() > before.by_participant.len() {
                count(&mut found, "a rule about a connection that stays behind");
            }
        }
    }
    let names = [
        "an id of somebody else's",
        "a rule about a connection that moves too",
        "a rule about a person",
        "a rule about a connection that stays behind",
    ];
    at_least(&found, 5, names);
}

#[test]
fn those_whom_others_have_rules_about_leave_and_come_back() {
    let mut found = Counts::new();
    for taken in all_taken() {
        let before = &taken.before;
        if let Command::Join(join) = &taken.request.command
            && let Some(id) = &join.alias
            && let Some(one) = before.connection_by_ref(id.as_str())
            && has_rules_about(before, one.number)
        {
            count(&mut found, "a join with an id of before");
        }
        let left = taken.arrival.iter().flat_map(|_| &before.session);
        let mut left = left.flat_map(Session::live).filter(|one| {
            let after = taken.after.connection(one.number);
            after.is_some_and(|after| !after.is_live())
        });
        if left.any(|one| has_rules_about(&taken.after, one.number)) {
            count(&mut found, "a move away");
        }
        let there = taken.recorded.iter().filter(|it| it.room != before.name);
        let mut kinds = there.map(|it| it.event.event.kind());
        if kinds.any(|kind| kind == Kind::PermissionsChanged) {
            count(&mut found, "a move back");
        }
    }
    at_least(&found, 5, ["a move away", "a move back"]);
    // Seldom is one who had an id of their own gone while such rules stand.
    at_least(&found, 1, ["a join with an id of before"]);
}

/// Whether anybody inside may receive more or less of that connection than of others.
fn has_rules_about(room: &Room, number: ConnectionNumber) -> bool {
    let session = room.open_session().into_iter();
    let mut live = session.flat_map(Session::live);
    live.any(|one| one.permission.receive.by_connection.contains_key(&number))
}

#[test]
fn programs_give_and_take_every_right() {
    let mut values = Counts::new();
    for taken in all_taken() {
        for event in &taken.recorded {
            let Event::PermissionsChanged(it) = &event.event.event else {
                continue;
            };
            for PermissionGroup { before, after, .. } in &it.groups {
                for ((right, was), (_, is)) in rights(before).into_iter().zip(rights(after)) {
                    if was != is {
                        count(&mut values, format!("{right} {is}"));
                    }
                }
            }
        }
    }
    let names = rights(&Permission::none()).map(|(name, _)| name);
    let names = names.map(|name| [format!("{name} true"), format!("{name} false")]);
    at_least(&values, 8, names.iter().flatten().map(String::as_str));
}

/// Every right as a flag.
fn rights(permission: &Permission) -> [(&'static str, bool); 15] {
    let Permission {
        presence,
        send,
        data,
        receive,
        admin,
        update_own_metadata,
        subscribe_metrics,
        manage_agent_session,
        recorder,
        agent,
    } = permission;
    [
        ("presence", *presence),
        ("send.enabled", send.enabled),
        (
            "send.allowed all",
            send.allowed == roomledger::domain::Allowed::All,
        ),
        ("data", *data),
        ("receive.base camera", receive.base.camera == Some(true)),
        (
            "receive.base by name",
            receive.base.custom_audio_by_name.is_some(),
        ),
        ("receive.by_participant", !receive.by_participant.is_empty()),
        ("receive.by_connection", !receive.by_connection.is_empty()),
        (
            "admin participants",
            admin.contains(&roomledger::domain::AdminRight::Participants),
        ),
        (
            "admin streaming",
            admin.contains(&roomledger::domain::AdminRight::Streaming),
        ),
        ("update_own_metadata", *update_own_metadata),
        ("subscribe_metrics", *subscribe_metrics),
        ("manage_agent_session", *manage_agent_session),
        ("recorder", *recorder),
        ("agent", *agent),
    ]
}

#[test]
fn keys_of_one_update_differ_in_every_field_and_can_mean_one_connection() {
    let mut found = Counts::new();
    for taken in all_taken() {
        let Command::UpdatePermissions(it) = &taken.request.command else {
            continue;
        };
        let everyone = it.targets.get(&Target::Everyone);
        let named = it
            .targets
            .iter()
            .filter(|(key, _)| **key != Target::Everyone);
        for (_, update) in named.clone() {
            let Some(everyone) = everyone else { continue };
            let pairs = fields(&update.patch)
                .into_iter()
                .zip(fields(&everyone.patch));
            for ((field, own), (_, of_all)) in pairs {
                if let (Some(own), Some(of_all)) = (own, of_all) {
                    let which = if own == of_all { "same" } else { "different" };
                    count(&mut found, format!("{field} {which}"));
                }
            }
        }
        let mut meant = BTreeSet::new();
        let mut twice = false;
        for (key, _) in named {
            let numbers: Vec<_> = match key {
                Target::Everyone => Vec::new(),
                Target::Identity(identity) => {
                    let live = taken.before.live_of(identity);
                    live.iter().map(|one| one.number).collect()
                }
                Target::Connection(id) => {
                    let one = taken.before.connection_by_ref(id);
                    one.iter().map(|one| one.number).collect()
                }
            };
            for number in numbers {
                twice |= !meant.insert(number);
            }
        }
        if twice {
            count(&mut found, "two keys mean one connection");
        }
    }
    let names = fields(&PermissionPatch::default()).map(|(name, _)| name);
    let names = names.map(|name| [format!("{name} same"), format!("{name} different")]);
    at_least(&found, 10, names.iter().flatten().map(String::as_str));
    at_least(&found, 100, ["two keys mean one connection"]);
}

/// The fields of a patch that are either value.
fn fields(patch: &PermissionPatch) -> [(&'static str, Option<bool>); 7] {
    [
        ("presence", patch.presence),
        ("send_enabled", patch.send_enabled),
        ("data", patch.data),
        ("receive_any", patch.receive_any),
        ("update_own_metadata", patch.update_own_metadata),
        ("subscribe_metrics", patch.subscribe_metrics),
        ("manage_agent_session", patch.manage_agent_session),
    ]
}

#[test]
fn programs_change_every_setting() {
    let mut changed = Counts::new();
    for taken in all_taken() {
        let before = taken.before.config();
        let (Some(before), Some(after)) = (before, taken.after.config()) else {
            continue;
        };
        for ((name, was), (_, is)) in settings(before).into_iter().zip(settings(after)) {
            if was != is {
                count(&mut changed, name);
            }
        }
    }
    let names = settings(&roomledger::domain::Defaults::default().config);
    at_least(&changed, 20, names.iter().map(|(name, _)| *name));
}

/// Every setting that a command can change, as text.
fn settings(config: &RoomConfig) -> [(&'static str, String); 12] {
    [
        ("empty_timeout_s", config.empty_timeout_s.to_string()),
        (
            "departure_timeout_s",
            config.departure_timeout_s.to_string(),
        ),
        ("max_participants", config.max_participants.to_string()),
        (
            "enable_remote_unmute",
            config.enable_remote_unmute.to_string(),
        ),
        (
            "duplicate_identity",
            format!("{:?}", config.duplicate_identity),
        ),
        ("not_before", format!("{:?}", config.not_before)),
        ("expires_at", format!("{:?}", config.expires_at)),
        ("eject_at_expiry", config.eject_at_expiry.to_string()),
        ("eject_after_s", format!("{:?}", config.eject_after_s)),
        ("disabled", config.disabled.to_string()),
        (
            "default_permission",
            format!("{:?}", config.default_permission),
        ),
        ("properties", format!("{:?}", config.properties)),
    ]
}

/// Every name of a command: an end of a session and a removal have two commands each.
const COMMANDS: usize = 29;
