"""Where a page of a list ended, signed: a cursor that was made up, or comes from another list, is refused.

It names the last row that was shown, not a number of rows, so what is added or goes meanwhile neither repeats nor skips
anything.
"""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet

from galleries.problems import Problem

M = TypeVar("M", bound=Model)


def write_cursor(place: str, *listing: object) -> str:
    """The cursor for ``place`` in the list that ``listing`` names."""
    return _signer(listing).sign(place)


def read_cursor(cursor: str, *listing: object) -> str:
    """The place that a cursor of this very list names, "" for the list's beginning.

    Raises:
        Problem: invalid_request, it is not one that this list gave.
    """
    if not cursor:
        return ""
    try:
        return _signer(listing).unsign(cursor)
    except BadSignature:
        raise Problem("invalid_request", detail="This is not a page of the list.", fields=("cursor",)) from None


def read_rows(rows: QuerySet[M], cursor: str, limit: int, *listing: object) -> tuple[list[M], str | None]:
    """A page of ``rows``, whose newest comes first (by id), and the cursor of the next page; None: this is the last.

    Raises: as ``read_cursor``.
    """
    place = read_cursor(cursor, *listing)
    if place:
        rows = rows.filter(id__lt=UUID(hex=place))
    page = list(rows.order_by("-id")[: limit + 1])
    more = len(page) > limit
    return page[:limit], write_cursor(page[limit - 1].pk.hex, *listing) if more else None


def _signer(listing: tuple[object, ...]) -> Signer:
    return Signer(salt=":".join(["api cursor", *map(str, listing)]), sep="~")
