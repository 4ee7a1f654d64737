"""Rate limits of the account pages (SAFETY 5.3). allauth counts, in the cache, which is a table unless set otherwise:
limits survive a restart. Here: the failed sign-ins, and how long to wait before trying again.

A sign-in counts only when it fails: people behind one address sign in as often as they like, and an attacker gains
nothing. The account's own limit is never a lock: a password reset clears it, and a passkey goes past it.
"""

from __future__ import annotations

import math
import time

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

APP = "allauth.account"
# Names of our own: allauth clears its "login_failed" after each right one-time code, the limit per address included,
# so somebody with an account and a second factor could guess the passwords of others for ever.
FAILED_SIGN_IN = "password_failed"
ALL_SIGN_INS = "login_site"

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


def take_sign_in(request: HttpRequest, name: str) -> ratelimit.RateLimitUsage | None:
    """Count one try to sign in as ``name``; None when there were too many. Roll back what succeeded."""
    if not ratelimit.consume(request, app=APP, action=ALL_SIGN_INS, key="all"):
        return None
    return ratelimit.consume(request, app=APP, action=FAILED_SIGN_IN, key=name.lower())


def forget_failures(request: HttpRequest, name: str) -> None:
    """Free ``name`` after its owner proved to be there by mail; the limits per address stay."""
    for rate in ratelimit.get_rates(app=APP, action=FAILED_SIGN_IN):
        if rate.per == "key":
            key = name.lower()
            cache.delete(ratelimit.get_cache_key(request, app=APP, action=FAILED_SIGN_IN, rate=rate, key=key))


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
