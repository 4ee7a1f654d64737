"""What a figure answers, and the one table in which all of them are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

COLUMNS = ("figure", "measured", "limit in the same run", "ratio", "wanted", "")
MET, NOT_MET = "met", "NOT MET"


@dataclass(frozen=True)
class Wanted:
    """What is hoped for: of the value itself, or of its ratio to the limit."""

    bound: float
    best: Literal["low", "high"] = "low"
    of: Literal["ratio", "value"] = "value"

    def __str__(self) -> str:
        return f"{'<=' if self.best == 'low' else '>='} {_number(self.bound)}{' x' if self.of == 'ratio' else ''}"

    def is_met(self, number: float) -> bool:
        return number <= self.bound if self.best == "low" else number >= self.bound


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ``limits`` holds one value for each of ``samples`` when both were made by turns: the ratio is then the median of
    the pairs, which a machine that grows busier or calmer during the run does not move.
    """

    figure: str
    unit: str
    samples: Sequence[float]
    limits: Sequence[float] = ()
    limit_name: str = ""
    wanted: Wanted | None = None

    @property
    def value(self) -> float:
        """The figure: the median of its repeats."""
        return median(self.samples)

    @property
    def ratio(self) -> float | None:
        """The figure over its limit, None when it has none."""
        if not self.limits:
            return None
        if len(self.limits) == len(self.samples):
            return median(one / limit for one, limit in zip(self.samples, self.limits, strict=True))
        return self.value / median(self.limits)

    @property
    def met(self) -> bool | None:
        """Whether it is as wanted; None when nothing was asked of it."""
        if self.wanted is None:
            return None
        if self.wanted.of == "value":
            return self.wanted.is_met(self.value)
        return self.ratio is not None and self.wanted.is_met(self.ratio)

    def cells(self) -> tuple[str, ...]:
        """The line as text, in the order of ``COLUMNS``."""
        limit = f"{_spread(self.limits, self.unit)} {self.limit_name}".strip() if self.limits else ""
        return (
            self.figure,
            _spread(self.samples, self.unit),
            limit,
            "" if self.ratio is None else f"{_number(self.ratio)} x",
            "" if self.wanted is None else str(self.wanted),
            {True: MET, False: NOT_MET, None: ""}[self.met],
        )


def write_text(rows: Iterable[Row]) -> str:
    """The table for a terminal."""
    lines = [COLUMNS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    rule = tuple("-" * width for width in widths)
    lines.insert(1, rule)
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def write_markdown(rows: Iterable[Row]) -> str:
    """The table for a page."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _spread(values: Sequence[float], unit: str) -> str:
    """The median, and between which values it lies."""
    low, middle, high = (_number(number) for number in (min(values), median(values), max(values)))
    between = "" if low == high else f" ({low}-{high})"
    return f"{middle}{between} {unit}".rstrip()


def _number(number: float) -> str:
    """Three digits that count, thousands whole."""
    if number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
