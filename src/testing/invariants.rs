//! What holds of every room at every version: counts are folds, indexes agree, stints are in order.
//! Apart so that any harness can ask it of any room it got.

use std::collections::BTreeSet;

use crate::domain::state::{Connection, Session};
use crate::domain::{Room, Timestamp};

/// Every broken invariant of a room, in words; none when all hold.
pub fn broken(room: &Room) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |what: String| found.push(what);
    for (index, person) in room.people.iter().enumerate() {
        let number = room
            .by_identity
            .get(&person.identity)
            .map(|number| number.index());
        if number != Some(index) {
            say(format!(
                "{} has number {number:?}, not {index}",
                person.identity
            ));
        }
    }
    if let Some(session) = &room.session {
        check_session(room, session, &mut say);
    }
    if room.open_session().is_some() && room.life.is_none() {
        say("a session is open in a room that does not exist".to_owned());
    }
    found
}

fn check_session(room: &Room, session: &Session, say: &mut impl FnMut(String)) {
    let live: Vec<&Connection> = session
        .connections
        .iter()
        .filter(|one| one.is_live())
        .map(AsRef::as_ref)
        .collect();
    let numbers: BTreeSet<_> = live.iter().map(|one| one.number).collect();
    let mut expect = |what: &str, same: bool| {
        if !same {
            say(format!("{what} is no fold of the connections"));
        }
    };
    expect("live", numbers.iter().eq(session.live.iter()));
    let counted = live.iter().filter(|one| !one.is_dependent()).count();
    expect("counted", session.counted as usize == counted);
    let publishers = live
        .iter()
        .filter(|one| !one.is_dependent() && one.is_publisher)
        .count();
    expect("publishers", session.publishers as usize == publishers);
    let deadlines: BTreeSet<_> = live
        .iter()
        .filter_map(|one| Some((one.deadline()?, one.number)))
        .collect();
    expect("deadlines", deadlines.iter().eq(session.deadlines.iter()));
    let owners: BTreeSet<_> = live
        .iter()
        .flat_map(|one| {
            one.tracks
                .iter()
                .map(|track| (track.id.short_key(), one.number))
        })
        .collect();
    expect(
        "track owners",
        owners
            .iter()
            .map(|(a, b)| (a, b))
            .eq(session.track_owners.iter()),
    );
    let subscribers: BTreeSet<_> = session
        .connections
        .iter()
        .flat_map(|one| one.subscriptions.keys().map(|track| (*track, one.number)))
        .collect();
    expect(
        "subscribers",
        subscribers.iter().eq(session.subscribers.iter()),
    );
    let open: BTreeSet<_> = live
        .iter()
        .flat_map(|one| one.tracks.iter().map(|track| track.number))
        .collect();
    expect(
        "subscriptions to tracks that are gone",
        subscribers
            .iter()
            .all(|(track, number)| open.contains(track) && numbers.contains(number)),
    );
    let mut closed = session.connections.iter().filter(|one| !one.is_live());
    expect(
        "tracks of closed connections",
        closed.all(|one| one.tracks.is_empty()),
    );
    expect("an ended session", session.is_open() || live.is_empty());
    check_stints(room, session, say);
}

fn check_stints(room: &Room, session: &Session, say: &mut impl FnMut(String)) {
    let end = session
        .ended
        .map_or(Timestamp::from_micros(i64::MAX), |ended| ended.at);
    for person in &room.people {
        let connections = room.connections_of(person);
        let live: Vec<_> = connections
            .iter()
            .rev()
            .filter(|one| one.is_live())
            .map(|one| one.number)
            .collect();
        if live != person.live {
            say(format!(
                "{} is live as {:?}, not {live:?}",
                person.identity, person.live
            ));
        }
        for one in connections {
            let closed = one.closed.as_ref();
            let inside = one.opened_at >= session.opened_at
                && closed.is_none_or(|closed| one.opened_at <= closed.at && closed.at <= end);
            if !inside {
                say(format!(
                    "a stint of {} lies outside its session",
                    person.identity
                ));
            }
        }
    }
}
