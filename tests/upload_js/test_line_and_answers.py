"""Pure functions around line and site: answers, second tries, speed and how many go at once; called in Chromium."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.upload_js.conftest import Call

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": 201, "body": '{"image": {"id": "ab"}}'}, {"kind": "stored", "duplicate": False}),
        ({"status": 200, "body": '{"duplicate": true, "image": {}}'}, {"kind": "stored", "duplicate": True}),
        (
            {"status": 200, "body": '{"duplicate": true, "repeated": true, "image": {"id": "ab"}}'},
            {"kind": "stored", "duplicate": False},
        ),
        ({"status": 200, "body": "<!doctype html>"}, {"kind": "signed-out"}),
        ({"status": 200, "body": "{}", "isRedirected": True}, {"kind": "signed-out"}),
        ({"status": 403, "body": "<h1>CSRF"}, {"kind": "signed-out"}),
        (
            {"status": 403, "body": '{"code": "quota_exceeded", "detail": "Full."}'},
            {"kind": "refused", "code": "quota_exceeded", "sentence": "Full.", "isFinal": False},
        ),
        (
            {"status": 415, "body": '{"code": "unsupported_format", "detail": "No."}'},
            {"kind": "refused", "sentence": "No.", "isFinal": True},
        ),
        ({"status": 413, "body": "nginx"}, {"kind": "refused", "sentence": "Too large for this site."}),
        ({"status": 0}, {"kind": "retry", "cause": "network", "wait": None}),
        ({"status": 500, "body": "oh"}, {"kind": "retry", "cause": "server", "wait": None}),
        ({"status": 507, "body": '{"detail": "Full."}'}, {"kind": "refused", "sentence": "Full."}),
        ({"status": 429, "retryAfter": "7", "body": "{}"}, {"kind": "retry", "cause": "busy", "wait": 7}),
        ({"status": 503, "retryAfter": "3", "body": "{}"}, {"kind": "retry", "cause": "busy", "wait": 3}),
        ({"status": 409, "body": "{}"}, {"kind": "retry", "cause": "busy"}),
    ],
)
def test_answers_are_judged(call: Call, answer: dict[str, Any], expected: dict[str, Any]) -> None:
    assert expected.items() <= call("answers.js", "judge", answer).items()


def test_retry_after_may_be_a_date(call: Call) -> None:
    assert call("answers.js", "parseRetryAfter", "Wed, 21 Oct 2026 07:28:10 GMT", 1_792_567_680_000) == 10
    assert call("answers.js", "parseRetryAfter", "soon", 0) is None


def test_backoff(call: Call) -> None:
    def delays(cause: str, count: int, **more: Any) -> list[float | None]:
        arguments = [{"cause": cause, "tries": tries, "random": 0.5, **more} for tries in range(1, count + 1)]
        return [call("backoff.js", "nextDelay", each) for each in arguments]

    assert delays("server", 4) == [2, 5, 10, None]
    assert delays("network", 5) == [2, 5, 10, 20, 20]
    assert delays("network", 16)[-1] is None
    assert call("backoff.js", "nextDelay", {"cause": "server", "tries": 1, "random": 0}) == 1.6
    assert call("backoff.js", "nextDelay", {"cause": "busy", "tries": 1, "random": 0, "wait": 30}) > 30
    assert call("backoff.js", "nextDelay", {"cause": "busy", "tries": 1, "random": 0, "wait": 3600}) > 3600
    assert call("backoff.js", "nextDelay", {"cause": "busy", "tries": 1, "random": 0, "wait": 1e9}) < 90_000  # a day


def test_width_gives_way_and_comes_back(call: Call) -> None:
    assert call("pace.js", "nextWidth", 3, False, 0, 3) == 2
    assert call("pace.js", "nextWidth", 1, False, 0, 3) == 1
    assert call("pace.js", "nextWidth", 2, True, 2, 3) == 2
    assert call("pace.js", "nextWidth", 2, True, 3, 3) == 3
    assert call("pace.js", "nextWidth", 3, True, 6, 3) == 3


SPEEDS = """async (scenes) => {
  const { Speedometer } = await import("/static/js/upload/speed.js");
  return scenes.map((uploads) => {
    const meter = new Speedometer(null);
    for (const [begun, ...pieces] of uploads) {
      const note = meter.follow(begun);
      for (const [at, left] of pieces) {
        note(left, at);
        meter.read(); // the panel asks all the time
      }
    }
    return meter.read();
  });
}"""


def upload(begun: int, size: int, speed: int, every: int = 100) -> list[Any]:
    """What the browser tells of an upload: when it begins (ms), then how many bytes have left by when."""
    times = range(every, size * 1000 // speed + 1, every)
    return [begun, *[[begun + passed, passed * speed // 1000] for passed in times]]


def test_speed_is_the_lines_and_not_that_of_device_or_site(blank_page: Page) -> None:
    """Photos that are long compressed, or long answered, make no line slow; small ones that fit into a buffer no line
    fast."""
    steady = [upload(each * 1_000, 2_000_000, 2_000_000) for each in range(8)]
    now_and_then = [upload(each * 10_000, 2_000_000, 5_000_000) for each in range(8)]
    at_once = [[each * 1_000, [each * 1_000 + 50, 1_500_000]] for each in range(4)]
    side_by_side = [upload(0, 1_000_000, 500_000), upload(0, 1_000_000, 500_000)]
    small = [[each * 1_000, [each * 1_000 + 5, 300_000]] for each in range(60)]
    slow = [upload(0, 480_000, 16_000, every=1_000)]
    speeds = blank_page.evaluate(SPEEDS, [steady, now_and_then, at_once, side_by_side, small, slow])
    known = [2e6, 5e6, 30e6, 1e6, None, 16_000]
    assert speeds == [each and pytest.approx(each) for each in known]


def test_a_slow_line_carries_fewer_at_once(call: Call) -> None:
    assert [call("pace.js", "mostAtOnce", speed, 3) for speed in (None, 1e6, 150_000, 50_000)] == [3, 3, 2, 1]


def test_time_is_told_before_anything_was_sent(call: Call) -> None:
    """Only where the browser has an opinion of the line; it is measured soon."""
    told = [{"downlink": 8}, {"downlink": 0}, {}, None]
    assert [call("plan.js", "guessSpeed", each) for each in told] == [500_000, None, None, None]


ANSWERED = """async () => {
  const { Speedometer } = await import("/static/js/upload/speed.js");
  const meter = new Speedometer(null);
  meter.answered(600_000, 300);
  meter.answered(300_000, 3_000);
  return [meter.read(), meter.least];
}"""


def test_what_the_line_has_carried_corrects_what_the_browser_believes(call: Call, blank_page: Page) -> None:
    """Small photos leave in one piece, of which only the buffers know the speed."""
    assert blank_page.evaluate(ANSWERED) == [None, 2_000_000]
    assert call("plan.js", "guessSpeed", {"downlink": 8}, 2_000_000) == 2_000_000
    assert call("plan.js", "guessSpeed", {"downlink": 8}, 100_000) == 500_000
    assert call("plan.js", "guessSpeed", None, 100_000) == 100_000


@pytest.mark.parametrize(
    ("speed", "connection", "carries"),
    [(None, None, True), (5e6, None, True), (1e6, None, False), (5e6, {"saveData": True}, False)],
)
def test_renditions_go_along_where_they_cost_no_time(
    call: Call, speed: float | None, connection: Any, carries: bool
) -> None:
    assert call("plan.js", "carriesRenditions", speed, connection) is carries
