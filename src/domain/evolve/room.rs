//! Folding what happens to the room, its sessions and its people. Apart from connections, whose
//! counts need care. It only copies.

use std::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync, VectorSync};

use super::place::Place;
use crate::domain::event::{
    ParticipantBanned, ParticipantRegistered, ParticipantUnbanned, RevocationLifted,
    RoomConfigChanged, RoomCreated, RoomMetadataChanged, SessionDataChanged, SessionEnded,
    SessionOpened, TokensRevoked,
};
use crate::domain::id::{ParticipantNumber, SessionNumber};
use crate::domain::personal::Personal;
use crate::domain::state::{
    Ban, Ended, Life, Person, Revocation, Room, Session, SettingsSet, Text,
};

pub(super) fn created(room: &mut Room, place: Place, it: &RoomCreated) {
    room.generation = it.generation;
    room.deleted = None;
    room.life = Some(Life {
        id: it.room_id,
        created_at: place.at,
        created: place.version,
        aliases: it.aliases.clone(),
        config: Arc::clone(&it.config),
        config_set: SettingsSet::at(place.version),
        metadata: text(&it.metadata, place),
        explicit: it.explicit,
    });
}

pub(super) fn config_changed(room: &mut Room, place: Place, it: &RoomConfigChanged) {
    if let (Some(life), Some(change)) = (&mut room.life, &it.room) {
        let set = life.config_set;
        life.config_set = set.after(&life.config, &change.after, place.version);
        life.config = Arc::clone(&change.after);
    }
    if let (Some(session), Some(change)) = (&mut room.session, &it.session) {
        let set = session.config_set;
        session.config_set = set.after(&session.config, &change.after, place.version);
        session.config = Arc::clone(&change.after);
    }
}

pub(super) fn metadata_changed(room: &mut Room, place: Place, it: &RoomMetadataChanged) {
    let value = text(&it.metadata, place);
    if let Some(session) = room.session.as_mut().filter(|_| it.session.is_some()) {
        session.metadata = Some(value.clone());
    }
    if let Some(life) = room.life.as_mut().filter(|_| it.room.is_some()) {
        life.metadata = value;
    }
}

/// Bans and revocations end with the generation; people keep their numbers.
pub(super) fn deleted(room: &mut Room, place: Place) {
    room.life = None;
    room.deleted = Some(place.version);
    room.revoked_all = None;
    let marked: Vec<ParticipantNumber> = room
        .by_identity
        .values()
        .filter(|number| {
            room.person(**number)
                .is_some_and(|person| person.ban.is_some() || person.revoked.is_some())
        })
        .copied()
        .collect();
    for number in marked {
        change_person(room, number, |person| {
            person.ban = None;
            person.revoked = None;
        });
    }
}

pub(super) fn session_opened(room: &mut Room, place: Place, it: &SessionOpened) {
    let version = place.version;
    let config_set = room.life.as_ref().map_or(SettingsSet::at(version), |life| {
        life.config_set.after(&life.config, &it.config, version)
    });
    room.next_session = SessionNumber(it.number.0.saturating_add(1));
    room.session = Some(Session {
        id: it.session_id,
        number: it.number,
        opened_at: place.at,
        opened_reported_at: place.reported_at,
        opened: place.version,
        by: it.by,
        config: Arc::clone(&it.config),
        config_set,
        metadata: it.metadata.as_ref().map(|metadata| text(metadata, place)),
        data: None,
        ended: None,
        first_connection: room.next_connection,
        connections: VectorSync::new_sync(),
        by_short_id: RedBlackTreeMapSync::new_sync(),
        track_owners: RedBlackTreeMapSync::new_sync(),
        gone_tracks: RedBlackTreeMapSync::new_sync(),
        subscribers: RedBlackTreeSetSync::new_sync(),
        live: RedBlackTreeSetSync::new_sync(),
        counted: 0,
        publishers: 0,
        joined_ever: false,
        last_left_at: None,
        deadlines: RedBlackTreeSetSync::new_sync(),
    });
}

pub(super) fn session_ended(room: &mut Room, place: Place, it: &SessionEnded) {
    if let Some(session) = &mut room.session {
        session.ended = Some(Ended {
            at: place.at,
            reason: it.reason,
            version: place.version,
        });
    }
}

pub(super) fn session_data_changed(room: &mut Room, place: Place, it: &SessionDataChanged) {
    if let Some(session) = &mut room.session {
        session.data = Some(text(&it.data, place));
    }
}

pub(super) fn registered(room: &mut Room, it: &ParticipantRegistered) {
    if it.participant.index() != room.people.len() {
        return;
    }
    let identity = it.identity.value().clone();
    room.by_identity
        .insert_mut(identity.clone(), it.participant);
    room.people.push_back_mut(Person {
        identity,
        ban: None,
        revoked: None,
        newest: None,
        live: Vec::new(),
        left: None,
    });
}

pub(super) fn banned(room: &mut Room, place: Place, it: &ParticipantBanned) {
    let ban = Ban {
        until: it.until,
        set: place.version,
    };
    change_person(room, it.participant, |person| person.ban = Some(ban));
}

pub(super) fn unbanned(room: &mut Room, it: &ParticipantUnbanned) {
    change_person(room, it.participant, |person| person.ban = None);
}

pub(super) fn tokens_revoked(room: &mut Room, place: Place, it: &TokensRevoked) {
    let revocation = Some(Revocation {
        before: it.before,
        set: place.version,
    });
    match it.participant {
        Some(number) => change_person(room, number, |person| person.revoked = revocation),
        None => room.revoked_all = revocation,
    }
}

pub(super) fn revocation_lifted(room: &mut Room, it: &RevocationLifted) {
    match it.participant {
        Some(number) => change_person(room, number, |person| person.revoked = None),
        None => room.revoked_all = None,
    }
}

pub(super) fn change_person(
    room: &mut Room,
    number: ParticipantNumber,
    change: impl FnOnce(&mut Person),
) {
    if let Some(person) = room.people.get_mut(number.index()) {
        change(person);
    }
}

pub(super) fn text(value: &Personal<String>, place: Place) -> Text {
    Text {
        value: Arc::from(value.as_str()),
        set: place.version,
    }
}
