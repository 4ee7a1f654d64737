"""Rate limits of the account pages (SAFETY 5.3). Sign-ins are counted by ``galleries.throttling``; the rest by allauth
in the cache, which is a table unless set otherwise. A restart forgets neither.

A sign-in counts only when it fails: people behind one address sign in as often as they like, and an attacker gains
nothing. The account's own limit is never a lock: a password reset clears it, and a passkey goes past it.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from galleries.problems import Problem
from galleries.throttling import (
    Limit,
    Rate,
    Spread,
    Taken,
    client_network,
    forget,
    per_day,
    per_hour,
    per_minute,
    take,
)

APP = "allauth.account"
BY_ADDRESS = Limit("sign-in-address", (per_minute(5), per_hour(20)))
BY_NAME = Limit("sign-in-name", (per_hour(10), per_day(20)))
AT_ADMIN = Limit("sign-in-admin", (Rate(5, 15 * 60),))
# Many addresses and many names at once (credential stuffing): above this each try takes a second, and few do at once,
# so that people still get in and the list of stolen passwords takes weeks.
OF_ALL = Spread(Limit("sign-in-site", (per_minute(300),)), step=15)
SLOW_SECONDS = 1.0
_slow_lane = threading.BoundedSemaphore(4)

# Which limit stands behind an address of ours; a name not listed: a minute is said.
ACTIONS = {
    "account_login": "login",
    "account_signup": "signup",
    "account_reset_password": "reset_password",
    "account_reset_password_from_key": "reset_password_from_key",
    "account_change_password": "change_password",
    "account_email": "manage_email",
    "account_reauthenticate": "reauthenticate",
}
DEFAULT_WAIT = 60


@dataclass(frozen=True)
class Try:
    """One try to sign in, as allauth holds it."""

    taken: Taken

    def rollback(self) -> None:
        """It succeeded: it does not count."""
        self.taken.give_back()


def take_sign_in(request: HttpRequest, name: str) -> Try:
    """Count one try to sign in as ``name``, before anything is hashed. Roll back what succeeded.

    Raises:
        Problem: rate_limited.
    """
    now, network = timezone.now(), client_network(request)
    counters = [BY_ADDRESS.of(network), BY_NAME.of(name.lower())]
    if _is_for_admin(request):
        counters.append(AT_ADMIN.of(network))
    tried = Try(take(*counters, now=now))
    try:
        OF_ALL.count(now=now)
    except Problem:
        if not _go_slowly():
            tried.rollback()  # nothing was checked
            raise Problem("rate_limited", retry_after=5) from None
    return tried


def _is_for_admin(request: HttpRequest) -> bool:
    target = request.POST.get("next") or request.GET.get("next") or ""
    return target.startswith(reverse("admin:index"))


def _go_slowly() -> bool:
    """Wait a moment; False, and at once, when too many do."""
    if not _slow_lane.acquire(blocking=False):
        return False
    try:
        time.sleep(SLOW_SECONDS)
    finally:
        _slow_lane.release()
    return True


def forget_failures(name: str) -> None:
    """Free ``name`` after its owner proved to be there by mail; the limits per address stay."""
    forget(BY_NAME.of(name.lower()))


def seconds_to_wait(request: HttpRequest, action: str, key: str | None = None) -> int:
    """How long until ``action`` is allowed again, for ``Retry-After``; at least a second."""
    now, wait = time.time(), 0.0
    for rate in ratelimit.get_rates(app=APP, action=action):
        if (rate.per == "key" and key is None) or (rate.per == "user" and not request.user.is_authenticated):
            continue
        history = cache.get(ratelimit.get_cache_key(request, app=APP, action=action, rate=rate, key=key), [])
        if len(history) >= rate.amount:  # newest first
            wait = max(wait, history[rate.amount - 1] + rate.duration - now)
    return max(1, math.ceil(wait)) if wait else DEFAULT_WAIT
