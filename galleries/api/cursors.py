"""Where a page of a list ended, signed: a cursor that was made up, or comes from another list, is refused.

It names the last row that was shown, not a number of rows, so what is added or goes meanwhile neither repeats nor skips
anything.
"""

from __future__ import annotations

from uuid import UUID

from django.core.signing import BadSignature, Signer

from galleries.problems import Problem


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


def read_id_cursor(cursor: str, *listing: object) -> UUID | None:
    """``read_cursor`` where the place is a row's id; None for the beginning."""
    place = read_cursor(cursor, *listing)
    return UUID(hex=place) if place else None


def _signer(listing: tuple[object, ...]) -> Signer:
    return Signer(salt=":".join(["api cursor", *map(str, listing)]), sep="~")
