"""Unlocking a link with its passcode: how often somebody may guess, what the visitor's session remembers, and for how
long.

The session holds "this link, at this version of its passcode, until then", and nothing else opens a locked link: not
another link with an equal passcode, not this one after its passcode changed.

Only wrong passcodes count, but a try counts until it has turned out right, which a hash of half a second keeps open.
So that forty guests who type the right one in the same second all get in, the tries of a link take turns (each process
has one under way, far below any limit) and a passcode that was right once needs no hash again.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from galleries.links import is_passcode
from galleries.models import Link
from galleries.throttling import Limit, per_day, per_hour, per_minute, take
from galleries.turns import Turns

# SAFETY 5.3: an address is held first, then the link against many addresses.
WRONG_PASSCODES = Limit("passcode", (per_minute(10),))
WRONG_PASSCODES_OF_LINK = Limit("passcode-link", (per_hour(30), per_day(100)))
UNLOCKED_FOR = timedelta(hours=12)
MOST_REMEMBERED = 20  # links in one session
_KEY = "unlocked"
MOST_PROVED = 1_000  # passcodes that this process has seen to be right, 100 bytes each
_proof_key = secrets.token_bytes(32)  # of this process alone: what it remembers says nothing to anybody else
_proved: OrderedDict[str, bytes] = OrderedDict()  # by the stored hash, whose salt is the link's own

trying = Turns(at_once=1, busy="Many people are at this door just now. Try again in a moment.")


def try_passcode(link: Link, passcode: str, network: str, now: datetime) -> bool:
    """Whether ``passcode`` (as ``forms.clean_passcode`` leaves it) opens ``link``. Call it in a turn of ``trying``.

    Raises:
        Problem: rate_limited, for a right passcode too.
    """
    tried = take(WRONG_PASSCODES.of(link.hex, network), WRONG_PASSCODES_OF_LINK.of(link.hex), now=now)
    proof = hmac.digest(_proof_key, f"{link.passcode}\0{passcode}".encode(), "sha256")
    right = hmac.compare_digest(_proved.get(link.passcode, b""), proof) or is_passcode(link, passcode)
    if right:
        _proved[link.passcode] = proof
        while len(_proved) > MOST_PROVED:
            _proved.popitem(last=False)
        tried.give_back()
    return right


def remember_unlocked(session: SessionBase, link: Link, now: datetime, *, is_signed_in: bool) -> None:
    """Let this session open ``link`` for 12 hours.

    The session gets a new key, so that one which somebody planted in this browser opens nothing. (That of a signed-in
    person is new since the sign-in and stands under its key in their list of sessions: it stays.)
    """
    if not is_signed_in:
        session.cycle_key()
    second = int(now.timestamp())
    known: dict[str, list[int]] = {h: entry for h, entry in session.get(_KEY, {}).items() if entry[1] > second}
    known.pop(link.hex, None)
    newest = [*known.items()][-MOST_REMEMBERED + 1 :]
    until = second + int(UNLOCKED_FOR.total_seconds())
    session[_KEY] = dict(newest) | {link.hex: [link.passcode_version, until]}


def unlocked_in(session: SessionBase, now: datetime) -> Callable[[Link], bool]:
    """Says of a link whether this session may open it."""

    def is_unlocked(link: Link) -> bool:
        entry: Any = session.get(_KEY, {}).get(link.hex)
        return bool(entry) and entry[0] == link.passcode_version and entry[1] > now.timestamp()

    return is_unlocked
