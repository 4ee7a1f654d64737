"""Write-through: the records that mirror rows for the deleter that cannot see rows.

Orders of operation (LIFECYCLE): what shortens life writes the row first and tells the record later, through the outbox;
what lengthens it writes the record first. Without a record store the steps are there and say yes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Protocol
from uuid import UUID


class Published(Enum):
    """What the record store answered to a write that lengthens."""

    HELD = "held"
    TOO_LATE = "claimed by a sweep"
    OVERTAKEN = "a newer version is there"
    UNKNOWN = "no answer"


@dataclass(frozen=True)
class Promise:
    """What a record must hold so that the deleter keeps its hands off: due later, at this version."""

    image: UUID
    version: int
    expires_at: datetime | None
    due_at: datetime | None


class RecordStore(Protocol):
    """Where records are."""

    enabled: bool

    def lengthen(self, promise: Promise) -> Published:
        """Write a later due time, before the row says so (R-LEN)."""

    def enqueue(self, images: Iterable[UUID], now: datetime) -> None:
        """Leave an outbox entry for each image, inside the caller's transaction (O)."""

    def drop(self, images: Iterable[UUID]) -> None:
        """Delete the records of images whose objects are gone (R-DROP)."""


class NullRecords:
    """No record store: the rows alone are the truth and the deleter reads them."""

    enabled = False

    def lengthen(self, promise: Promise) -> Published:
        return Published.HELD

    def enqueue(self, images: Iterable[UUID], now: datetime) -> None:
        return None

    def drop(self, images: Iterable[UUID]) -> None:
        return None


@cache
def records() -> RecordStore:
    """The record store that the settings name."""
    return NullRecords()


def drain_outbox(now: datetime, limit: int = 1_000) -> tuple[int, int]:
    """Publish what the outbox asks for; returns (published, left). Without a record store there is nothing to do."""
    return (0, 0)
