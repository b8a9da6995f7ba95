//! Folds over records: as of any moment, names, pages, sessions and the check of a whole log, over
//! random histories in a real store.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use roomledger::domain::event::{ConnectionsClosed, Event, Who};
use roomledger::domain::{
    ConnectionNumber, NewEvent, Provenance, Room, RoomName, Timestamp, Version,
};
use roomledger::replay::position::{Frame, Pos};
use roomledger::replay::view::{EventView, RoomView, SessionView};
use roomledger::replay::{
    Catalogue, EventQuery, Filter, Folded, Moment, NamesBook, Order, as_of, fold_on, read_page,
    session_span, session_views, verify,
};
use roomledger::store::{
    Appended, CommandHeader, CommandRecord, Commit, EventStore, MemoryStore, NewRecord, Outcome,
    Position, StoreError,
};
use roomledger::testing::front::{Front, Fronted};
use roomledger::testing::program::{Choices, Step, Taken, programs, run_in};

/// Enough steps for sessions to open, fill and end a few times.
const STEPS_MAX: usize = 30;

pub(crate) fn cases() -> Config {
    let default = Config::default();
    Config {
        cases: default.cases.max(256),
        failure_persistence: None,
        ..default
    }
}

/// The header of a command that somebody gave at a moment.
pub(crate) fn header(provenance: Provenance, at: Timestamp) -> Arc<CommandHeader> {
    Arc::new(CommandHeader {
        recorded_at: at,
        wall_at: at,
        ruleset: 1,
        provenance,
        request: None,
        outcome: Outcome::Accepted,
    })
}

/// A room of a run and what it was after each request about it.
pub(crate) type Shown = (RoomName, Vec<Room>);

/// Runs each program in two rooms of its own and stores what came of it, step by step in turn.
/// Gives the rooms of the first program first.
pub(crate) fn stored(programs: &[Vec<Step>]) -> (MemoryStore, Vec<Shown>) {
    let store = MemoryStore::new();
    let room = |at: usize| RoomName::new(&format!("room {at}")).unwrap();
    let runs = programs.iter().enumerate();
    let runs: Vec<Vec<Taken>> = runs
        .map(|(at, program)| run_in([room(2 * at), room(2 * at + 1)], program))
        .collect();
    let longest = runs.iter().map(Vec::len).max();
    let mut last = Timestamp::EPOCH;
    for step in 0..longest.unwrap_or_default() {
        for taken in &runs {
            let Some(step) = taken.get(step).filter(|step| !step.recorded.is_empty()) else {
                continue;
            };
            last = last.max(step.recorded[0].at);
            store.append(&commit(step, last)).unwrap();
        }
    }
    let rooms = (0..2 * programs.len()).map(|at| {
        let states = runs[at / 2].iter().flat_map(Taken::rooms);
        let states = states.filter(|(_, after)| after.name == room(at));
        (room(at), states.map(|(_, after)| after.clone()).collect())
    });
    (store, rooms.collect())
}

fn commit(step: &Taken, at: Timestamp) -> Commit {
    let provenance = Provenance::of_engine(roomledger::domain::ActorKind::ApiKey, "key");
    let events = step.recorded.iter().map(|recorded| NewRecord {
        room: Some(recorded.room.clone()),
        version: recorded.version,
        event: recorded.event.clone(),
    });
    Commit {
        commands: vec![CommandRecord {
            header: header(provenance, at),
            events: events.collect(),
        }],
    }
}

/// A log in which no event is found by the number that it gave out.
struct Unindexed(MemoryStore);

impl Front for Unindexed {
    fn log(&self) -> &dyn EventStore {
        &self.0
    }

    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        self.0.append(commit)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.0.close()
    }

    fn finds(&self) -> bool {
        false
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn as_of_a_version_is_the_fold_of_the_events_up_to_it(
        program in programs(STEPS_MAX), at in any::<prop::sample::Index>()
    ) {
        let (store, rooms) = stored(&[program]);
        let (name, states) = &rooms[0];
        prop_assume!(!states.is_empty());
        let state = &states[at.index(states.len())];
        let version = state.version;
        let folded = as_of(&store, name, Moment::Version(version)).unwrap();
        prop_assert_eq!(&folded.room, state);
        prop_assert!(folded.names.version() >= version);
    }

    #[test]
    fn every_way_to_name_a_moment_gives_the_same_room(
        one in programs(STEPS_MAX), other in programs(STEPS_MAX),
        at in any::<prop::sample::Index>()
    ) {
        let (store, rooms) = stored(&[one, other]);
        let (name, _) = &rooms[0];
        let head = store.head().position;
        let records = store.read_all(Position(0), usize::MAX).unwrap();
        prop_assume!(!records.is_empty());
        let record = &records[at.index(records.len())];
        let by_position = as_of(&store, name, Moment::Position(record.position)).unwrap();
        let back = head.0 - record.position.0;
        let by_head = Moment::of(Pos::Head { back }, head, None);
        prop_assert_eq!(&as_of(&store, name, by_head.unwrap()).unwrap(), &by_position);
        let shown = RoomView::of(&by_position.room, &by_position.names);
        let mut stints = shown.participants.iter().flat_map(|person| &person.timelog);
        prop_assert!(stints.all(|stint| stint.end.is_some() == stint.cause.is_some()));
        if record.room.as_ref() == Some(name) {
            let by_version = as_of(&store, name, Moment::Version(record.version)).unwrap();
            prop_assert_eq!(&by_version, &by_position);
        }
        let at = record.command.recorded_at;
        let by_time = as_of(&store, name, Moment::Time(at)).unwrap();
        let mut until = records.iter().filter(|until| until.command.recorded_at <= at);
        let last = until.rfind(|until| until.room.as_ref() == Some(name));
        prop_assert_eq!(by_time.room.version, last.map_or(Version(0), |last| last.version));
    }

    #[test]
    fn folding_on_from_any_cut_gives_the_whole(
        program in programs(STEPS_MAX), cut in any::<prop::sample::Index>()
    ) {
        let (store, rooms) = stored(&[program]);
        let (name, states) = &rooms[0];
        prop_assume!(!states.is_empty());
        let cut = states[cut.index(states.len())].clone();
        let whole = as_of(&store, name, Moment::Head).unwrap().room;
        prop_assert_eq!(fold_on(&store, cut, Moment::Head).unwrap(), whole);
    }

    #[test]
    fn an_event_reads_the_same_whenever_it_is_read(
        one in programs(STEPS_MAX), other in programs(STEPS_MAX)
    ) {
        let (store, _) = stored(&[one, other]);
        let mut fresh = NamesBook::default();
        let mut late = NamesBook::default();
        let records = store.read_all(Position(0), usize::MAX).unwrap();
        for room in store.rooms(None, usize::MAX).unwrap() {
            late.up_to(&store, Some(&room), Version(u64::MAX)).unwrap();
        }
        for record in &records {
            fresh.prepare(&store, record).unwrap();
            let view = EventView::of(record, &fresh);
            late.prepare(&store, record).unwrap();
            prop_assert_eq!(&view, &EventView::of(record, &late));
            let resolved = view.sentence.replace("see #", "").replace("about #", "");
            prop_assert!(!resolved.contains('#'), "{}", view.sentence);
            prop_assert!(!view.sentence.is_empty());
            let json = serde_json::to_string(&view).unwrap();
            prop_assert_eq!(&serde_json::from_str::<EventView>(&json).unwrap(), &view);
            let cause = record.event.cause.as_ref();
            prop_assert_eq!(view.causation.is_some(), cause.is_some());
        }
    }

    #[test]
    fn an_event_reads_the_same_with_an_index_of_numbers_and_without(
        one in programs(STEPS_MAX), other in programs(STEPS_MAX), backwards: bool, few: bool
    ) {
        let (store, _) = stored(&[one, other]);
        let mut records = store.read_all(Position(0), usize::MAX).unwrap();
        if backwards { records.reverse() }
        let plain = Fronted(Unindexed(store));
        let by_number = |book: &mut NamesBook, record: &_| book.show(plain.0.log(), record);
        // A book that is thrown away each time looks everything up.
        let mut kept = NamesBook::default();
        for record in &records {
            let whole = NamesBook::default().show(&plain, record).unwrap();
            let shown = if few {
                by_number(&mut NamesBook::default(), record)
            } else {
                by_number(&mut kept, record)
            };
            prop_assert_eq!(shown.unwrap(), whole);
        }
    }

    #[test]
    fn rooms_and_sessions_read_back_what_was_shown(program in programs(STEPS_MAX)) {
        let (store, rooms) = stored(&[program]);
        let (name, _) = &rooms[0];
        let Folded { room, names } = as_of(&store, name, Moment::Head).unwrap();
        let view = RoomView::of(&room, &names);
        let json = serde_json::to_string(&view).unwrap();
        prop_assert_eq!(&serde_json::from_str::<RoomView>(&json).unwrap(), &view);
        let own = store.read_room(Some(name), Version(0), usize::MAX).unwrap();
        prop_assert_eq!(view.position, own.last().map_or(0, |last| last.position.0));
        let live = view.participants.iter().flat_map(|person| &person.connections);
        let live = live.filter(|connection| connection.live).count();
        prop_assert_eq!(live, view.counts.connections);
        for person in &view.participants {
            let ends = person.timelog.iter().filter(|stint| stint.end.is_some());
            prop_assert!(ends.clone().all(|stint| stint.cause.is_some()));
            prop_assert_eq!(person.timelog.len(), person.connections.len());
        }
        let sessions = session_views(&store, name, Moment::Head, Timestamp::EPOCH).unwrap();
        let kept = SessionView::of(&room, &names);
        prop_assert_eq!(sessions.last(), kept.as_ref());
        let mut catalogue = Catalogue::default();
        catalogue.catch_up(&store).unwrap();
        let entries = catalogue.sessions().iter().filter(|entry| entry.room == *name);
        prop_assert_eq!(entries.clone().count(), sessions.len());
        for (at, (session, entry)) in sessions.iter().zip(entries).enumerate() {
            prop_assert_eq!(session.number as usize, at + 1);
            let uuid = entry.id.uuid().to_string();
            for form in [session.session.clone(), uuid, entry.id.object_id()] {
                prop_assert_eq!(catalogue.session(&form), Some(entry), "{}", form);
            }
            prop_assert_eq!((&entry.room, entry.number.0), (name, session.number));
            prop_assert_eq!(session.live, entry.ended.is_none());
            if let Some((_, version)) = entry.ended {
                let then = as_of(&store, name, Moment::Version(version)).unwrap();
                let of_then = SessionView::of(&then.room, &then.names);
                prop_assert_eq!(of_then.as_ref(), Some(session));
            }
        }
        for entry in catalogue.rooms() {
            let uuid = entry.id.uuid().to_string();
            for form in [uuid, entry.id.object_id(), entry.id.meeting_code()] {
                prop_assert_eq!(catalogue.room(&form), Some(entry), "{}", form);
            }
        }
        let newest = catalogue.room(name.as_str());
        let mut entries = catalogue.rooms().iter().filter(|entry| entry.name == *name);
        prop_assert_eq!(newest, entries.next_back());
        let live = newest.filter(|entry| entry.deleted_at.is_none());
        prop_assert_eq!(live.map(|entry| entry.id), room.life.as_ref().map(|life| life.id));
    }

    #[test]
    fn pages_give_each_event_once_in_order_whatever_their_size(
        one in programs(STEPS_MAX), other in programs(STEPS_MAX),
        limit in 1_usize..50, descending: bool, only_one: bool, target in 0_u8..5, filtered: bool
    ) {
        let (store, rooms) = stored(&[one, other]);
        let mut book = NamesBook::default();
        let room = only_one.then(|| rooms[0].0.clone());
        let target = filtered.then(|| format!("p{target}"));
        let mut query = EventQuery {
            room: room.clone(),
            order: if descending { Order::Descending } else { Order::Ascending },
            filter: Filter { target: target.clone(), ..Filter::default() },
            limit,
            ..EventQuery::default()
        };
        let mut found = Vec::new();
        loop {
            let page = read_page(&store, &mut book, &query).unwrap();
            prop_assert!(page.events.len() <= limit);
            found.extend(page.events);
            let Some(next) = page.next.map(Position) else { break };
            if descending { query.before = Some(next) } else { query.after = Some(next) }
        }
        if descending { found.reverse() }
        let mut expected = Vec::new();
        for record in store.read_all(Position(0), usize::MAX).unwrap() {
            book.prepare(&store, &record).unwrap();
            let view = EventView::of(&record, &book);
            if (room.is_none() || record.room == room) && is_about(&view, target.as_deref()) {
                expected.push(view);
            }
        }
        let positions = |views: &[EventView]| -> Vec<u64> {
            views.iter().map(|view| view.position).collect()
        };
        prop_assert_eq!(positions(&found), positions(&expected));
    }

    #[test]
    fn since_and_until_cut_by_the_time_of_recording(
        program in programs(STEPS_MAX), from in 0_u32..2_000, length in 0_u32..2_000,
    ) {
        let (store, rooms) = stored(&[program]);
        let start = Timestamp::from_seconds(1_700_000_000);
        let (since, until) = (start.plus_seconds(from), start.plus_seconds(from + length));
        for room in [None, Some(rooms[0].0.clone())] {
            let query = EventQuery {
                room,
                since: Some(since),
                until: Some(until),
                limit: usize::MAX,
                ..EventQuery::default()
            };
            let page = read_page(&store, &mut NamesBook::default(), &query).unwrap();
            let found: Vec<u64> = page.events.iter().map(|event| event.position).collect();
            let records = store.read_all(Position(0), usize::MAX).unwrap();
            let inside = records.iter().filter(|record| {
                (query.room.is_none() || record.room == query.room)
                    && (since..=until).contains(&record.command.recorded_at)
            });
            let expected: Vec<u64> = inside.map(|record| record.position.0).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_whole_log_verifies_and_a_changed_state_does_not(
        one in programs(STEPS_MAX), other in programs(STEPS_MAX)
    ) {
        let (store, rooms) = stored(&[one, other]);
        let (verified, mut verifier) = verify(&store).unwrap();
        prop_assert_eq!(&verified.findings, &Vec::new());
        prop_assert_eq!(verified.events, store.head().position.0);
        let mut state = as_of(&store, &rooms[0].0, Moment::Head).unwrap().room;
        prop_assume!(state.version > Version(0));
        verifier.compare(&state);
        prop_assert_eq!(&verifier.verified().findings, &Vec::new());
        state.generation += 1;
        verifier.compare(&state);
        prop_assert_eq!(verifier.verified().findings.len(), 1);
    }
}

/// Whether a view names somebody anywhere in what it says.
fn is_about(view: &EventView, target: Option<&str>) -> bool {
    let Some(target) = target else { return true };
    let asked = format!("identity:{target}");
    let text = serde_json::to_string(&view.data).unwrap();
    let named = text.contains(&format!("\"identity\":\"{target}\""));
    let mut asked = [asked.as_str(), target].into_iter();
    let asked = asked.any(|asked| text.contains(&format!("\"asked\":\"{asked}\"")));
    let asked = asked || unknown(view, target);
    named || asked
}

fn unknown(view: &EventView, target: &str) -> bool {
    let unknown = view
        .data
        .get("unknown_targets")
        .and_then(|it| it.as_array());
    let mut unknown = unknown.into_iter().flatten().filter_map(|it| it.as_str());
    let written = [target.to_owned(), format!("identity:{target}")];
    unknown.any(|it| written.iter().any(|form| form == it))
}

#[test]
fn verify_names_what_cannot_apply() {
    let closed = |number| {
        Event::from(ConnectionsClosed {
            who: Who::connection(ConnectionNumber(number)),
            closing: roomledger::domain::event::Closing {
                cause: roomledger::domain::event::CloseCause::Left,
                reported_reason: None,
                due_at: None,
            },
        })
    };
    let room = RoomName::new("r").unwrap();
    let store = MemoryStore::new();
    let event = NewEvent {
        event: closed(7),
        cause: None,
        occurred_at: None,
    };
    let command = CommandRecord {
        header: header(
            Provenance::of_engine(roomledger::domain::ActorKind::System, "test"),
            Timestamp::EPOCH,
        ),
        events: vec![NewRecord {
            room: Some(room),
            version: Version(1),
            event,
        }],
    };
    let commit = Commit {
        commands: vec![command],
    };
    store.append(&commit).unwrap();
    let (verified, _) = verify(&store).unwrap();
    let findings: Vec<String> = verified.findings.iter().map(ToString::to_string).collect();
    let problem = "connections_closed does not decode: it names connection 7, and the room has \
                   given out 0";
    assert_eq!(findings, [format!("#1 in room \"r\": {problem}")]);
}

#[test]
fn start_and_end_are_those_of_the_session() {
    let step = Step {
        entropy: 1,
        ..Step::default()
    };
    let later = Step {
        wait_s: 30,
        choices: Choices::of(&[1]),
        entropy: 2,
        ..step
    };
    let (store, rooms) = stored(&[vec![step, later]]);
    let name = &rooms[0].0;
    let head = as_of(&store, name, Moment::Head).unwrap().room;
    let now_us = head.recorded_at.micros();
    let span = session_span(&head).unwrap().until_now(now_us);
    let check = |text: &str, people: usize| {
        let written = Pos::parse(text, &Frame::utc(0)).unwrap();
        let moment = Moment::of(written, store.head().position, Some(span));
        let folded = as_of(&store, name, moment.unwrap()).unwrap();
        assert_eq!(folded.room.people.len(), people, "{text}");
    };
    check("start", 1);
    check("start+29s", 1);
    check("start+30s", 2);
    check("end-1s", 1);
    check("end", 2);
    check("@", 2);
}
