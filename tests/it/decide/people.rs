//! People and what they bring: tokens, ids, attributes, reports that come late. Tables as in the
//! file above.

use super::check;

/// log.md rule 21: whatever the ledger's time is.
#[test]
fn a_token_expires_by_the_wall_clock() {
    check(
        "create                   -> room_created
         skew 7200                ->
         join alice expires=7140  -> ! token-expired
         join alice expires=7141  -> participant_registered session_opened connection_opened \
                                     connection_activated
         skew -7200               ->
         join bob expires=-7260   -> ! token-expired
         join bob expires=-7259   -> participant_registered connection_opened \
                                     connection_activated",
    );
}

#[test]
fn an_id_that_means_somebody_is_not_to_be_brought_again() {
    check(
        "join alice                        -> room_created participant_registered session_opened \
                                              connection_opened connection_activated
         join bob alias=the:alice          -> ! id-reused
         join bob                          -> participant_registered connection_opened \
                                              connection_activated
         publish bob camera id=the:bob     -> ! id-reused
         leave alice                       -> connections_closed
         join alice alias=the:alice        -> ! id-reused
         swap                              ->
         join alice alias=the:alice        -> room_created participant_registered session_opened \
                                              connection_opened connection_activated",
    );
}

#[test]
fn a_late_leave_of_a_session_that_is_over_is_old_news() {
    check(
        "join alice alias=c1 -> room_created participant_registered session_opened \
                                connection_opened connection_activated
         end                 -> session_end_requested connections_closed<1 session_ended<1
         leave c1            ->
         join bob            -> participant_registered session_opened connection_opened \
                                connection_activated
         leave c1            ->
         leave c9            -> ! no-such-connection
         publish bob camera id=t1 -> track_published
         leave t1            -> ! no-such-connection",
    );
}

#[test]
fn who_becomes_active_while_interrupted_is_not_closed_as_never_active() {
    check(
        "join alice joining -> room_created participant_registered session_opened \
                               connection_opened
         interrupt alice    -> connection_interrupted
         activate alice     -> connection_activated
         activate alice     ->
         resume alice       ->
         wait 60            ->
         interrupt alice    -> connection_interrupted
         activate alice     ->
         resume alice       -> connection_resumed",
    );
}

/// Who is inside was let in: neither an old token nor attributes that grew keep them from moving.
#[test]
fn whoever_is_inside_can_be_moved() {
    let (a, b) = ("a".repeat(60_000), "b".repeat(60_000));
    check(&format!(
        "join alice expires=3 -> room_created participant_registered session_opened \
                                 connection_opened connection_activated
         profile alice a={a}  -> profile_changed
         profile alice b={b}  -> profile_changed
         wait 100             ->
         move alice           -> move_requested connections_closed<1 / room_created \
                                 participant_registered session_opened connection_opened \
                                 connection_activated
         move *               -> no_effect"
    ));
}

#[test]
fn a_participants_attributes_are_bounded_in_all() {
    let text = "x".repeat(60_000);
    let joined = "join alice -> room_created participant_registered session_opened \
                  connection_opened connection_activated";
    let mut lines = vec![joined.to_owned()];
    for key in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        lines.push(format!("profile alice {key}={text} -> profile_changed"));
    }
    // 8 times 1 + 60,000 bytes, and what is left of 512 KiB for another.
    let rest = "x".repeat(524_288 - 480_008 - 1);
    lines.push(format!("profile alice i={rest}y -> ! too-large"));
    lines.push(format!("profile alice i={rest} -> profile_changed"));
    lines.push(format!("profile alice a={text}y -> ! too-large"));
    lines.push("profile alice b -> profile_changed".to_owned());
    lines.push(format!("profile alice a={text}y -> profile_changed"));
    check(&lines.join("\n"));
}

/// The room's own metadata and the session's are two values, each set where it differs.
#[test]
fn metadata_that_the_session_shows_already_is_still_the_rooms_to_keep() {
    check(
        "create                    -> room_created
         join alice                -> participant_registered session_opened connection_opened \
                                      connection_activated
         update metadata=x session -> room_metadata_changed
         update metadata=x         -> room_metadata_changed
         update metadata=x         -> no_effect
         end                       -> session_end_requested connections_closed<1 session_ended<1
         see room                  -> life 1 explicit metadata=x#7",
    );
}

/// Who counts no longer has left, as far as the end of the session goes.
#[test]
fn a_session_ends_after_the_last_who_counts_was_marked() {
    check(
        "join alice            -> room_created participant_registered session_opened \
                                  connection_opened connection_activated
         wait 100              ->
         permit alice agent=on -> permissions_changed
         wait 10               ->
         permit alice data=off -> permissions_changed
         wait 9                ->
         wait 1                -> connections_closed session_ended
         join robot marked=agent -> participant_registered session_opened connection_opened \
                                  connection_activated
         wait 200              ->
         permit robot agent=off -> permissions_changed
         permit robot agent=on -> permissions_changed
         wait 19               ->
         wait 1                -> connections_closed session_ended",
    );
}
