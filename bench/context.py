"""What every figure is given: how much to measure, and sites to measure on, made once and ended with the run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from bench.client import signed_in
from bench.site import Site

T = TypeVar("T")
PERSON = "alice"


@dataclass(frozen=True)
class Stocked:
    """A running site whose one gallery holds ``images`` rows; ``deep`` is a page near the end, "" when there is one
    page alone."""

    site: Site
    images: int
    session: str
    gallery: str
    deep: str

    @property
    def headers(self) -> dict[str, str]:
        return signed_in(self.session)

    @property
    def first(self) -> str:
        """The address of the gallery's first page."""
        return f"/g/{self.gallery}/"


@dataclass
class Bench:
    """One run. ``quick`` asks for the least that still says something."""

    scratch: Path
    quick: bool = False
    _sites: list[Site] = field(default_factory=list)
    _stocked: dict[int, Stocked] = field(default_factory=dict)

    def scaled(self, full: int, quick: int) -> int:
        """How many, for this kind of run."""
        return quick if self.quick else full

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many images are stored where a cost must not grow with them."""
        return (100, 10_000) if self.quick else (100, 10_000, 1_000_000)

    @property
    def repeats(self) -> int:
        """How often a figure is made, so that its spread can be seen."""
        return self.scaled(7, 3)

    def site(self, name: str, *, start: bool = True, environment: dict[str, str] | None = None) -> Site:
        """A new site with a data folder of its own and the person ``PERSON``; it ends with the run."""
        site = Site(self.scratch / name, environment or {})
        site.set_up_like(self._prepared)
        if start:
            site.start()
            self._sites.append(site)
        return site

    def start(self, site: Site) -> None:
        """Start a site that is to end with the run."""
        site.start()
        self._sites.append(site)

    def stocked(self, images: int) -> Stocked:
        """The site with a gallery of so many rows; every figure that asks gets the same one."""
        if images not in self._stocked:
            self.say(f"filling a gallery with {images:,} images")
            site = self.site(f"stocked-{images}", start=False)
            filled = site.inside("bench.filling:fill_gallery", person=PERSON, count=images)
            session = site.inside("bench.filling:sign_in", person=PERSON)
            self.start(site)
            self._stocked[images] = Stocked(site, images, session, **filled)
        return self._stocked[images]

    def close(self) -> None:
        """End every site of the run."""
        while self._sites:
            self._sites.pop().stop()

    def say(self, line: str) -> None:
        """Progress, beside the table."""
        print(f"  {line}", file=sys.stderr, flush=True)

    @cached_property
    def _prepared(self) -> Site:
        site = Site(self.scratch / "prepared")
        site.set_up()
        site.inside("bench.filling:add_person", name=PERSON)
        return site


def alternate(repeats: int, *measures: Callable[[], T]) -> list[list[T]]:
    """The answers of each measure, made by turns so that a busier minute falls on all of them. The first round warms
    up and does not count."""
    answers: list[list[T]] = [[] for _ in measures]
    for turn in range(repeats + 1):
        for measure, kept in zip(measures, answers, strict=True):
            answer = measure()
            if turn:
                kept.append(answer)
    return answers
