"""Going through any number of rows while they, or others, are written: in pages, each of which is read to its end.

A cursor that was read half keeps the database as it was when it was opened. On SQLite its connection cannot write from
there once anybody else has committed: "database is locked", at once and whatever the time-out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

PAGE = 500

Row = TypeVar("Row", bound=Model)


def walk_rows(rows: QuerySet[Row], *order: str) -> Iterator[Row]:
    """``rows`` one by one, as ``walk_pages`` reads them."""
    return chain.from_iterable(walk_pages(rows, PAGE, *order))


def walk_pages(rows: QuerySet[Row], size: int, *order: str) -> Iterator[list[Row]]:
    """``rows``, ``size`` at a time, in the order of these columns: never null, and the last of them is unique ("id"
    when none is named). One whose place changes meanwhile may be left out, or come again."""
    order = order or ("id",)
    beyond = Q()
    while page := list(rows.filter(beyond).order_by(*order)[:size]):
        beyond = _beyond(page[-1], *order)
        yield page
        if len(page) < size:
            return


def _beyond(row: Model, column: str, *others: str) -> Q:
    value: Any = getattr(row, column)
    beyond = Q(**{f"{column}__gt": value})
    # What lies at or beyond is said first: an index finds that, and not a choice of two.
    return Q(**{f"{column}__gte": value}) & (beyond | _beyond(row, *others)) if others else beyond
