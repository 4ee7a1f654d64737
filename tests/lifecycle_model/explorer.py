"""Breadth first through every state that can be reached."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import Protocol, TypeVar

W = TypeVar("W", bound=Hashable)


class Steps(Protocol[W]):
    """What may happen in a world of states ``W``, and what must not."""

    def steps(self, world: W) -> Iterable[tuple[str, W]]:
        """Everything that can happen next, in words, and the state after it."""

    def violation(self, world: W) -> str:
        """The invariant that this state violates, or ""."""


def explore_from(first: W, model: Steps[W], *, only: str = "") -> tuple[str, int, list[str]]:
    """(the invariant that is violated or "", how many states were seen, the shortest schedule that leads there);
    ``only``: go on until this one is."""
    came: dict[W, tuple[W, str] | None] = {first: None}
    queue = deque([first])
    while queue:
        world = queue.popleft()
        broken = model.violation(world)
        if broken and only in {"", broken}:
            return broken, len(came), _schedule(world, came)
        for words, after in model.steps(world):
            if after not in came:
                came[after] = (world, words)
                queue.append(after)
    return "", len(came), []


def _schedule(world: W, came: dict[W, tuple[W, str] | None]) -> list[str]:
    words = []
    while (before := came[world]) is not None:
        words.append(before[1])
        world = before[0]
    return words[::-1]
