"""Pure functions of what the panel says and shows: words, the estimate, which rows; called in Chromium."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upload_js.conftest import Call

pytestmark = pytest.mark.browser


def test_sizes_and_times_in_words(call: Call) -> None:
    def say(function: str, *values: float | None) -> list[str]:
        return [str(call("words.js", function, each)).replace("\u00a0", " ") for each in values]

    sizes = ["0 B", "999 B", "2 kB", "212 MB", "3.2 MB", "1 MB"]
    assert say("formatBytes", 0, 999, 1500, 212_000_000, 3_240_000, 999_600) == sizes
    assert say("tooLarge", 64 * 1024 * 1024) == ["Too large: the limit is 64 MB."]
    times = ["a few seconds", "about 20 s", "about 1 min", "about 3 min", "about 3 h", ""]
    assert say("formatDuration", 3, 12, 45, 200, 9000, None) == times


def test_head_says_what_it_waits_for_and_no_time_then(call: Call) -> None:
    none = {"total": 3, "cancelled": 0, "left": 3, "isPaused": False, "isOffline": False}
    estimate = {"chosen": 5_000_000, "toSend": 5_000_000, "seconds": 10}
    heads = [
        str(call("words.js", "headline", none | now, estimate)).replace("\u00a0", " ")
        for now in ({}, {"isOffline": True}, {"isPaused": True, "isOffline": True})
    ]
    assert heads == [
        "3 photos, 5 MB, about 10 s on this connection",
        "3 photos, 5 MB, waiting for the connection",
        "3 photos, 5 MB, paused",
    ]


def test_original_file_is_read_and_not_made_lighter(call: Call) -> None:
    said = [call("words.js", "describe", {"state": "compressing", "quality": each}, 0) for each in ("full", "original")]
    assert said == ["Making it lighter", "Reading it"]


def test_estimate_corrects_itself(call: Call) -> None:
    waiting = {"size": 5_000_000, "state": "waiting", "sent": 0, "secondsToPrepare": 0}
    first = call("plan.js", "estimate", [waiting] * 4, {"quality": "full", "speed": 1_000_000, "workers": 2})
    assert first["toSend"] == pytest.approx(7_200_000)
    assert first["seconds"] == pytest.approx(7.2)
    done = {"size": 5_000_000, "blobSize": 1_000_000, "state": "done", "sent": 1_000_000, "secondsToPrepare": 1}
    later = call("plan.js", "estimate", [done, *[waiting] * 3], {"quality": "full", "speed": 1_000_000, "workers": 2})
    assert later["toSend"] == pytest.approx(4_000_000)
    assert later["fraction"] == pytest.approx(0.25)
    small = call("plan.js", "estimate", [waiting] * 2, {"quality": "small", "speed": 1_000_000, "workers": 2})
    assert small["toSend"] == 900_000


def test_rows_show_problems_first_and_few_that_wait(call: Call) -> None:
    def item(identifier: int, state: str) -> dict[str, Any]:
        return {"id": identifier, "state": state, "retryAt": 0, "doneAt": 0}

    items = [item(1, "done"), item(2, "sending"), item(3, "failed"), *[item(each, "waiting") for each in range(4, 104)]]
    chosen = call("rows.js", "choose", items, 60_000)
    assert [each["id"] for each in chosen["shown"]] == [3, 2, 4, 5, 6, 7, 8, 9]
    assert chosen["hidden"] == 94


def test_rows_show_all_that_stand_aside(call: Call) -> None:
    """Each is let go on by its own line; at its end it is shown like any other."""
    items = [{"id": each, "state": "waiting", "retryAt": 0, "doneAt": 0} for each in range(1, 21)]
    items[11]["isHeld"] = items[19]["isHeld"] = True
    items.append({"id": 21, "state": "cancelled", "retryAt": 0, "doneAt": 0, "isHeld": True})
    chosen = call("rows.js", "choose", items, 60_000)
    assert [each["id"] for each in chosen["shown"]] == [12, 20, 1, 2, 3, 4, 5, 6]
    assert chosen["hidden"] == 12
