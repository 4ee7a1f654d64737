"""Time in words, for every page."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.conf import settings
from django.utils import timezone

register = template.Library()

SOON = timedelta(days=3)
TODAY = timedelta(days=1)


@register.filter
def time_left(expires_at: datetime | None) -> str:
    """How long something lives, in words, rounded down; what was just given 7 days says so for an hour."""
    return words_left(expires_at, timezone.now())


def words_left(expires_at: datetime | None, now: datetime) -> str:
    """See ``time_left``."""
    if expires_at is None:
        return "until you delete it"
    seconds = int((expires_at - now).total_seconds())
    if seconds <= 0:
        return "gone"
    for size, unit, slack in ((86_400, "day", 3_600), (3_600, "hour", 60), (60, "minute", 0)):
        if seconds + slack >= size * (2 if unit == "day" else 1):
            count = (seconds + slack) // size
            return f"{count} {unit}{'s' if count > 1 else ''} left"
    return "less than a minute left"


@register.simple_tag
def restore_time() -> str:
    """For how long a deletion can be undone, in words: "a day" for the default grace."""
    minutes = int(settings.RESTORE_WINDOW.total_seconds()) // 60
    if minutes >= 23 * 60:
        return "a day" if minutes < 36 * 60 else f"{round(minutes / (24 * 60))} days"
    if minutes >= 90:
        return f"{minutes // 60} hours"
    return f"{minutes} minutes" if minutes > 1 else "a minute"


@register.filter
def gone_on(expires_at: datetime | None) -> str:
    """ "gone on 3 May, 14:05 UTC", with the year when it is not this one; scripts write it by the reader's clock."""
    if expires_at is None:
        return "stays until you delete it"
    local = timezone.localtime(expires_at)
    year = "" if local.year == timezone.localtime().year else f" {local.year}"
    return f"gone on {local.day} {local:%B}{year}, {local:%H:%M %Z}"


@register.filter
def urgency(expires_at: datetime | None) -> str:
    """The step of a remaining time: "" (calm), "soon" (under 3 days) or "today" (under 1 day)."""
    return step_left(expires_at, timezone.now())


def step_left(expires_at: datetime | None, now: datetime) -> str:
    """See ``urgency``."""
    if expires_at is None:
        return ""
    left = expires_at - now
    if left < TODAY:
        return "today"
    return "soon" if left < SOON else ""
