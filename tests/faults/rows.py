"""Which tests show that a fault (F1 to F37 of SAFETY section 3) is survived, by the number of its row."""

from __future__ import annotations

CORE, FAULTS, RECORDS, SERVER = "tests/core", "tests/faults", "tests/records", "tests/server"
BUCKET, LOAD = "tests/aws/test_bucket.py", f"{FAULTS}/test_load.py"
TABLE, TABLE_FAULTS = f"{RECORDS}/test_sweep_table.py", f"{RECORDS}/test_sweep_table_faults.py"
TABLE_TIME, ENTRY = f"{RECORDS}/test_sweep_table_time.py", f"{RECORDS}/test_sweep_entry.py"
CRASHES, DISK, RACES = f"{FAULTS}/test_crash_points.py", f"{FAULTS}/test_storage_faults.py", f"{FAULTS}/test_races.py"
UPLOAD_FAULTS, REMOVAL = f"{CORE}/test_lifecycle_upload_faults.py", f"{CORE}/test_lifecycle_removal.py"

ROWS: dict[int, tuple[str, ...]] = {
    # processes that die
    1: (
        f"{CRASHES}::test_an_upload_killed_anywhere_is_not_lost_once_acknowledged",
        f"{UPLOAD_FAULTS}::test_death_before_the_last_commit_leaves_nothing",
        f"{UPLOAD_FAULTS}::test_death_after_the_last_commit_keeps_the_image",
    ),
    2: (
        f"{CRASHES}::test_a_removal_killed_after_its_commit_is_one",
        f"{CRASHES}::test_a_sweep_killed_anywhere_is_finished_by_the_next",
    ),
    3: (
        f"{RECORDS}/test_runtime.py::test_a_function_killed_in_the_middle_is_finished_by_the_next",
        f"{TABLE_FAULTS}::test_a_sweep_that_dies_is_finished_by_the_next",
    ),
    4: (
        f"{CRASHES}::test_a_lengthening_killed_anywhere_is_done_or_not",
        f"{FAULTS}/test_amazon.py::test_a_lengthening_killed_between_record_and_row_is_undone",
    ),
    # S3 and DynamoDB
    5: (f"{BUCKET}::test_two_refusals_are_waited_out_and_a_third_is_an_error",),
    6: (
        f"{BUCKET}::test_the_time_that_a_silent_store_may_take_fits_into_a_request",
        f"{FAULTS}/test_amazon.py::test_nothing_is_lost_whatever_s3_and_dynamodb_do",
    ),
    7: (
        f"{BUCKET}::test_a_put_whose_answer_got_lost_is_not_taken_for_somebody_elses",
        f"{BUCKET}::test_a_lost_answer_does_not_hide_that_the_key_was_taken",
        f"{RECORDS}/test_outbox.py::test_a_lost_answer_is_no_failure",
        f"{TABLE_FAULTS}::test_one_fault_of_any_request_changes_nothing",
    ),
    8: (f"{BUCKET}::test_bytes_that_changed_on_the_way_are_refused",),
    9: (
        f"{RECORDS}/test_outbox.py::test_a_table_that_is_down_stops_nothing_but_lengthening",
        f"{TABLE_FAULTS}::test_what_stays_throttled_is_left_to_the_next_run",
    ),
    10: (
        f"{BUCKET}::test_a_partial_delete_names_what_failed_after_one_more_try",
        f"{TABLE_FAULTS}::test_objects_that_are_not_deleted_keep_their_record",
    ),
    11: (
        f"{RECORDS}/test_mirroring.py::test_what_is_left_unprocessed_is_asked_for_again",
        f"{TABLE}::test_every_page_of_a_shard_is_read",
        f"{BUCKET}::test_every_page_of_a_listing_is_read_and_nothing_outside_media",
    ),
    12: (f"{TABLE}::test_what_the_index_still_lists_lives_when_the_table_says_so",),
    # database and disk
    13: (
        f"{DISK}::test_a_locked_database_is_waited_for_and_then_refused",
        f"{CORE}/test_refusals.py::test_a_database_that_is_busy_for_too_long_is_503",
    ),
    14: (f"{DISK}::test_a_database_without_room_refuses_and_keeps_nothing",),
    15: (
        f"{DISK}::test_a_full_disk_refuses_uploads_and_still_shows_what_is_there",
        f"{DISK}::test_a_disk_that_fills_up_on_the_way_keeps_nothing_of_it",
    ),
    16: (f"{DISK}::test_a_read_only_media_folder_refuses_uploads_and_sweeps_later",),
    # servers and clients
    17: (
        f"{LOAD}::test_a_worker_that_ends_during_uploads_loses_nothing",
        f"{SERVER}/test_uploads.py::test_new_workers_and_new_configuration_lose_no_upload",
    ),
    18: (f"{SERVER}/test_uploads.py::test_kill_of_worker_and_of_nginx_loses_nothing",),
    19: (
        f"{LOAD}::test_a_client_that_goes_in_the_middle_of_an_upload_leaves_nothing",
        f"{LOAD}::test_a_client_that_never_reads_its_answer_has_uploaded",
    ),
    # at the same time
    20: (
        f"{RACES}::test_two_sweeps_at_once_delete_each_image_once",
        f"{TABLE_FAULTS}::test_two_sweeps_at_once_count_each_deletion_once",
    ),
    21: (
        f"{RACES}::test_extend_against_sweep_in_every_order",
        f"{RECORDS}/test_orders.py::test_in_every_order_one_of_them_wins_wholly",
        f"{RECORDS}/test_schedules.py::test_random_schedules_with_records_keep_the_promises",
    ),
    22: (f"{UPLOAD_FAULTS}::test_a_row_that_the_reaper_took_is_not_made_ready",),
    23: (
        f"{REMOVAL}::test_twice_at_once_is_once",
        f"{REMOVAL}::test_delete_now_against_restore_one_of_them_wins",
        f"{CORE}/test_zips.py::test_the_content_is_frozen_when_it_begins",
    ),
    24: (
        f"{RACES}::test_a_web_clock_that_jumps_keeps_every_promise_at_the_right_time",
        f"{RACES}::test_a_sweep_with_a_wrong_clock_deletes_nothing_that_is_live",
        f"{RACES}::test_daylight_saving_moves_no_expiry",
        f"{TABLE_TIME}::test_a_clock_that_is_wrong_deletes_nothing",
    ),
    25: (f"{TABLE_TIME}::test_time_that_is_over_leaves_the_rest_to_the_next_run",),
    26: (f"{TABLE}::test_a_hand_made_item_is_skipped_and_counted",),
    27: (
        f"{LOAD}::test_fifteen_hundred_due_at_once_follow_the_mass_rule",
        f"{TABLE_TIME}::test_a_mass_waits_for_a_second_visit",
    ),
    28: (
        f"{LOAD}::test_a_hundred_uploads_at_once_are_all_kept",
        f"{LOAD}::test_no_more_than_the_quota_is_taken_by_many_at_once",
    ),
    29: (f"{LOAD}::test_the_same_upload_twenty_times_at_once_is_one_image",),
    30: tuple(f"{SERVER}/test_slow_clients.py::test_slow_{what}" for what in ("heads", "bodies", "readers")),
    31: (
        f"{LOAD}::test_a_client_that_goes_in_the_middle_of_a_zip_gives_its_place_back",
        f"{CORE}/test_zips.py::test_a_slot_is_given_back_once_however_it_ends",
    ),
    32: tuple(
        f"tests/hostile/test_shared_photos.py::test_{what}"
        for what in (
            "every_shared_photo_gets_an_acceptable_outcome",
            "twenty_bombs_at_once_are_refused_and_others_are_answered",
        )
    ),
    33: (
        "tests/limits/test_throttling.py::test_tries_side_by_side_cannot_slip_through_together",
        "tests/limits/test_throttling.py::test_restart_forgets_less_than_a_step",
    ),
    # operators
    34: (
        f"{SERVER}/test_moving.py::test_backup_brings_back_what_was_destroyed",
        f"{CORE}/test_store_commands.py::test_suspiciously_many_orphans_are_held",
        f"{CORE}/test_store_commands.py::test_old_orphans_are_told_and_deleted_only_when_asked",
        f"{RECORDS}/test_mirroring.py::test_very_many_orphans_are_held",
    ),
    35: (
        f"{RECORDS}/test_outbox.py::test_a_table_that_is_down_stops_nothing_but_lengthening",
        "tests/aws/test_template.py::test_an_outbox_that_stays_full_is_heard_of",
    ),
    36: (
        "tests/aws/test_story_in_a_bucket.py::test_readiness_names_the_variable_to_look_at",
        f"{BUCKET}::test_a_missing_bucket_is_named",
        f"{BUCKET}::test_a_bucket_in_another_region_is_named_though_the_sdk_finds_it",
        "tests/aws/test_emulated_site.py::test_credentials_that_are_not_good_are_named",
        f"{ENTRY}::test_a_variable_that_is_missing_is_named",
    ),
    37: (f"{CORE}/test_take_down_faults.py::test_a_take_down_killed_in_the_middle_has_hidden_all",),
}
