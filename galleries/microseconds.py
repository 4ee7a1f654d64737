"""Times as whole microseconds of the epoch: exact, where a float of seconds is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = timedelta(microseconds=1)


def to_microseconds(time: datetime) -> int:
    return (time - EPOCH) // _ONE


def from_microseconds(count: int) -> datetime:
    """
    Raises:
        OverflowError: no calendar goes so far.
    """
    return EPOCH + timedelta(microseconds=count)
