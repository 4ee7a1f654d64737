"""SAFETY 5.2: 14 days idle, 30 days at most; staff 30 minutes and 8 hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.conf import settings as site_settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from gallery_site.accounts.models import User
from gallery_site.accounts.sessions import PERSON, STAFF, Life, SessionLifeMiddleware
from tests.accounts.people import is_signed_in, sign_in

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("life", "since_start", "since_seen", "over"),
    [
        (PERSON, timedelta(days=29), timedelta(days=13), False),
        (PERSON, timedelta(days=30), timedelta(0), True),
        (PERSON, timedelta(days=14), timedelta(days=14), True),
        (STAFF, timedelta(hours=7, minutes=59), timedelta(minutes=29), False),
        (STAFF, timedelta(hours=8), timedelta(0), True),
        (STAFF, timedelta(hours=1), timedelta(minutes=30), True),
    ],
)
def test_life_ends_at_its_limits(life: Life, since_start: timedelta, since_seen: timedelta, over: bool) -> None:
    assert life.is_over(NOON - since_start, NOON - since_seen, NOON) is over


def _visits(client: Client, steps: list[timedelta]) -> list[bool]:
    with time_machine.travel(NOON, tick=False) as clock:
        sign_in(client)
        found = [is_signed_in(client)]
        for step in steps:
            clock.shift(step)
            found.append(is_signed_in(client))
    return found


@pytest.mark.usefixtures("alice")
def test_person_who_comes_back_stays_for_thirty_days(visitor: Client) -> None:
    week = timedelta(days=7)
    assert _visits(visitor, [week, week, week, week, timedelta(days=2)]) == [True] * 5 + [False]


@pytest.mark.usefixtures("alice")
def test_person_away_for_two_weeks_signs_in_again(visitor: Client) -> None:
    assert _visits(visitor, [timedelta(days=15)]) == [True, False]


def test_staff_stay_eight_hours_and_half_an_hour_idle(visitor: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    step = timedelta(minutes=29)
    assert _visits(visitor, [step] * 17) == [True] * 17 + [False]
    assert _visits(Client(), [timedelta(minutes=31)]) == [True, False]


def test_staff_who_signed_out_come_back_for_all_of_their_time(visitor: Client, alice: User) -> None:
    """What the browser keeps after signing out is nobody's session, and has no age that the next one would inherit."""
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    with time_machine.travel(NOON, tick=False) as clock:
        sign_in(visitor)
        assert is_signed_in(visitor)
        clock.shift(timedelta(minutes=2))
        assert visitor.post("/accounts/logout/").status_code == 302
        clock.shift(timedelta(hours=9))
        sign_in(visitor)
        assert is_signed_in(visitor)
        clock.shift(timedelta(minutes=29))
        assert is_signed_in(visitor)


def test_a_session_that_ended_is_gone_from_the_database(visitor: Client, alice: User) -> None:
    _visits(visitor, [timedelta(days=13), timedelta(days=13), timedelta(days=13)])
    assert site_settings.SESSION_COOKIE_NAME not in visitor.cookies or not visitor.session.get("_auth_user_id")


def test_only_the_first_page_of_a_day_writes(signed_in: Client) -> None:
    signed_in.get("/accounts/")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = signed_in.get("/accounts/")
    assert site_settings.SESSION_COOKIE_NAME not in answer.cookies
    assert not [query for query in queries if query["sql"].startswith(("UPDATE", "INSERT"))]


def test_a_response_that_may_be_cached_never_carries_the_session(signed_in: Client, alice: User) -> None:
    """The page asks who is there, as a picture behind a pass might one day; its cookie must not reach a cache."""

    def picture(request: HttpRequest) -> HttpResponse:
        assert request.user.is_authenticated
        return HttpResponse(headers={"Cache-Control": "max-age=900"})

    request = RequestFactory().get("/")
    request.session = signed_in.session
    SessionLifeMiddleware(picture)(request)
    assert not request.session.modified


def test_nobody_is_looked_up_when_nobody_asks(signed_in: Client) -> None:
    request = RequestFactory().get("/")
    request.session = signed_in.session
    request.session.accessed = False
    SessionLifeMiddleware(lambda request: HttpResponse())(request)
    assert not request.session.accessed


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_new_secret_ends_every_session(signed_in: Client, alice: User, settings: Settings, is_kept: bool) -> None:
    """Also when the old one still counts for links: none goes on under a key that nobody could end."""
    assert is_signed_in(signed_in)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY] if is_kept else []
    settings.SECRET_KEY = "another one"
    assert not is_signed_in(signed_in)
    assert not UserSession.objects.purge_and_list(alice)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_list_names_browsers_and_signs_out_the_others(visitor: Client, signed_in: Client, alice: User) -> None:
    agent = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
    sign_in(visitor, **{"User-Agent": agent})
    page = signed_in.get("/accounts/sessions/").content.decode()
    assert "Firefox on Android" in page
    assert ", this one" in page
    assert signed_in.post("/accounts/sessions/").status_code == 302
    assert is_signed_in(signed_in)
    assert not is_signed_in(visitor)
    assert UserSession.objects.filter(user=alice).count() == 1
    assert signed_in.post("/accounts/sessions/").status_code == 302  # twice


def test_list_shows_only_my_own(signed_in: Client, bob: User) -> None:
    sign_in(Client(), "bob", **{"User-Agent": "Opera of Bob OPR/99"})
    assert b"Opera" not in signed_in.get("/accounts/sessions/").content
