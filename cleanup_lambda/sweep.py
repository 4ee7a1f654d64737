"""The sweep: physically removes what is due, from wherever the due things are listed (rows, or records).

For each due thing: claim it (conditional: still due), delete its objects, drop it. A crash anywhere leaves the
pointer from which the next run goes on; doing a step twice does no harm. One bad item never stops the others.
Everything it touches and the clock are arguments; nothing here knows Django or AWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Protocol, TypeVar

from cleanup_lambda.keys import parse_key

T = TypeVar("T")

BATCH = 100  # items claimed, emptied and dropped together
MASS_FLOOR = 1_000
MASS_SHARE = 0.2
SECOND_VISIT = 3600.0  # seconds between the two visits of a mass sweep
CLOCK_TOLERANCE = 60.0  # seconds


@dataclass(frozen=True)
class Due:
    """One thing to remove: ``keys`` are all of its objects, ``size`` the bytes that its owner gets back."""

    id: str
    keys: tuple[str, ...]
    size: int


@dataclass
class Report:
    """What a sweep did. ``held``: due items left alone because of the mass rule. ``remaining``: some were not tried,
    because the time was up or the limit reached."""

    due: int = 0
    deleted: int = 0
    failed: int = 0
    skipped: int = 0
    bytes: int = 0
    held: int = 0
    remaining: bool = False

    def as_dict(self) -> dict[str, int | bool]:
        return asdict(self)


@dataclass(frozen=True)
class Step:
    """What a step made of a batch: ``done``; how many ``failed`` and are the next run's; how many were not tried
    because it was too ``late``. The rest was not ours: no longer due, or another worker was faster."""

    done: list[Due]
    failed: int = 0
    late: int = 0


class Source(Protocol):
    """Where due things are listed."""

    def due(self) -> Iterator[Due]:
        """What is due, oldest first; found by an index that may be behind, so ``claim`` decides."""

    def claim(self, batch: Sequence[Due]) -> Step:
        """Make those of ``batch`` ours that are still due; conditional on the truth, one by one."""

    def drop(self, batch: Sequence[Due]) -> Step:
        """Forget what is emptied."""


class ObjectStore(Protocol):
    """Where objects are."""

    def delete_objects(self, keys: Sequence[str]) -> dict[str, str]:
        """Delete ``keys`` (at most 1,000); a missing one counts as deleted. Returns what failed, with the reason."""


@dataclass(frozen=True)
class Visit:
    """When a mass sweep was first seen, by two clocks: Unix time, and seconds since the machine started (``boot``)."""

    time: float
    uptime: float
    boot: str


def is_mass(due: int, total: int) -> bool:
    """Whether a sweep of ``due`` among ``total`` needs a second visit."""
    return due > max(MASS_FLOOR, MASS_SHARE * total)


def may_proceed(first: Visit | None, now: Visit) -> bool:
    """Whether a mass sweep seen at ``first`` may be carried out at ``now``: an hour later, by a clock that did not
    jump.

    After a restart the two clocks cannot be compared, so the hour begins again.
    """
    return first is not None and is_same_wait(first, now) and now.uptime - first.uptime >= SECOND_VISIT


def is_same_wait(first: Visit, now: Visit) -> bool:
    """Whether both visits were seen by the same clocks, and neither jumped: otherwise the wait begins again."""
    waited, really = now.time - first.time, now.uptime - first.uptime
    return first.boot == now.boot and abs(waited - really) <= CLOCK_TOLERANCE


def sweep(
    source: Source,
    objects: ObjectStore,
    *,
    limit: int | None = None,
    batch_size: int = BATCH,
    time_left: Callable[[], bool] = lambda: True,
    progress: Callable[[Report], None] = lambda report: None,
    point: Callable[[str], None] = lambda name: None,
) -> Report:
    """Remove what ``source`` says is due, at most ``limit`` items, while ``time_left()``.

    ``progress`` is called after each batch, ``point`` at the places where a crash is tested.
    """
    report = Report()
    due = source.due()
    for batch in _batches(islice(due, limit), batch_size):
        if not time_left():
            report.remaining = True
            break
        report.due += len(batch)
        point("sweep.listed")
        claimed = source.claim(batch)
        _count(report, claimed)
        report.skipped += _not_ours(batch, claimed)
        point("sweep.claimed")
        if claimed.late:  # what is claimed is the next run's
            break
        emptied = _empty(claimed.done, objects, report)
        point("sweep.objects")
        dropped = source.drop(emptied)
        _count(report, dropped)
        report.skipped += _not_ours(emptied, dropped)
        point("sweep.emptied")
        report.deleted += len(dropped.done)
        report.bytes += sum(item.size for item in dropped.done)
        progress(report)
    else:
        report.remaining = report.remaining or next(due, None) is not None  # only a limit leaves any
    return report


def _count(report: Report, step: Step) -> None:
    report.failed += step.failed
    report.remaining = report.remaining or step.late > 0


def _not_ours(batch: Sequence[Due], step: Step) -> int:
    return len(batch) - len(step.done) - step.failed - step.late


def _empty(claimed: Sequence[Due], objects: ObjectStore, report: Report) -> list[Due]:
    """Delete the objects of ``claimed``; returns the items of which nothing is left. A strange key fails its item
    alone."""
    sound = [item for item in claimed if all(parse_key(key) for key in item.keys)]
    report.failed += len(claimed) - len(sound)
    errors = _delete([key for item in sound for key in item.keys], objects)
    emptied = [item for item in sound if not any(key in errors for key in item.keys)]
    report.failed += len(sound) - len(emptied)
    return emptied


def _delete(keys: Sequence[str], objects: ObjectStore) -> dict[str, str]:
    errors: dict[str, str] = {}
    for chunk in _batches(iter(keys), size=1_000):
        errors |= objects.delete_objects(chunk)
    return errors


def _batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
