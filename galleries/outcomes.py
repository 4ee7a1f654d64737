"""One change to many things, each confirmed alone: what cannot be changed is named and never stops the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from galleries.problems import Problem

# What is confirmed one by one may wait for a record store that is away, or be many thousands: a request stops after so
# many seconds (SAFETY 5.7), and what is left can be asked for again.
PATIENCE = 20.0


class _Named(Protocol):
    @property
    def hex(self) -> str: ...


Thing = TypeVar("Thing", bound=_Named)


@dataclass
class Outcome:
    """What became of a change to many: the ids that changed, and the refusals by id."""

    done: list[str] = field(default_factory=list)
    problems: dict[str, Problem] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many can be asked for again as they are."""
        return sum(problem.code == "unavailable" for problem in self.problems.values())

    @property
    def asked(self) -> int:
        return len(self.done) + len(self.problems)


def each_alone(
    things: Iterable[Thing],
    change: Callable[[Thing], object],
    patience: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Carry out ``change`` on each of ``things``; a Problem is that one's alone. What is not reached after ``patience``
    seconds (None: there is no hurry) is unavailable."""
    outcome = Outcome()
    deadline = None if patience is None else clock() + patience
    for thing in things:
        try:
            if deadline is not None and clock() > deadline:
                raise Problem("unavailable", detail="There was no time left for this one. Send it again.")
            change(thing)
        except Problem as problem:
            outcome.problems[thing.hex] = problem
        else:
            outcome.done.append(thing.hex)
    return outcome
