//! Rules at their edge: the moment before and the moment itself, the largest and one more, the same
//! again. Tables as in the file above.

use std::collections::BTreeSet;

use roomledger::domain::command::{Join, PublishTrack};
use roomledger::domain::event::{TrackKind, TrackShape};
use roomledger::domain::{
    Command, Context, Defaults, Identity, Rejection, Request, Room, RoomName, Source, Target,
    Timestamp, decide, decide_move,
};

use super::check;

#[test]
fn a_ban_ends_at_its_moment() {
    check(
        "create           -> room_created
         ban alice for=0  -> ! invalid
         ban alice for=60 -> participant_registered participant_banned
         ban alice for=60 -> no_effect
         ban alice for=90 -> participant_banned
         ban alice for=60 -> participant_banned
         wait 59          ->
         join alice       -> ! banned
         wait 1           ->
         unban alice      -> no_effect
         join alice       -> session_opened connection_opened connection_activated
         ban bob for=60   -> participant_registered participant_banned
         wait 59          ->
         unban bob        -> participant_unbanned
         unban carol      -> no_effect",
    );
}

#[test]
fn several_are_removed_each_for_itself() {
    check(
        "remove-each alice             -> ! no-such-room
         refused remove-each alice     -> command_refused unknown \"alice\"
         refused remove-each alice,bob -> command_refused nobody
         create                        -> room_created
         remove-each alice,bob         -> no_effect no_effect
         remove-each alice ban         -> participant_registered participant_banned
         join alice                    -> ! banned
         join bob                      -> participant_registered session_opened \
                                          connection_opened connection_activated
         join carol                    -> participant_registered connection_opened \
                                          connection_activated
         remove-each bob,dave,carol    -> removal_requested connections_closed<1 no_effect \
                                          removal_requested connections_closed<4
         remove-each bob               -> no_effect
         remove-each bob,dave ban      -> participant_banned participant_registered \
                                          participant_banned",
    );
}

/// Who only wants it to be over is told so; where there was none, that is another thing.
#[test]
fn an_end_of_a_session_that_may_be_over() {
    check(
        "end-if-open           -> ! no-such-room
         create                -> room_created
         end-if-open           -> ! no-open-session
         join alice            -> participant_registered session_opened connection_opened \
                                  connection_activated
         end-if-open           -> session_end_requested connections_closed<1 session_ended<1
         end-if-open           -> no_effect
         meaning 1 end-if-open -> no_effect
         join alice            -> session_opened connection_opened connection_activated
         meaning 1 end-if-open -> no_effect
         meaning 2 end-if-open -> session_end_requested connections_closed<1 session_ended<1
         delete                -> room_deleted
         create                -> room_created
         end-if-open           -> ! no-open-session",
    );
}

/// Who names a session never meets the next one.
#[test]
fn a_command_for_a_session_that_is_over() {
    check(
        "join alice               -> room_created participant_registered session_opened \
                                     connection_opened connection_activated
         meaning 1 mute alice m   -> ! no-such-track
         meaning 1 remove alice   -> removal_requested connections_closed<1
         meaning 1 end            -> session_end_requested session_ended<1
         meaning 1 end            -> ! no-open-session
         join alice               -> session_opened connection_opened connection_activated
         meaning 1 end            -> ! no-open-session
         told meaning 1 remove alice -> session \"RM_i2uWBdV9EKRN\" of room \"town\" is over
         meaning 2 remove alice   -> removal_requested connections_closed<1
         meaning 2 end            -> session_end_requested session_ended<1",
    );
}

/// A room whose time is over is gone to some: they may not change it, and may have its name once
/// nobody is inside. To others it is there until it is deleted.
#[test]
fn a_room_whose_time_is_over() {
    check(
        "create                      -> room_created
         join alice                  -> participant_registered session_opened connection_opened \
                                        connection_activated
         update expires=60           -> room_config_changed
         wait 59                     ->
         update expires=1 unexpired  -> no_effect
         create anew                 -> no_effect
         wait 1                      ->
         update unexpired max=3      -> ! room-expired
         update expires=60 max=2     -> room_config_changed
         wait 60                     ->
         create                      -> no_effect
         create anew                 -> ! room-expired
         create only anew            -> ! invalid
         remove alice                -> removal_requested connections_closed<1
         create                      -> no_effect
         create anew                 -> session_end_requested session_ended<1 room_deleted \
                                        room_created
         create anew                 -> no_effect
         see room                    -> life 2 explicit",
    );
}

#[test]
fn a_revocation_never_moves_back() {
    check(
        "create                   -> room_created
         revoke alice at=-10      -> participant_registered tokens_revoked
         revoke alice at=-11      -> no_effect
         revoke alice at=-10      -> no_effect
         revoke alice at=-9       -> tokens_revoked
         join alice token=-10     -> ! token-revoked
         join alice token=-9      -> session_opened connection_opened connection_activated
         remove alice             -> removal_requested connections_closed<1
         join alice token=0       -> connection_opened connection_activated
         revoke alice             -> tokens_revoked
         remove alice revoke      -> removal_requested connections_closed<1
         wait 1                   ->
         join alice token=0       -> connection_opened connection_activated
         remove alice revoke      -> removal_requested tokens_revoked<1 connections_closed<1
         revoke alice at=50       -> tokens_revoked
         join alice token=60      -> connection_opened connection_activated
         remove alice revoke      -> removal_requested connections_closed<1
         see room                 -> life 1 explicit",
    );
}

#[test]
fn to_revoke_everybody_is_one_revocation() {
    check(
        "join alice token=0  -> room_created participant_registered session_opened \
                                connection_opened connection_activated
         join bob token=0    -> participant_registered connection_opened connection_activated
         remove * revoke     -> removal_requested tokens_revoked<1 connections_closed<1
         see room            -> life 1 revoked
         join bob token=-1   -> ! token-revoked
         join bob token=0    -> connection_opened connection_activated
         remove * revoke     -> removal_requested connections_closed<1
         remove *            -> no_effect
         revoke all at=9     -> tokens_revoked
         join bob token=10   -> connection_opened connection_activated
         remove * revoke     -> removal_requested connections_closed<1
         wait 10             ->
         join bob token=0    -> connection_opened connection_activated
         remove * revoke     -> removal_requested tokens_revoked<1 connections_closed<1",
    );
}

#[test]
fn doors_open_and_close_at_their_moment() {
    check(
        "create                   -> room_created
         join alice expires=-60   -> ! token-expired
         join alice expires=-59   -> participant_registered session_opened connection_opened \
                                     connection_activated
         update opens=100         -> room_config_changed
         wait 99                  ->
         join bob                 -> ! room-not-open
         wait 1                   ->
         join bob                 -> participant_registered connection_opened \
                                     connection_activated
         update expires=30        -> room_config_changed
         wait 29                  ->
         join carol               -> participant_registered connection_opened \
                                     connection_activated
         wait 1                   ->
         join dave                -> ! room-expired",
    );
}

#[test]
fn a_full_room_takes_whoever_replaces_or_does_not_count() {
    check(
        "create                  -> room_created
         update max=2            -> room_config_changed
         join alice              -> participant_registered session_opened connection_opened \
                                    connection_activated
         join bob                -> participant_registered connection_opened connection_activated
         join bob                -> connections_closed connection_opened connection_activated
         join carol marked=none  -> ! room-full
         join rec marked=recorder -> participant_registered connection_opened \
                                     connection_activated
         join bot marked=agent   -> participant_registered connection_opened connection_activated
         join robot agent        -> participant_registered connection_opened connection_activated
         see session             -> open 1 0/2 max=2
         update max=2 doubles    -> room_config_changed
         join bob                -> ! room-full
         leave bob               -> connections_closed
         join bob                -> connection_opened connection_activated",
    );
}

#[test]
fn timers_fire_at_their_moment_each_with_its_cause() {
    check(
        "join alice joining eject=30  -> room_created participant_registered session_opened \
                                         connection_opened
         see session                  -> open 1 0/1 due=30
         wait 29                      ->
         wait 1                       -> connections_closed
         see alice                    -> closed expired ~1
         join bob joining eject=90    -> participant_registered connection_opened
         see session                  -> open 1 0/1 due=60
         wait 60                      -> connections_closed
         see bob                      -> closed never_active ~1
         join carol joining eject=90  -> participant_registered connection_opened
         activate carol               -> connection_activated
         see session                  -> open 1 0/1 due=90
         update expires=80 eject      -> room_config_changed
         see session                  -> open 1 0/1 due=80
         wait 79                      ->
         wait 1                       -> connections_closed session_ended
         see carol                    -> closed room_expired ~2
         see session                  -> ended expired 0/0",
    );
}

#[test]
fn an_unused_session_is_empty_and_a_used_one_departed() {
    check(
        "create session      -> room_created session_opened
         join robot agent    -> participant_registered connection_opened connection_activated
         see session         -> open 1 0/0 due=300
         wait 300            -> connections_closed session_ended
         see session         -> ended empty 0/0
         see robot           -> closed room_closed dependent ~2
         join alice          -> participant_registered session_opened connection_opened \
                                connection_activated
         wait 7              ->
         leave alice         -> connections_closed
         see session         -> open 2 0/0 due=20
         wait 19             ->
         wait 1              -> session_ended
         see session         -> ended departed 0/0
         create eject=40     -> no_effect
         delete              -> room_deleted
         create eject=40     -> room_created
         join bob eject=50   -> participant_registered session_opened connection_opened \
                                connection_activated
         see session         -> open 3 0/1 due=40",
    );
}

#[test]
fn a_version_may_be_expected_from_the_last_change_to_the_head() {
    check(
        "join alice                       -> room_created participant_registered session_opened \
                                             connection_opened connection_activated
         note room                        -> note_added
         note 6                           -> note_added
         note 8                           -> ! no-such-version
         note 0                           -> ! no-such-version
         expecting 4 note room            -> ! version-conflict
         expecting 5 note room            -> note_added
         expecting 8 note room            -> note_added
         expecting 10 note room           -> ! version-conflict
         told expecting 10 note room      -> room \"town\" is at version 9, not at 10: \
                                             read it again",
    );
}

#[test]
fn media_servers_lists_close_what_they_had_seen_and_no_longer_name() {
    check(
        "join alice on=sfu-1    -> room_created participant_registered session_opened \
                                   connection_opened connection_activated
         join bob on=sfu-1      -> participant_registered connection_opened connection_activated
         sync sfu-1 as-of=3     ->
         sync sfu-2             ->
         sync sfu-1 as-of=4     -> connections_closed
         see alice              -> closed reporter_lost ~2
         sync sfu-1 as-of=6     ->
         sync sfu-1 keeps=bob   ->
         sync sfu-1             -> connections_closed",
    );
}

#[test]
fn reports_tell_each_change_once() {
    check(
        "join alice joining    -> room_created participant_registered session_opened \
                                  connection_opened
         resume alice          ->
         interrupt alice       -> connection_interrupted
         interrupt alice       ->
         see alice             -> interrupted ~0
         resume alice          -> connection_resumed
         see alice             -> joining ~0
         activate alice        -> connection_activated
         interrupt alice       -> connection_interrupted
         activate alice        ->
         resume alice          -> connection_resumed
         resume alice          ->
         see alice             -> active ~1
         publish alice microphone id=m -> track_published
         unmute-self alice m   ->
         mute-self alice m     -> track_mute_changed
         mute-self alice m     ->
         track alice m name=x  -> track_updated
         track alice m name=x  ->
         track alice m width=3 -> track_updated
         track alice m width=3 ->
         track alice m         ->
         see alice             -> active publisher [!microphonex3] ~5
         activity              ->
         activity room alice   -> activity_reported:-,1
         activity nobody       -> ! no-such-connection",
    );
}

#[test]
fn subscriptions_are_recorded_where_they_change_or_name_what_is_unknown() {
    check(
        "join alice                    -> room_created participant_registered session_opened \
                                          connection_opened connection_activated
         publish alice microphone id=m -> track_published
         subscribe alice m             -> subscriptions_changed
         subscribe alice m             -> no_effect
         see alice                     -> active publisher [microphone0] +1 ~2
         unsubscribe alice m           -> subscriptions_changed
         unsubscribe alice             -> no_effect
         unsubscribe alice m           -> no_effect
         unsubscribe alice m x         -> subscriptions_changed
         see alice                     -> active publisher [microphone0] -1 ~2",
    );
}

#[test]
fn limits_of_rooms_and_tracks_hold_at_their_edge() {
    let metadata = "x".repeat(512 * 1024);
    check(&format!(
        "create p={metadata}          -> ! too-large
         create metadata={metadata}x  -> ! too-large
         create p={}                  -> room_created
         update q=x                   -> ! too-large
         update p=y                   -> room_config_changed
         update q=x                   -> room_config_changed",
        &metadata[1..]
    ));
    let name = "x".repeat(4096);
    check(&format!(
        "join alice                    -> room_created participant_registered session_opened \
                                          connection_opened connection_activated
         publish alice camera id=t     -> track_published
         track alice t name={name}x    -> ! too-large
         track alice t name={name}     -> track_updated
         {}
         publish alice camera          -> ! too-many",
        "publish alice camera -> track_published\n".repeat(255)
    ));
}

#[test]
fn refusals_say_who_where_and_what() {
    let start = "join alice -> room_created participant_registered session_opened \
                 connection_opened connection_activated\n";
    check(&format!(
        "{start}
         told as alice remove bob -> alice in room \"town\" may not give the command remove
         told mute bob m          -> participant \"bob\" is not in room \"town\"
         told mute alice m        -> participant \"alice\" of room \"town\" has no track \"m\"
         permit alice data=off send=off   -> permissions_changed
         told publish alice data  -> alice in room \"town\" may not publish data
         told publish alice screen -> alice in room \"town\" may not publish a screen share"
    ));
}

/// Whom the record of a refusal names: by number where the room knows them.
#[test]
fn a_refusal_names_whom_it_was_about() {
    check(
        "refused ban bob            -> command_refused unknown \"bob\"
         refused mute * m           -> command_refused unknown \"*\"
         refused end                -> command_refused nobody
         create                     -> room_created
         ban bob                    -> participant_registered participant_banned
         refused join bob           -> command_refused participant 1
         refused join carol expires=-99 -> participant_registered command_refused participant 2
         refused mute dave m        -> command_refused unknown \"dave\"
         refused mute bob m         -> command_refused participant 1
         join alice                 -> participant_registered session_opened connection_opened \
                                       connection_activated
         leave alice                -> connections_closed
         refused publish alice data -> command_refused connection 1
         refused permit dave data=on -> command_refused unknown \"dave\"
         refused permit alice,dave data=on -> command_refused nobody
         refused note 99            -> command_refused nobody",
    );
}

fn request(command: Command) -> Request {
    Request::new(RoomName::new("town").unwrap(), command)
}

fn context(defaults: &Defaults, entropy: u128) -> Context<'_> {
    Context {
        now: Timestamp::from_seconds(1_700_000_000),
        wall: Timestamp::from_seconds(1_700_000_000),
        defaults,
        entropy,
    }
}

/// Every id is another one, within a decision and beside those in use, whatever chance gives.
#[test]
fn ids_differ_though_chance_repeats_itself() {
    let defaults = Defaults::default();
    for entropy in [0, 7, u128::MAX] {
        let context = context(&defaults, entropy);
        let mut room = Room::new(RoomName::new("town").unwrap());
        let mut ids = Vec::new();
        for name in ["alice", "bob"] {
            let join = Join::new(Identity::new(name).unwrap());
            room = decide(&room, &request(Command::Join(join)), &context)
                .unwrap()
                .room;
        }
        let first = &room.session.as_ref().unwrap();
        ids.extend([room.life.as_ref().unwrap().id, first.id]);
        ids.extend(first.connections.iter().map(|it| it.id).take(1));
        let apart: BTreeSet<_> = ids.iter().collect();
        assert_eq!(apart.len(), 3, "{ids:?}");
        let connection = first.connections.first().unwrap().sid();
        for _ in 0..2 {
            let track = Command::PublishTrack(PublishTrack {
                connection: connection.clone(),
                alias: None,
                kind: TrackKind::Video,
                source: Source::Camera,
                name: String::new(),
                muted: false,
                shape: TrackShape::default(),
            });
            room = decide(&room, &request(track), &context).unwrap().room;
        }
        let session = room.session.as_ref().unwrap();
        let connections: BTreeSet<_> = session.connections.iter().map(|it| it.id).collect();
        let tracks = &session.connections.first().unwrap().tracks;
        let tracks: BTreeSet<_> = tracks.iter().map(|it| it.id).collect();
        assert_eq!((connections.len(), tracks.len()), (2, 2));
    }
}

/// What the edge could not read, or objects to, and what is decided elsewhere.
#[test]
fn what_is_no_command_for_one_room_is_refused() {
    let defaults = Defaults::default();
    let context = context(&defaults, 1);
    let room = Room::new(RoomName::new("town").unwrap());
    let code = |no: Rejection| no.code().as_str();
    let decided = |request: &Request| decide(&room, request, &context).map_err(code);
    let to = Command::Move {
        target: Target::Everyone,
        to_room: RoomName::new("city").unwrap(),
    };
    assert_eq!(decided(&request(to)).unwrap_err(), "invalid");
    assert_eq!(
        decided(&request(Command::Unread("join"))).unwrap_err(),
        "invalid"
    );
    let mut objected = request(Command::Tick);
    objected.objection = Some(Rejection::RoomDisabled {
        because: None,
        room: "town".to_owned(),
    });
    assert_eq!(decided(&objected).unwrap_err(), "room-disabled");
    let moved = decide_move(&room, &room, &request(Command::Tick), &context);
    assert_eq!(moved.map_err(code).unwrap_err(), "invalid");
    let nothing = decided(&request(Command::Tick)).unwrap();
    assert_eq!(nothing.events, Vec::new());
}
