"""SAFETY 5.3. The cache is the database's table, so these limits survive a restart."""

from __future__ import annotations

import time

import pytest
import time_machine
from django.conf import settings as site_settings
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from galleries.throttling import Spread
from gallery_site.accounts import limits
from gallery_site.accounts.models import User
from tests.accounts.people import LOGIN, mailed_link, path_of, sign_in
from tests.conftest import PASSWORD

NOON = "2026-05-01 12:00:00+00:00"
pytestmark = pytest.mark.usefixtures("alice")


def _wrong(client: Client, name: str = "alice", address: str = "203.0.113.7", **extra: str) -> int:
    data = {"login": name, "password": "not the right one"}
    return client.post(LOGIN, data, REMOTE_ADDR=address, headers=extra).status_code


def test_limits_are_kept_in_the_database() -> None:
    assert site_settings.CACHES["default"]["BACKEND"] == "django.core.cache.backends.db.DatabaseCache"


def test_nobody_is_let_in_uncounted_while_the_counters_are_away(
    visitor: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    answer = visitor.post(LOGIN, {"login": "alice", "password": PASSWORD})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert b"Traceback" not in answer.content
    assert SESSION_KEY not in visitor.session
    assert "database or cache: Error 111" in caplog.text


@time_machine.travel(NOON, tick=False)
def test_sixth_wrong_password_in_a_minute_waits(visitor: Client) -> None:
    assert [_wrong(visitor) for _ in range(6)] == [200] * 5 + [429]
    answer = visitor.post(LOGIN, {"login": "alice", "password": PASSWORD}, REMOTE_ADDR="203.0.113.7")
    assert answer.status_code == 429  # the right one too: otherwise guessing would go on
    assert answer["Retry-After"] == "60"
    assert answer["Cache-Control"] == "private, no-store"


def test_wait_ends(visitor: Client) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(6):
            _wrong(visitor)
        clock.shift(61)
        assert _wrong(visitor) == 200


@time_machine.travel(NOON, tick=False)
def test_right_passwords_are_never_limited(visitor: Client) -> None:
    for _ in range(12):
        assert sign_in(visitor) == 302
        visitor.post("/accounts/logout/")


def test_account_is_guarded_over_many_addresses_and_a_reset_frees_it(visitor: Client) -> None:
    with time_machine.travel(NOON, tick=False):
        statuses = [_wrong(visitor, address=f"203.0.113.{number}") for number in range(11)]
        assert statuses == [200] * 10 + [429]
        assert _wrong(visitor, name="somebody else", address="203.0.113.100") == 200
        visitor.post("/accounts/password/reset/", {"email": "alice@example.org"}, REMOTE_ADDR="198.51.100.1")
        form = visitor.get(path_of(mailed_link("/reset/key/")))["Location"]
        assert visitor.post(form, {"password1": "a new long password"}).status_code == 302
        assert sign_in(visitor, password="a new long password") == 302


def test_twenty_wrong_ones_a_day_for_one_name(visitor: Client) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        statuses = []
        for number in range(21):
            statuses.append(_wrong(visitor, address=f"203.0.113.{number}"))
            clock.shift(3_600 / 9)
    assert statuses == [200] * 20 + [429]


def test_twenty_wrong_ones_an_hour_from_one_address(visitor: Client) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        for number in range(20):
            assert _wrong(visitor, name=f"name {number}") == 200
            clock.shift(61)
        answer = visitor.post(LOGIN, {"login": "x", "password": "y"}, REMOTE_ADDR="203.0.113.7")
        assert answer.status_code == 429
        assert int(answer["Retry-After"]) == 3600 - 20 * 61


@time_machine.travel(NOON, tick=False)
def test_eleventh_sign_up_in_an_hour_waits(visitor: Client) -> None:
    for number in range(10):
        data = {"username": f"person{number}", "email": f"p{number}@example.org", "password1": PASSWORD}
        assert Client().post("/accounts/signup/", data).status_code == 302
    answer = visitor.post("/accounts/signup/", {"username": "one more"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "3600")
    assert User.objects.count() == 11


@time_machine.travel(NOON, tick=False)
@pytest.mark.parametrize("email", ["alice@example.org", "nobody@example.org"])
def test_fourth_reset_in_an_hour_waits_known_or_not(visitor: Client, email: str) -> None:
    statuses = [visitor.post("/accounts/password/reset/", {"email": email}).status_code for _ in range(4)]
    assert statuses == [302, 302, 302, 429]


# --- row 19: Nextcloud GHSA-2967-6mrp-gg3p ---------------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
def test_row_19_ipv6_counts_by_64(visitor: Client) -> None:
    statuses = [_wrong(visitor, name=f"n{n}", address=f"2001:db8:1:2:{n:x}::{n:x}") for n in range(6)]
    assert statuses == [200] * 5 + [429]
    assert _wrong(visitor, address="2001:db8:1:3::1") == 200


@time_machine.travel(NOON, tick=False)
def test_row_19_forged_forwarded_for_changes_nothing(visitor: Client) -> None:
    statuses = [_wrong(visitor, name=f"n{n}", **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(6)]
    assert statuses == [200] * 5 + [429]


@time_machine.travel(NOON, tick=False)
def test_ipv4_clients_of_an_ipv6_socket_are_told_apart(visitor: Client) -> None:
    for number in range(6):
        assert _wrong(visitor, name=f"n{number}", address=f"::ffff:203.0.113.{number}") == 200


def test_admin_door_is_narrower(visitor: Client) -> None:
    """Five wrong tries in a quarter of an hour from one address, when the admin is where one wants to go."""
    with time_machine.travel(NOON, tick=False) as clock:
        for number in range(5):
            data = {"login": f"n{number}", "password": "not the right one", "next": "/admin/galleries/"}
            assert visitor.post(LOGIN, data, REMOTE_ADDR="203.0.113.7").status_code == 200
            clock.shift(30)
        answer = visitor.post(f"{LOGIN}?next=/admin/", {"login": "x", "password": "y"}, REMOTE_ADDR="203.0.113.7")
        assert (answer.status_code, answer["Retry-After"]) == (429, str(900 - 150))
        assert _wrong(visitor, name="no admin") == 200
        clock.shift(900 - 150)
        assert visitor.post(LOGIN, data, REMOTE_ADDR="203.0.113.7").status_code == 200


def test_admin_signs_in_by_the_same_door(visitor: Client) -> None:
    assert visitor.get("/admin/")["Location"].startswith("/admin/login/")
    assert visitor.get("/admin/login/?next=/admin/")["Location"].startswith(f"{LOGIN}?next=")
    assert visitor.post("/admin/login/", {"username": "alice", "password": PASSWORD})["Location"].startswith(LOGIN)


@time_machine.travel(NOON, tick=False)
def test_stuffing_the_whole_site_is_slowed_down_and_people_still_get_in(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 tries a minute over all addresses and names; above that each takes a second, four at once."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setattr(limits, "OF_ALL", Spread(limits.OF_ALL.limit, limits.OF_ALL.step))
    for _ in range(299):
        limits.OF_ALL.count(now=timezone.now())
    assert _wrong(visitor) == 200
    assert waits == []
    assert _wrong(visitor, "somebody", "203.0.113.8") == 200
    assert sign_in(visitor) == 302
    assert waits == [1.0, 1.0]
    for _ in range(4):
        limits._slow_lane.acquire()
    try:
        data = {"login": "alice", "password": PASSWORD}
        answer = Client().post(LOGIN, data, REMOTE_ADDR="203.0.113.9")
        assert (answer.status_code, answer["Retry-After"]) == (429, "5")
    finally:
        for _ in range(4):
            limits._slow_lane.release()


@time_machine.travel(NOON, tick=False)
def test_emptying_the_cache_forgets_no_failed_sign_in(visitor: Client) -> None:
    for _ in range(5):
        _wrong(visitor)
    cache.clear()
    assert _wrong(visitor) == 429
