"""Unlocking a link with its passcode: what the visitor's session remembers, and for how long.

The session holds "this link, at this version of its passcode, until then", and nothing else opens a locked link: not
another link with an equal passcode, not this one after its passcode changed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.sessions.backends.base import SessionBase

from galleries.models import Link

UNLOCKED_FOR = timedelta(hours=12)
MOST_REMEMBERED = 20  # links in one session
_KEY = "unlocked"


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
