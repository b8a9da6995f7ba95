//! The cases of `decide`, as tables of lines through one `check`.
//!
//! A line is a command, an arrow, and what it comes to: the kinds of its events, each with the
//! place among them of the event that caused it (`<1`; `<0` for an earlier command's), or `!` and
//! the codes of the refusal.

mod acting;
mod amounts;
mod edges;
mod folds;
mod people;
mod revocations;
mod seen;
mod words;
mod world;

use roomledger::domain::{Alias, Identity, RoomName};

use self::world::World;

/// Plays the lines on an empty room and compares each with its right side.
#[track_caller]
fn check(table: &str) {
    let mut world = World::new();
    let mut wrong = Vec::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = line.split_once("->").expect("a line has an arrow");
        let expected: Vec<&str> = expected.split_whitespace().collect();
        let actual = world.play(command.trim());
        if actual.split_whitespace().collect::<Vec<_>>() != expected {
            wrong.push(format!(
                "{command}-> {actual}\n  expected {}",
                expected.join(" ")
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn joins() {
    check(
        "join alice          -> room_created participant_registered session_opened \
                                connection_opened connection_activated
         join bob joining    -> participant_registered connection_opened
         activate bob        -> connection_activated
         activate bob        ->
         join alice          -> connections_closed connection_opened connection_activated
         leave alice         -> connections_closed
         leave alice         ->
         join alice alias=c1 -> connection_opened connection_activated
         join carol alias=c1 -> ! id-reused
         join dave agent     -> participant_registered connection_opened connection_activated",
    );
}

#[test]
fn doubles_where_the_room_allows_them() {
    check(
        "create              -> room_created
         update doubles      -> room_config_changed
         join alice          -> participant_registered session_opened connection_opened \
                                connection_activated
         join alice          -> connection_opened connection_activated
         remove alice        -> removal_requested connections_closed<1",
    );
}

#[test]
fn bans_hold_until_lifted_or_over() {
    check(
        "ban alice           -> ! no-such-room
         create              -> room_created
         ban alice           -> participant_registered participant_banned
         ban alice           -> no_effect
         join alice          -> ! banned
         unban alice         -> participant_unbanned
         unban alice         -> no_effect
         join alice          -> session_opened connection_opened connection_activated
         remove alice ban    -> removal_requested participant_banned<1 connections_closed<1
         join alice          -> ! banned
         ban alice for=60    -> participant_banned
         join alice          -> ! banned
         wait 19             ->
         wait 1              -> session_ended
         wait 41             ->
         join alice          -> session_opened connection_opened connection_activated
         delete              -> session_end_requested connections_closed<1 session_ended<1 \
                                room_deleted",
    );
}

#[test]
fn revoked_tokens_do_not_come_back() {
    check(
        "join alice token=-10     -> room_created participant_registered session_opened \
                                     connection_opened connection_activated
         remove alice revoke      -> removal_requested tokens_revoked<1 connections_closed<1
         join alice token=-10     -> ! token-revoked
         join alice               -> ! token-revoked
         join alice token=0       -> connection_opened connection_activated
         revoke all               -> tokens_revoked
         revoke all               -> no_effect
         join bob token=-1        -> ! token-revoked
         ban bob                  -> participant_registered participant_banned
         join bob token=-1        -> ! banned token-revoked
         join carol token=0       -> participant_registered connection_opened \
                                     connection_activated",
    );
}

#[test]
fn rooms_that_let_nobody_in() {
    check(
        "create               -> room_created
         update max=1         -> room_config_changed
         join alice           -> participant_registered session_opened connection_opened \
                                 connection_activated
         join bob             -> ! room-full
         join alice           -> connections_closed connection_opened connection_activated
         join robot agent     -> participant_registered connection_opened connection_activated
         update disabled      -> room_config_changed
         join bob             -> ! room-disabled room-full
         update opens=100     -> room_config_changed
         join bob             -> ! room-not-open room-full
         update expires=30    -> room_config_changed
         wait 31              ->
         join alice           -> ! room-expired",
    );
}

#[test]
fn removal_closes_tracks_then_the_stint_then_waits_for_the_client() {
    check(
        "join alice           -> room_created participant_registered session_opened \
                                 connection_opened connection_activated
         publish alice camera -> track_published
         publish alice microphone -> track_published
         remove alice         -> removal_requested tracks_unpublished<1 connections_closed<1
         leave alice          -> close_confirmed<0
         leave alice          ->
         remove alice         -> ! no-such-participant
         publish alice camera -> ! connection-closed
         remove nobody        -> ! no-such-participant",
    );
}

#[test]
fn a_leave_takes_its_tracks_along_and_is_their_cause() {
    check(
        "join alice           -> room_created participant_registered session_opened \
                                 connection_opened connection_activated
         publish alice camera -> track_published
         leave alice          -> tracks_unpublished<2 connections_closed",
    );
}

#[test]
fn losing_the_right_to_send_unpublishes_exactly_the_lost_sources() {
    check(
        "join alice                 -> room_created participant_registered session_opened \
                                       connection_opened connection_activated
         publish alice camera       -> track_published
         publish alice microphone   -> track_published
         permit alice only=camera   -> permissions_changed tracks_unpublished<1
         permit alice only=camera   -> no_effect
         publish alice microphone   -> ! no-right
         permit alice send=off      -> permissions_changed tracks_unpublished<1
         publish alice camera       -> ! no-right
         permit alice send=on       -> permissions_changed
         publish alice camera       -> track_published
         permit * data=off          -> permissions_changed
         permit nobody send=off     -> ! no-such-participant",
    );
}

#[test]
fn everybody_is_whoever_no_other_key_names() {
    check(
        "join alice                 -> room_created participant_registered session_opened \
                                       connection_opened connection_activated
         join bob                   -> participant_registered connection_opened \
                                       connection_activated
         publish alice camera       -> track_published
         publish bob camera         -> track_published
         permit *,bob send=off      -> permissions_changed tracks_unpublished<1 \
                                       tracks_unpublished<1
         permit alice send=on       -> permissions_changed
         permit bob send=on         -> permissions_changed
         publish alice camera       -> track_published
         publish bob camera         -> track_published
         permit *|bob send=off      -> permissions_changed tracks_unpublished<1",
    );
}

#[test]
fn muting() {
    check(
        "join alice                    -> room_created participant_registered session_opened \
                                          connection_opened connection_activated
         publish alice microphone id=m -> track_published
         mute alice m                  -> track_mute_changed
         mute alice m                  -> no_effect
         unmute alice m                -> ! remote-unmute-disabled
         mute alice x                  -> ! no-such-track
         mute bob m                    -> ! no-such-participant
         update unmute                 -> room_config_changed
         unmute alice m                -> track_mute_changed
         unmute-self alice m           ->
         unpublish alice m             -> tracks_unpublished
         unpublish alice m             -> ! no-such-track",
    );
}

#[test]
fn profiles() {
    check(
        "join alice                 -> room_created participant_registered session_opened \
                                       connection_opened connection_activated
         profile alice name=A       -> profile_changed
         profile alice name=A       -> no_effect
         profile alice a=1          -> profile_changed
         profile alice a            -> profile_changed
         profile alice a            -> no_effect
         profile-self alice name=B  -> ! no-right
         permit alice own=on        -> permissions_changed
         profile-self alice name=B  -> profile_changed
         profile-self alice name=B  ->
         profile nobody name=A      -> ! no-such-participant",
    );
}

#[test]
fn sessions_end_by_request_or_by_timer() {
    check(
        "create session             -> room_created session_opened
         create session             -> no_effect
         wait 299                   ->
         wait 1                     -> session_ended
         create session             -> session_opened
         join alice                 -> participant_registered connection_opened \
                                       connection_activated
         leave alice                -> connections_closed
         wait 20                    -> session_ended
         end                        -> ! no-open-session
         join alice joining         -> session_opened connection_opened
         wait 60                    -> connections_closed
         wait 20                    -> session_ended
         join robot agent           -> participant_registered session_opened connection_opened \
                                       connection_activated
         wait 300                   -> connections_closed session_ended
         join alice                 -> session_opened connection_opened connection_activated
         end                        -> session_end_requested connections_closed<1 \
                                       session_ended<1",
    );
}

#[test]
fn what_is_given_as_a_connection_needs_its_right() {
    check(
        "join alice                 -> room_created participant_registered session_opened \
                                       connection_opened connection_activated
         join bob                   -> participant_registered connection_opened \
                                       connection_activated
         as bob remove alice        -> ! no-right
         permit bob admin           -> permissions_changed
         as bob remove alice        -> removal_requested connections_closed<1",
    );
}

#[test]
fn moves_are_both_or_neither() {
    check(
        "join alice                 -> room_created participant_registered session_opened \
                                       connection_opened connection_activated
         publish alice camera       -> track_published
         move alice                 -> move_requested tracks_unpublished<1 connections_closed<1 \
                                       / room_created participant_registered session_opened \
                                       connection_opened connection_activated
         move alice                 -> ! no-such-participant",
    );
}

#[test]
fn ghosts_go_when_their_media_server_no_longer_lists_them() {
    check(
        "join alice on=sfu-1        -> room_created participant_registered session_opened \
                                       connection_opened connection_activated
         join bob on=sfu-2          -> participant_registered connection_opened \
                                       connection_activated
         join carol on=sfu-1        -> participant_registered connection_opened \
                                       connection_activated
         sync sfu-1 keeps=alice     -> connections_closed
         sync sfu-1 keeps=alice     ->",
    );
}

#[test]
fn records_that_change_nothing() {
    check(
        "note room                  -> ! no-such-room
         join alice                 -> room_created participant_registered session_opened \
                                       connection_opened connection_activated
         note room                  -> note_added
         note alice                 -> note_added
         note nobody                -> ! no-such-participant
         note 3                     -> note_added
         note 99                    -> ! no-such-version
         data alice                 -> data_sent
         data nobody                -> data_sent
         share {\"a\":1}            -> session_data_changed
         merge {\"a\":1}            -> no_effect
         merge {\"b\":2}            -> session_data_changed
         merge 7                    -> ! invalid",
    );
}

#[test]
fn an_expected_version_conflicts_only_with_changes_of_state() {
    check(
        "join alice                 -> room_created participant_registered session_opened \
                                       connection_opened connection_activated
         note room                  -> note_added
         expecting 5 profile alice name=A -> profile_changed
         expecting 5 profile alice name=B -> ! version-conflict
         expecting 99 note room     -> ! version-conflict",
    );
}

/// Limits at their edge: the largest value passes, one byte more is refused.
#[test]
fn limits_hold_at_their_edge() {
    for (field, bytes_max) in [
        ("name", 256),
        ("metadata", 512 * 1024),
        ("a", 64 * 1024 - 1),
    ] {
        let edge = "x".repeat(bytes_max);
        check(&format!(
            "join alice -> room_created participant_registered session_opened \
                           connection_opened connection_activated
             profile alice {field}={edge}x -> ! too-large
             profile alice {field}={edge} -> profile_changed"
        ));
    }
    let name = |bytes| RoomName::new(&"x".repeat(bytes)).is_ok();
    assert!(name(256) && !name(257) && !name(0));
    assert!(Identity::new("a\u{85}b").is_err() && Alias::new("a\nb").is_err());
}
