"""One change to many things, each confirmed alone: what cannot be changed is named and never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from galleries.problems import Problem


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
    def asked(self) -> int:
        return len(self.done) + len(self.problems)


def each_alone(things: Iterable[Thing], change: Callable[[Thing], object]) -> Outcome:
    """Carry out ``change`` on each of ``things``; a Problem is that one's alone."""
    outcome = Outcome()
    for thing in things:
        try:
            change(thing)
        except Problem as problem:
            outcome.problems[thing.hex] = problem
        else:
            outcome.done.append(thing.hex)
    return outcome
