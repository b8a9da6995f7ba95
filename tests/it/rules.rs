//! The rules of the log, each with the tests that fail when it is taken out: a rule that loses its
//! last test, or a test that is renamed, fails here.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Number of the rule in docs/log.md, and its tests. Most are named after it; where an older test
/// holds a rule that is wider than its name says, it stands here as it is called.
const TESTS: &[(usize, &[&str])] = &[
    (
        1,
        &[
            "rule_01_any_changed_bit_of_a_frame_is_found",
            "every_bit_of_a_journal_matters_and_is_healed",
        ],
    ),
    (
        2,
        &[
            "rule_02_a_frame_over_the_limit_is_refused_and_one_at_the_limit_is_not",
            "rule_02_a_group_closes_at_its_bytes_or_when_the_queue_is_empty",
        ],
    ),
    (
        3,
        &[
            "rule_03_a_bad_unsealed_frame_is_kept_aside_and_said",
            "rule_03_a_bad_sealed_frame_is_damage_and_never_cut_off",
            "rule_03_a_seal_is_not_sealed_by_another",
            "rule_03_the_last_commit_is_sealed_once_nothing_follows_it",
        ],
    ),
    (
        4,
        &[
            "rule_04_zeroed_page_in_the_middle_is_damage",
            "rule_04_zeros_are_no_end_when_a_later_segment_has_frames",
            "rule_04_the_last_seal_again_behind_the_end_is_no_damage",
            "rule_04_the_tail_is_zeroed_durably_before_the_first_append",
        ],
    ),
    (
        5,
        &["rule_05_acknowledged_frames_survive_a_power_cut_in_every_segment"],
    ),
    (
        6,
        &[
            "rule_06_no_head_beside_frames_is_refused_with_the_command_to_run",
            "rule_06_without_head_and_frames_a_log_begins_anew",
            "rule_06_head_is_unclean_from_open_to_close",
            "rule_06_a_close_is_clean_only_once_db_is_synced",
            "rule_06_sled_is_given_nothing_that_head_does_not_know",
            "rule_06_open_deletes_nothing",
            "rule_06_repair_writes_a_lost_or_bad_head_anew",
            "every_bit_of_head_matters_and_is_healed",
        ],
    ),
    (
        7,
        &[
            "rule_07_a_reader_skips_segments_without_the_room",
            "rule_07_a_lost_footer_is_written_again_from_the_frames",
        ],
    ),
    (
        8,
        &["rule_08_an_unsynced_frame_that_is_served_after_a_kill_survives_a_power_cut"],
    ),
    (
        9,
        &[
            "rule_09_commands_go_on_while_history_is_still_being_opened",
            "rule_09_what_needs_history_is_told_to_come_again_while_it_is_opened",
        ],
    ),
    (
        10,
        &[
            "rule_10_each_open_starts_its_own_epoch",
            "rule_10_frames_that_do_not_link_to_both_neighbours_heal_nothing",
            "rule_10_two_intact_histories_are_refused",
            "rule_10_a_restored_ledger_is_whole_and_a_history_of_its_own",
            "two_histories_are_refused_and_told_apart",
            "an_accepted_loss_is_recorded_and_the_rest_goes_on",
        ],
    ),
    (
        11,
        &[
            "rule_11_a_reader_writes_nothing_and_works_beside_a_writer",
            "rule_11_a_preserved_copy_is_read_in_place_from_a_read_only_directory",
            "a_copy_of_a_running_directory_is_read_in_place_and_not_changed",
            "a_backup_beside_a_running_ledger_is_consistent_and_adds_only_what_is_new",
            "rule_11_a_backup_holds_a_valid_last_commit_that_nothing_seals",
            "rule_11_a_commit_that_a_power_cut_took_back_gives_way_in_the_backup",
            "rule_11_what_a_kill_left_is_backed_up_and_restored_whole",
            "rule_11_a_restore_of_a_killed_server_has_its_last_answer",
        ],
    ),
    (
        12,
        &[
            "rule_12_nothing_is_answered_or_seen_before_the_append_has_come_back",
            "a_join_is_durable_before_it_is_seen_and_seen_once_it_is_answered",
            "repeats_in_one_batch_share_the_outcome",
            "a_rule_that_panics_takes_down_its_own_command_alone",
        ],
    ),
    (
        13,
        &[
            "rule_13_outcomes_are_kept_for_a_day",
            "rule_13_of_more_outcomes_than_the_bound_the_oldest_go",
            "rule_13_the_last_outcomes_are_kept_however_old_they_are",
            "rule_13_refusals_of_one_caller_push_out_no_outcome_of_another",
            "rule_13_refusals_of_all_callers_have_a_bound",
            "a_counted_refusal_is_answered_alike_after_a_clean_stop",
            "a_closed_engine_opens_from_its_checkpoint_or_without_it_to_the_same",
            "a_repeat_gets_the_outcome_of_then",
            "the_same_request_id_of_another_room_call_key_or_subject_is_another_request",
            "digests_tell_requests_apart_not_request_ids",
            "rooms_outcomes_and_timers_come_back",
        ],
    ),
    (
        14,
        &[
            "rule_14_the_first_failed_write_or_sync_poisons",
            "rule_14_below_the_reserve_nothing_is_written_and_reads_go_on",
            "rule_14_where_free_space_cannot_be_told_nothing_is_written_and_nothing_stops",
            "rule_14_the_indexed_copy_leaves_the_reserve_alone",
            "the_first_failed_append_poisons_and_reads_go_on",
        ],
    ),
    (15, &["rule_15_the_journal_is_healed_bit_for_bit"]),
    (
        16,
        &[
            "rule_16_after_a_crash_the_last_commit_of_each_segment_is_compared",
            "rule_16_a_segment_that_ends_in_a_seal_is_no_damage_of_the_copy",
        ],
    ),
    (
        17,
        &[
            "rule_17_when_the_applier_dies_nothing_more_is_acknowledged_and_reads_go_on",
            "rule_17_the_tail_forgets_only_what_sled_serves",
            "a_full_tail_answers_behind_before_anything_is_written",
        ],
    ),
    (
        18,
        &["rule_18_a_room_s_head_is_the_journal_s_though_sled_ends_earlier"],
    ),
    (
        19,
        &[
            "rule_19_an_error_of_the_system_starts_no_rebuild",
            "whatever_is_done_to_db_loses_nothing",
        ],
    ),
    (
        20,
        &[
            "rule_20_a_read_reports_and_only_the_writer_heals_with_the_bad_bytes_aside",
            "rule_20_the_scrub_heals_the_journal_and_reports_what_no_copy_has",
            "what_the_store_heals_is_recorded_by_the_engine_at_its_next_commit",
        ],
    ),
    (
        21,
        &[
            "a_jump_pauses_timers_until_ten_steady_minutes_have_passed",
            "a_jump_of_years_is_released_by_an_operator_alone",
            "a_restart_does_not_release_a_clock_that_is_held",
            "an_open_on_a_wall_clock_far_ahead_goes_on_from_the_last_record",
            "an_operator_releases_the_clock_at_once",
            "an_operator_sees_a_held_clock_and_releases_it",
            "recorded_time_is_as_the_rules_say_whatever_the_wall_clock_does",
            "the_time_goes_on_after_a_clock_that_was_set_back_is_trusted_again",
            "time_never_goes_back_in_a_log",
        ],
    ),
    (
        22,
        &[
            "rule_22_caches_are_stamped_with_the_sources_of_the_reducer",
            "any_changed_bit_of_a_checkpoint_leaves_every_answer_as_it_is",
            "any_bit_of_a_stored_snapshot_leaves_it_out_and_every_answer_right",
            "looking_back_is_right_whatever_became_of_the_stored_snapshots",
            "the_checkpoint_is_given_back_only_to_the_same_reducer_and_history",
            "a_snapshot_is_given_back_only_to_the_same_reducer_and_history",
        ],
    ),
];

/// The functions of our tests that carry a test attribute.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tests_in(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let name = line.strip_prefix("fn ").or(line.strip_prefix("async fn "));
            if let Some(name) = name {
                let name = name.split(['(', '<']).next().unwrap_or_default();
                if std::mem::take(&mut is_test) {
                    found.insert(name.to_owned());
                }
            }
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        }
    }
}

#[test]
fn every_rule_of_the_log_has_a_test_and_every_test_of_a_rule_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    tests_in(&root.join("tests/it"), &mut tests);
    let text = fs::read_to_string(root.join("docs/log.md")).expect("text");
    let numbered = |line: &str| line.split_once(". ")?.0.parse::<usize>().ok();
    let rules: Vec<usize> = text.lines().filter_map(numbered).collect();
    let listed: Vec<usize> = TESTS.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(
        rules,
        (1..=22).collect::<Vec<_>>(),
        "the rules are numbered"
    );
    assert_eq!(listed, rules, "each has its row");
    for (rule, names) in TESTS {
        assert!(!names.is_empty(), "rule {rule}");
        for name in *names {
            assert!(
                tests.contains(*name),
                "rule {rule}: no test is called {name}"
            );
        }
    }
    let named: BTreeSet<&str> = TESTS
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    let missing = tests.iter().filter(|name| name.starts_with("rule_"));
    let missing: Vec<_> = missing
        .filter(|name| !named.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "not listed: {missing:?}");
}
