"""Half-open byte ranges of a file: which bytes belong to a picture."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

Span = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same bytes as sorted spans that neither touch nor overlap."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


def holds(spans: list[Span], start: int, end: int) -> bool:
    """Whether one of the merged spans holds all of start to end."""
    index = bisect_right(spans, (start, end)) - 1
    candidates = spans[max(index, 0) : index + 2]
    return any(first <= start and end <= last for first, last in candidates)


def touches(spans: list[Span], start: int, end: int) -> bool:
    """Whether any byte from start to end is in the merged spans."""
    index = bisect_right(spans, (start, start))
    candidates = spans[max(index - 1, 0) : index + 1]
    return any(first < end and start < last for first, last in candidates)


def gaps(spans: list[Span], start: int, end: int) -> Iterator[Span]:
    """What lies between start and end outside of the merged spans."""
    index = max(bisect_right(spans, (start, start)) - 1, 0)
    while index < len(spans) and spans[index][0] < end:  # by index: a slice a media box would be quadratic
        first, last = spans[index]
        if start < first:
            yield start, first
        start = max(start, last)
        index += 1
    if start < end:
        yield start, end
