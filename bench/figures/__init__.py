"""The figures, in the order of the table. A new one is a module with ``measure`` and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from bench.context import Bench
from bench.table import Row

Measure = Callable[[Bench], Iterable[Row]]


@dataclass(frozen=True)
class Figure:
    """One module of this package: its name, and what it measures in a few words."""

    name: str
    title: str

    @property
    def measure(self) -> Measure:
        """Makes the figure's rows; imported when it is wanted."""
        return cast(Measure, import_module(f"bench.figures.{self.name}").measure)


FIGURES = (
    Figure("upload", "CPU of one upload"),
    Figure("uploads", "uploads a second, and whether each was kept once"),
    Figure("page", "a gallery's page at 100, 10,000 and 1,000,000 images"),
    Figure("media", "a picture, with its pass checked"),
    Figure("server", "one real server: nginx's check of a pass, pages and uploads on PostgreSQL"),
    Figure("zips", "the zip of 100 originals, and 50 slow readers"),
    Figure("sweep", "delete 1,000, sweep 1,000 that are due"),
    Figure("first_screen", "what a phone loads first, the owner's and a visitor's"),
    Figure("lighthouse", "Lighthouse's score of the same two pages"),
    Figure("renditions", "CPU of an upload that brings its renditions"),
    Figure("canvas", "12 MP photos from the drop to all safe, in Chromium"),
    Figure("rivals", "other libraries that compress in the browser"),
    Figure("start", "cold start, memory"),
)
