"""Which test shows that a failure of a peer (SAFETY section 4) cannot happen here, by the number of its row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why a row has no test."""

    why: str


ACCOUNTS, API, CORE, FAULTS = "tests/accounts", "tests/api", "tests/core", "tests/faults"
WALK, LINKS, VISITS = "tests/test_access_walk.py", "tests/links/test_links.py", "tests/links/test_visits.py"
PASSCODES = "tests/links/test_passcodes.py"
SAFETY = f"{ACCOUNTS}/test_safety.py"
UPLOADS, UPLOAD_FAULTS = f"{CORE}/test_lifecycle_uploads.py", f"{CORE}/test_lifecycle_upload_faults.py"
SWEEP_FAULTS, SWEEP_MASS = f"{CORE}/test_sweep_faults.py", f"{CORE}/test_sweep_mass.py"
HERE = "tests/peers/test_peers.py"
HEADERS = "tests/headers/test_scores.py::test_every_page_keeps_every_rule"
BUCKET, RECORDS = "tests/aws/test_bucket.py", "tests/records"

ROWS: dict[int, tuple[str, ...] | Reason] = {
    # 4a: access control and sharing
    1: (f"{PASSCODES}::test_locked_link_gives_nothing_anywhere", f"{WALK}::test_anonymous_learns_nothing"),
    2: (f"{PASSCODES}::test_equal_passcodes_do_not_unlock_each_other",),
    4: (
        f"{PASSCODES}::test_guesses_of_one_address_are_limited",
        f"{PASSCODES}::test_guesses_from_many_addresses_are_limited_per_link",
        "tests/limits/test_throttling.py::test_eleventh_in_a_minute_waits_until_the_first_is_a_minute_old",
    ),
    5: (f"{HERE}::test_row_5_foreign_unknown_and_expired_look_the_same",),
    6: (
        f"{CORE}/test_passes.py::test_other_spellings_of_a_path_open_nothing",
        f"{CORE}/test_passes.py::test_a_pass_opens_nothing_else",
    ),
    7: (f"{LINKS}::test_own_links_are_mine", f"{WALK}::test_other_people_find_nothing"),
    8: (f"{VISITS}::test_revoked_link_gives_no_new_pass_and_old_ones_end",),
    9: (f"{PASSCODES}::test_locked_link_gives_nothing_anywhere",),
    10: (f"{WALK}::test_suspended_owner_is_nobody", f"{VISITS}::test_links_of_a_suspended_owner_are_unknown"),
    11: (f"{LINKS}::test_guest_reaches_one_gallery", f"{LINKS}::test_own_links_are_mine"),
    12: (
        f"{HERE}::test_row_12_fields_that_are_not_the_callers_are_refused",
        f"{API}/test_api_tokens.py::test_each_operation_needs_its_scope",
    ),
    13: (
        f"{API}/test_api_tokens.py::test_each_operation_needs_its_scope",
        f"{API}/test_api_tokens.py::test_a_session_does_not_authorise",
        f"{API}/test_api_tokens.py::test_a_token_opens_no_pages",
    ),
    15: (f"{WALK}::test_every_route_has_a_row", f"{WALK}::test_anonymous_learns_nothing"),
    16: (
        f"{API}/test_api_galleries.py::test_zip_holds_exactly_what_is_live",
        f"{VISITS}::test_images_of_another_gallery_are_not_there",
    ),
    17: (
        f"{SAFETY}::test_row_17_closed_sign_up_refuses_each_way",
        f"{SAFETY}::test_row_17_there_is_one_sign_up_address",
    ),
    18: (f"{VISITS}::test_unknown_tokens_are_limited",),
    19: (
        f"{ACCOUNTS}/test_limits.py::test_row_19_ipv6_counts_by_64",
        f"{ACCOUNTS}/test_limits.py::test_row_19_forged_forwarded_for_changes_nothing",
        f"{PASSCODES}::test_guesses_of_one_ipv6_network_count_together",
    ),
    21: Reason("A link lets nobody upload: guests' limits come with the links that take photos."),
    22: (f"{UPLOADS}::test_fifty_parallel_uploads_with_room_for_three_store_three",),
    23: (
        f"{API}/test_api_images.py::test_at_its_second_an_image_is_gone_everywhere",
        f"{CORE}/test_media.py::test_what_is_not_live_is_404_at_once",
        f"{LINKS}::test_downloads_are_never_one_too_many",
    ),
    25: (f"{WALK}::test_unsafe_routes_want_the_csrf_token", f"{WALK}::test_looking_changes_nothing"),
    26: (f"{HERE}::test_row_26_secrets_are_compared_in_constant_time",),
    # 4b: accounts, redirects, caching, logs
    27: (
        f"{SAFETY}::test_row_27_reset_link_works_once",
        f"{SAFETY}::test_row_27_reset_link_is_dead_after_an_hour",
        f"{SAFETY}::test_row_27_reset_link_is_dead_after_a_change_of_password",
        f"{HERE}::test_row_27_tokens_come_from_the_systems_randomness",
    ),
    28: (
        f"{SAFETY}::test_row_28_sign_in_costs_one_hash_known_or_not",
        f"{SAFETY}::test_row_28_sign_in_says_the_same",
        f"{SAFETY}::test_row_28_reset_answers_the_same_and_always_sends_one_mail",
        f"{SAFETY}::test_row_28_sign_up_answers_the_same",
    ),
    30: (f"{SAFETY}::test_row_30_mailed_links_name_the_configured_host",),
    31: (
        f"{SAFETY}::test_row_31_sign_in_changes_the_session_key",
        f"{SAFETY}::test_row_31_each_answer_with_a_cookie_is_never_stored",
    ),
    32: (HEADERS, f"{HERE}::test_row_32_one_cache_in_front_of_two_people_keeps_nothing"),
    34: (f"{SAFETY}::test_row_34_next_stays_here", f"{SAFETY}::test_row_34_next_leads_to_a_page_of_ours"),
    35: (
        "tests/browser/test_sign_out.py::test_row_35_back_after_signing_out_shows_no_gallery",
        f"{HERE}::test_row_35_htmx_keeps_no_pages",
    ),
    36: (HEADERS,),
    37: (
        "tests/test_log_watch.py::test_row_37_control_characters_stay_on_one_line",
        "tests/test_log_watch.py::test_row_37_a_foreign_message_too",
    ),
    38: ("tests/test_log_watch.py::test_forms_are_found", "tests/test_log_watch.py::test_values_are_found"),
    39: (
        "tests/test_moderation_admin.py::test_moderators_have_exactly_their_permissions",
        f"{ACCOUNTS}/test_limits.py::test_admin_door_is_narrower",
        HEADERS,
    ),
    # 4c: content and files
    40: (
        f"{HERE}::test_row_40_and_52_hostile_texts_stand_escaped",
        "tests/test_moderation_admin.py::test_hostile_names_stand_escaped",
    ),
    41: (f"{HERE}::test_row_41_descriptions_are_plain_text",),
    42: (
        f"{HERE}::test_row_42_what_could_be_run_is_refused_or_loses_it",
        f"{CORE}/test_media.py::test_headers_close_every_door",
    ),
    44: (
        f"{CORE}/test_keys_and_ids.py::test_nothing_else_is_a_key",
        f"{CORE}/test_storage.py::test_a_key_is_used_once",
        f"{BUCKET}::test_a_key_is_used_once",
    ),
    45: (f"{HERE}::test_row_45_no_field_holds_a_storage_key",),
    46: (f"{CORE}/test_media.py::test_hostile_names_are_harmless_in_the_header",),
    47: (
        "tests/decoding/test_decoding_pictures.py::test_fragment_is_refused_with_a_code",
        "tests/decoding/test_decoding_pictures.py::test_pixels_are_limited_per_kind",
        "tests/hostile/test_shared_photos.py::test_every_shared_photo_gets_an_acceptable_outcome",
    ),
    48: (
        f"{HERE}::test_row_48_libraries_are_newer_than_their_known_holes",
        "tests/decoding/test_decoding_faults.py::test_one_bad_picture_is_one_refusal",
    ),
    49: (f"{HERE}::test_row_49_an_upload_is_never_held_in_memory",),
    50: (
        f"{CORE}/test_zips.py::test_hostile_names_are_unpacked_apart",
        f"{CORE}/test_zips.py::test_a_zip_over_four_gigabytes_is_zip64",
    ),
    51: (f"{HERE}::test_row_51_nothing_here_fetches_addresses",),
    52: (f"{HERE}::test_row_40_and_52_hostile_texts_stand_escaped",),
    # 4d: data loss, leftovers, time
    53: (
        f"{UPLOAD_FAULTS}::test_a_store_that_fails_at_any_object_acknowledges_nothing",
        f"{FAULTS}/test_storage_faults.py::test_an_error_of_the_disk_is_a_refusal_and_keeps_nothing",
        "tests/aws/test_story_in_a_bucket.py::test_a_bucket_that_fails_refuses_the_upload_and_gives_its_room_back",
    ),
    54: (
        f"{FAULTS}/test_crash_points.py::test_an_upload_killed_anywhere_is_not_lost_once_acknowledged",
        f"{UPLOAD_FAULTS}::test_death_before_the_last_commit_leaves_nothing",
    ),
    56: (
        f"{CORE}/test_store_commands.py::test_foreign_names_are_told_and_never_touched",
        f"{CORE}/test_storage.py::test_nothing_but_our_keys_is_ever_touched",
    ),
    57: (
        f"{FAULTS}/test_load.py::test_fifteen_hundred_due_at_once_follow_the_mass_rule",
        f"{SWEEP_MASS}::test_a_mass_sweep_waits_for_a_second_visit_an_hour_later",
    ),
    59: (
        f"{BUCKET}::test_a_partial_delete_names_what_failed_after_one_more_try",
        f"{SWEEP_FAULTS}::test_one_delete_that_fails_keeps_its_row_and_stops_nobody",
    ),
    60: (
        f"{SWEEP_FAULTS}::test_a_row_with_a_strange_key_fails_alone",
        f"{SWEEP_FAULTS}::test_poison_does_not_use_up_the_limit",
    ),
    61: (
        f"{SWEEP_FAULTS}::test_what_was_extended_after_it_was_listed_is_skipped",
        f"{FAULTS}/test_crash_points.py::test_a_sweep_killed_anywhere_is_finished_by_the_next",
    ),
    63: (
        f"{CORE}/test_keys_and_ids.py::test_nothing_else_is_a_key",
        f"{BUCKET}::test_a_foreign_key_never_reaches_the_store",
    ),
    64: (
        f"{FAULTS}/test_storage_faults.py::test_a_full_disk_refuses_uploads_and_still_shows_what_is_there",
        f"{FAULTS}/test_storage_faults.py::test_a_disk_that_fills_up_on_the_way_keeps_nothing_of_it",
    ),
    65: (f"{UPLOADS}::test_upload_of_other_bytes_in_the_same_name_keeps_both",),
    66: (
        f"{FAULTS}/test_load.py::test_a_hundred_uploads_at_once_are_all_kept",
        f"{FAULTS}/test_storage_faults.py::test_a_locked_database_is_waited_for_and_then_refused",
    ),
    67: (
        f"{FAULTS}/test_races.py::test_two_sweeps_at_once_delete_each_image_once",
        f"{SWEEP_FAULTS}::test_four_sweeps_at_once_count_each_image_once",
    ),
    68: (
        f"{RECORDS}/test_outbox.py::test_a_lost_answer_is_no_failure",
        f"{BUCKET}::test_a_put_whose_answer_got_lost_is_not_taken_for_somebody_elses",
    ),
    69: (
        f"{CORE}/test_media.py::test_expired_is_gone_from_every_page_at_the_second",
        "tests/aws/test_template.py::test_the_table_can_be_brought_back_and_not_be_dropped",
    ),
}
# The rows that SAFETY section 4 has; the numbers in between were never given.
NUMBERS = {*range(1, 70)} - {3, 14, 20, 24, 29, 33, 43, 55, 58, 62}
