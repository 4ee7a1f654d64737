"""How long a session lives (SAFETY 5.2): 14 days idle and 30 days at most; for staff half an hour and eight hours.

A session is only looked at when something asks who the visitor is, so that pictures and static files cost nothing; and
its "last seen" is written rarely: once a day, for staff once a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.account.signals import email_changed
from allauth.usersessions.internal.flows.sessions import end_other_sessions
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import AnonymousUser
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from gallery_site.accounts.models import User

STARTED = "session_started"
SEEN = "session_seen"


@dataclass(frozen=True)
class Life:
    """The limits of one kind of session, and how often "last seen" is written."""

    idle: timedelta
    absolute: timedelta
    step: timedelta

    def is_over(self, started: datetime, seen: datetime, now: datetime) -> bool:
        return now - started >= self.absolute or now - seen >= self.idle


PERSON = Life(idle=timedelta(days=14), absolute=timedelta(days=30), step=timedelta(days=1))
STAFF = Life(idle=timedelta(minutes=30), absolute=timedelta(hours=8), step=timedelta(minutes=1))


def life_of(user: User) -> Life:
    return STAFF if user.is_staff else PERSON


class Visit:
    """Who is asking, once for each request, and whether the session should be marked as seen."""

    def __init__(self, request: HttpRequest, now: datetime) -> None:
        self.request = request
        self.now = now
        self.seen_due = False

    def user(self) -> User | AnonymousUser:
        """The visitor; anonymous, and the session gone, when it has lived long enough."""
        found: Any = get_user(self.request)
        if not found.is_authenticated:
            return AnonymousUser()
        life = life_of(found)
        started, seen = self._time(STARTED), self._time(SEEN)
        if started is None or seen is None:  # the first request after signing in
            self.seen_due = True
        elif life.is_over(started, seen, self.now):
            self.request.session.flush()
            self.request._cached_user = AnonymousUser()  # type: ignore[attr-defined]
            return AnonymousUser()
        else:
            self.seen_due = self.now - seen >= life.step
        user: User = found
        return user

    def mark_seen(self) -> None:
        """Saving the session also prolongs its cookie."""
        session = self.request.session
        stamp = int(self.now.timestamp())
        session.setdefault(STARTED, stamp)
        session[SEEN] = stamp

    def _time(self, key: str) -> datetime | None:
        stamp = self.request.session.get(key)
        return None if stamp is None else datetime.fromtimestamp(stamp, tz=self.now.tzinfo)


class SessionLifeMiddleware:
    """Ends sessions that lived long enough. Stands after AuthenticationMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        visit = Visit(request, timezone.now())
        request.user = SimpleLazyObject(visit.user)  # type: ignore[assignment]
        response = self.get_response(request)
        # Whoever has just signed out may leave a session behind (a message waits in it): that is nobody's.
        if visit.seen_due and SESSION_KEY in request.session and not _may_be_cached(response):
            visit.mark_seen()
        return response


def _may_be_cached(response: HttpResponseBase) -> bool:
    """A response that others may get from a cache must never carry a cookie (CVE-2026-35192)."""
    return "no-store" not in response.headers.get("Cache-Control", "no-store")


@receiver(email_changed)
def end_sessions_elsewhere(request: HttpRequest, user: User, **kwargs: object) -> None:
    """A confirmed e-mail address ends every session but the one that confirmed it, as a changed password does."""
    end_other_sessions(request, user)
