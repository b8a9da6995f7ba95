//! The laws of `domain/mod.rs` about decisions and folds, each over random programs. At least 256
//! cases each; `PROPTEST_CASES` gives more.

mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use roomledger::domain::event::{CloseCause, DuplicatePolicy, Event, RoomConfig, TrackKind};
use roomledger::domain::state::{Connection, Track};
use roomledger::domain::{
    Command, Context, Defaults, Room, RoomName, Timestamp, Version, command, decide, evolve,
};
use roomledger::testing::invariants::broken;
use roomledger::testing::program::{Recorded, Step, Taken, programs, run};

/// Enough steps for sessions to open, fill and end a few times.
const STEPS_MAX: usize = 60;

fn cases() -> Config {
    let default = Config::default();
    Config {
        cases: default.cases.max(256),
        failure_persistence: None,
        ..default
    }
}

/// What was recorded in each room, in order.
fn histories(taken: &[Taken]) -> BTreeMap<RoomName, Vec<Recorded>> {
    let mut histories = BTreeMap::<RoomName, Vec<Recorded>>::new();
    for recorded in taken.iter().flat_map(|step| &step.recorded) {
        let history = histories.entry(recorded.room.clone()).or_default();
        history.push(recorded.clone());
    }
    histories
}

/// Each room as the last request that could change it left it.
fn ends(taken: &[Taken]) -> BTreeMap<&RoomName, &Room> {
    let states = taken.iter().flat_map(Taken::rooms);
    states.map(|(_, after)| (&after.name, after)).collect()
}

fn fold(room: &mut Room, history: &[Recorded]) {
    for recorded in history {
        evolve(room, recorded.version, recorded.at, &recorded.event);
    }
}

fn check_all(
    program: &[Step],
    check: impl Fn(&Taken) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    run(program).iter().try_for_each(check)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn law_01_and_05_as_of_any_version_is_the_fold_of_the_events_up_to_it(
        program in programs(STEPS_MAX)
    ) {
        let taken = run(&program);
        let histories = histories(&taken);
        for (_, after) in taken.iter().flat_map(Taken::rooms) {
            let history = histories.get(&after.name).map_or(&[][..], Vec::as_slice);
            let upto = usize::try_from(after.version.0).unwrap();
            let mut folded = Room::new(after.name.clone());
            fold(&mut folded, &history[..upto]);
            prop_assert_eq!(&folded, after);
        }
    }

    #[test]
    fn law_02_a_snapshot_at_any_cut_folded_on_equals_the_whole_fold(
        program in programs(STEPS_MAX), cut in any::<prop::sample::Index>()
    ) {
        let taken = run(&program);
        let ends = ends(&taken);
        for (name, history) in histories(&taken) {
            let (head, tail) = history.split_at(cut.index(history.len() + 1));
            let mut snapshot = Room::new(name.clone());
            fold(&mut snapshot, head);
            let bytes = roomledger::store::encode_cache(&snapshot).unwrap();
            let mut restored: Room = roomledger::store::decode_cache(&bytes).unwrap();
            prop_assert_eq!(&restored, &snapshot);
            fold(&mut restored, tail);
            prop_assert_eq!(&&restored, &ends[&name]);
        }
    }

    #[test]
    fn law_03_and_09_decisions_keep_the_invariants_and_counts_are_folds(
        program in programs(STEPS_MAX)
    ) {
        check_all(&program, |step| {
            for (_, after) in step.rooms() {
                let found = broken(after);
                prop_assert!(found.is_empty(), "{:?}: {:?}", step.request, found);
            }
            Ok(())
        })?;
    }

    #[test]
    fn law_04_a_command_whose_effect_holds_already_changes_nothing_but_the_record(
        program in programs(STEPS_MAX)
    ) {
        check_all(&program, |step| {
            if step.refused.is_some() || !repeats_to_nothing(&step.request.command) {
                return Ok(());
            }
            let mut again = step.request.clone();
            again.expected_version = None;
            let defaults = Defaults::default();
            let now = step.after.recorded_at;
            let context = Context { now, wall: now, defaults: &defaults, entropy: 7 };
            if let Ok(second) = decide(&step.after, &again, &context) {
                let mut events = second.events.iter().map(|new| &new.event);
                prop_assert!(
                    events.all(changes_nothing), "{:?} again: {:?}", again.command, second.events
                );
            }
            Ok(())
        })?;
    }

    #[test]
    fn law_06_stints_are_ordered_disjoint_and_inside_their_session(
        program in programs(STEPS_MAX)
    ) {
        let taken = run(&program);
        let mut doubles = BTreeSet::new();
        for (_, after) in taken.iter().flat_map(Taken::rooms) {
            let allows = |it: &Arc<RoomConfig>| it.duplicate_identity == DuplicatePolicy::Allow;
            if after.config().is_some_and(allows) {
                doubles.insert(&after.name);
            }
            for person in &after.people {
                let log = after.timelog_of(person);
                prop_assert!(doubles.contains(&after.name) || log.is_sequential(), "{:?}", log);
                prop_assert_eq!(log.is_open(), !person.live.is_empty());
            }
        }
    }

    #[test]
    fn law_07_losing_the_right_to_send_unpublishes_exactly_its_tracks_in_the_same_decision(
        program in programs(STEPS_MAX)
    ) {
        check_all(&program, check_unpublished)?;
    }

    #[test]
    fn law_08_a_banned_identity_opens_no_stint(program in programs(STEPS_MAX)) {
        check_all(&program, |step| {
            for recorded in &step.recorded {
                let Event::ConnectionOpened(opened) = &recorded.event.event else { continue };
                let of_it = |(before, _): &(&Room, &Room)| before.name == recorded.room;
                let (before, _) = step.rooms().find(of_it).unwrap();
                let ban = before.person(opened.participant).and_then(|person| person.ban);
                let stands = ban.is_some_and(|ban| ban.until.is_none_or(|at| at > recorded.at));
                prop_assert!(!stands, "{:?} came in past {:?}", opened.participant, ban);
            }
            Ok(())
        })?;
    }

    #[test]
    fn every_closing_points_to_its_cause_and_nobody_closes_twice(program in programs(STEPS_MAX)) {
        let taken = run(&program);
        let mut closed = BTreeSet::new();
        for step in &taken {
            for recorded in &step.recorded {
                let Event::ConnectionsClosed(it) = &recorded.event.event else { continue };
                for number in it.who.connections.iter() {
                    let place = (&recorded.room, number);
                    prop_assert!(closed.insert(place), "{place:?} closed twice");
                }
                let asked_for = [CloseCause::Removed, CloseCause::SessionEnded, CloseCause::Moved];
                if asked_for.contains(&it.closing.cause) {
                    prop_assert!(recorded.event.cause.is_some());
                }
            }
        }
    }

    #[test]
    fn the_programs_mostly_make_valid_commands(seed in programs(STEPS_MAX)) {
        // Over one long program, so that the claim is about the generator, not about luck.
        let program: Vec<Step> = seed.iter().cycle().take(seed.len() * 4).copied().collect();
        let taken = run(&program);
        let refused = taken.iter().filter(|step| step.refused.is_some()).count();
        prop_assert!(refused * 2 <= taken.len(), "{refused} of {} refused", taken.len());
    }
}

/// Whether an event is for the record alone, as one is that tells of unknown targets only.
fn changes_nothing(event: &Event) -> bool {
    match event {
        Event::PermissionsChanged(it) => it.groups.is_empty(),
        _ => event.kind().is_record_only(),
    }
}

/// Commands that say what shall hold, rather than what shall happen once more.
fn repeats_to_nothing(command: &Command) -> bool {
    matches!(
        command,
        // A room whose time is over is made anew each time.
        Command::CreateRoom(command::CreateRoom {
            replaces_expired: false,
            ..
        }) | Command::UpdateRoom(_)
            | Command::UpdateParticipant(_)
            | Command::UpdatePermissions(command::UpdatePermissions {
                refuse_unknown: true,
                ..
            })
            | Command::MuteTrack(_)
            | Command::Ban { .. }
            | Command::Unban { .. }
            | Command::RevokeTokens { .. }
            | Command::Activate(_)
            | Command::Interrupt(_)
            | Command::Resume(_)
            | Command::Leave { .. }
            | Command::UpdateTrack { .. }
            | Command::UpdateOwnProfile { .. }
            | Command::SetSessionData { .. }
            | Command::Tick
    )
}

/// Of the room of the request: at the destination of a move only rules about who comes back change.
fn check_unpublished(step: &Taken) -> Result<(), TestCaseError> {
    let own = |recorded: &&Recorded| recorded.room == step.before.name;
    let changed = step.recorded.iter().filter(own).find_map(|recorded| {
        if let Event::PermissionsChanged(it) = &recorded.event.event {
            Some((recorded.version, it))
        } else {
            None
        }
    });
    let Some((version, changed)) = changed else {
        return Ok(());
    };
    let mut expected = Vec::new();
    for group in &changed.groups {
        for number in group.connections.iter() {
            let before = connection(&step.before, number)?;
            let lost = before
                .tracks
                .iter()
                .filter(|track| !allowed(&group.after, track));
            expected.extend(lost.map(|track| (number, track.number)));
            prop_assert_eq!(&connection(&step.after, number)?.permission, &group.after);
        }
    }
    let mut gone = Vec::new();
    for recorded in step.recorded.iter().filter(own) {
        let Event::TracksUnpublished(it) = &recorded.event.event else {
            continue;
        };
        prop_assert_eq!(
            recorded.event.cause.as_ref().map(|cause| cause.version),
            Some(version)
        );
        gone.extend(it.tracks.iter().map(|track| (it.connection, track)));
    }
    expected.sort_unstable();
    gone.sort_unstable();
    prop_assert_eq!(gone, expected);
    Ok(())
}

fn allowed(permission: &roomledger::domain::Permission, track: &Track) -> bool {
    match track.kind {
        TrackKind::Data => permission.data,
        TrackKind::Audio | TrackKind::Video => permission.send.allows(track.source),
    }
}

fn connection(
    room: &Room,
    number: roomledger::domain::ConnectionNumber,
) -> Result<&Connection, TestCaseError> {
    let found = room.connection(number).map(AsRef::as_ref);
    found.ok_or_else(|| TestCaseError::fail(format!("no connection {number}")))
}

#[test]
fn a_room_that_nothing_happened_in_is_at_version_zero() {
    let room = Room::new(RoomName::new("town").unwrap());
    assert_eq!(room.version, Version(0));
    assert_eq!(room.next_due(), None);
    assert_eq!(room.recorded_at, Timestamp::EPOCH);
}
