//! What the fold shows after a few commands. Tables as in the file above; `see` shows.

use roomledger::domain::command::Join;
use roomledger::domain::event::{CloseCause, Closing, ConnectionsClosed, Who};
use roomledger::domain::{
    Command, ConnectionNumber, Context, Defaults, Event, Identity, NewEvent, Reference, Request,
    Room, RoomName, Timestamp, Version, decide, evolve,
};

use super::check;

#[test]
fn a_room_keeps_what_it_was_made_with() {
    check(
        "create max=5 metadata=m p=1 alias=hall -> room_created
         see room                 -> life 1 explicit alias=hall p=1 max=5 metadata=m#1
         see session              -> none
         create session max=7 metadata=s -> session_opened
         see session              -> open 1 0/0 max=7 metadata=s#2 due=300
         update metadata=t        -> room_metadata_changed
         update metadata=t        -> no_effect
         see room                 -> life 1 explicit alias=hall p=1 max=5 metadata=t#3
         see session              -> open 1 0/0 max=7 metadata=t#3 due=300
         update session metadata=u -> room_metadata_changed
         see room                 -> life 1 explicit alias=hall p=1 max=5 metadata=t#3
         see session              -> open 1 0/0 max=7 metadata=u#5 due=300
         update max=7             -> room_config_changed
         see room                 -> life 1 explicit alias=hall p=1 max=7 metadata=t#3
         share {\"a\":1}          -> session_data_changed
         see session              -> open 1 0/0 max=7 metadata=u#5 data={\"a\":1}#7 due=300
         end                      -> session_end_requested session_ended<1
         see session              -> ended requested 0/0 max=7 metadata=u#5 data={\"a\":1}#7
         update session metadata=v -> ! no-open-session
         update disabled          -> room_config_changed
         see room                 -> life 1 explicit disabled alias=hall p=1 max=7 metadata=t#3",
    );
}

#[test]
fn a_deleted_room_forgets_bans_and_revocations_and_keeps_numbers() {
    check(
        "create             -> room_created
         ban alice          -> participant_registered participant_banned
         revoke bob         -> participant_registered tokens_revoked
         revoke all         -> tokens_revoked
         see alice          -> never banned
         see bob            -> never revoked
         see room           -> life 1 explicit revoked
         delete             -> room_deleted
         see room           -> gone after 1
         see alice          -> never
         see bob            -> never
         join bob token=-1  -> room_created session_opened connection_opened connection_activated
         see room           -> life 2
         join alice         -> connection_opened connection_activated
         delete             -> session_end_requested connections_closed<1 session_ended<1 \
                               room_deleted
         see alice          -> closed room_deleted<1 ~2",
    );
}

#[test]
fn connections_show_what_was_said_of_them() {
    check(
        "join alice name=A a=1 max=9 metadata=s -> room_created participant_registered \
                               session_opened connection_opened connection_activated
         see session        -> open 1 0/1 max=9 metadata=s#3
         see alice          -> active name=A#4 a=1 ~1
         profile alice name=B metadata=m b=2 a -> profile_changed
         see alice          -> active name=B#6 metadata=m#6 b=2 ~4
         publish alice camera -> track_published
         publish alice data -> track_published
         see alice          -> active publisher name=B#6 metadata=m#6 b=2 [camera0] [unknown0] ~6
         see session        -> open 1 1/1 max=9 metadata=s#3
         permit alice only=camera -> permissions_changed
         permit alice data=off -> permissions_changed tracks_unpublished<1
         see alice          -> active publisher no-data listed name=B#6 metadata=m#6 b=2 \
                               [camera0] ~9
         permit alice whole data=on -> permissions_changed tracks_unpublished<1
         see alice          -> active no-send name=B#6 metadata=m#6 b=2 ~11
         see session        -> open 1 0/1 max=9 metadata=s#3
         remove alice       -> removal_requested connections_closed<1
         see alice          -> closed removed<1 no-send name=B#6 metadata=m#6 b=2 ~12
         leave alice        -> close_confirmed<0
         see alice          -> closed removed confirmed<1 no-send name=B#6 metadata=m#6 b=2 ~12",
    );
}

#[test]
fn permissions_change_for_whoever_is_known() {
    check(
        "join alice                      -> room_created participant_registered session_opened \
                                            connection_opened connection_activated
         join bob                        -> participant_registered connection_opened \
                                            connection_activated
         permit alice,nobody data=off    -> ! no-such-participant
         permit alice,nobody leniently data=off -> permissions_changed
         permit nobody leniently data=off -> permissions_changed
         permit alice leniently data=off -> no_effect
         see alice                       -> active publisher no-data ~2
         see bob                         -> active ~1
         whom permit *|bob data=on       -> 1 / 2
         whom permit *,nobody leniently data=off -> 1,2
         permit * data=on                -> permissions_changed
         appoint bob name=B data=off     -> profile_changed permissions_changed
         appoint bob name=B data=on      -> permissions_changed
         appoint bob name=C data=on      -> profile_changed
         appoint bob name=C data=on      -> no_effect",
    );
}

#[test]
fn a_move_takes_profile_rights_and_state_along() {
    check(
        "join alice joining alias=c name=A -> room_created participant_registered session_opened \
                                         connection_opened
         permit alice data=off      -> permissions_changed
         move alice nowhere         -> ! same-room
         move alice                 -> move_requested connections_closed<1 / room_created \
                                       participant_registered session_opened connection_opened
         see alice                  -> closed moved<1 alias=c publisher no-data name=A#4 ~2
         there see alice            -> joining alias=c no-data name=A#4 from=town ~0
         swap                       ->
         move alice                 -> move_requested connections_closed<1 / connection_opened
         there see alice            -> joining alias=c no-data name=A#8 from=city ~0",
    );
}

#[test]
fn doubles_live_side_by_side() {
    check(
        "create            -> room_created
         update doubles    -> room_config_changed
         join alice        -> participant_registered session_opened connection_opened \
                              connection_activated
         join alice        -> connection_opened connection_activated
         see alice         -> active ~1 x2
         see session       -> open 1 0/2
         leave alice       -> connections_closed
         see alice         -> closed left ~2
         see session       -> open 1 0/1",
    );
}

/// A cause in another room is nobody's version here.
#[test]
fn a_closing_points_to_its_cause_in_this_room_alone() {
    for (cause, because) in [
        (None, 6),
        (Some(Reference::here(Version(3))), 3),
        (Some(elsewhere()), 6),
    ] {
        let mut room = Room::new(RoomName::new("town").unwrap());
        let join = Command::Join(Join::new(Identity::new("alice").unwrap()));
        let request = Request::new(room.name.clone(), join);
        let defaults = Defaults::default();
        let now = Timestamp::from_seconds(1_700_000_000);
        let context = Context {
            now,
            wall: now,
            defaults: &defaults,
            entropy: 1,
        };
        room = decide(&room, &request, &context).unwrap().room;
        let closing = Closing {
            cause: CloseCause::Left,
            reported_reason: None,
            due_at: None,
        };
        let who = Who::connection(ConnectionNumber(1));
        let event = NewEvent {
            event: Event::ConnectionsClosed(ConnectionsClosed { who, closing }),
            cause,
            occurred_at: None,
        };
        evolve(&mut room, Version(6), now, &event);
        let closed = room
            .connection(ConnectionNumber(1))
            .unwrap()
            .closed
            .clone()
            .unwrap();
        assert_eq!(
            (closed.version, closed.because),
            (Version(6), Version(because))
        );
    }
}

fn elsewhere() -> Reference {
    Reference {
        room: Some(RoomName::new("city").unwrap()),
        version: Version(3),
    }
}
