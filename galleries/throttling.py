"""How often something may be done (SAFETY 5.3): counted in the database, so that a restart forgets nothing and all
processes count together.

A limit is exact in every window that ends now, not in windows of the clock: nobody gets twice the amount around a full
minute. Each counter is one row with its recent hits, at most as many as the limit allows.

- ``take`` is for what is guessed or dear: one transaction, exact. Take before checking, so that a refused try costs
  nothing and says nothing, and tries side by side cannot slip through together; ``give_back`` what turned out right::

      tries = take(PASSCODES.of(link.id, client_network(request)), PASSCODES_OF_LINK.of(link.id), now=now)
      if check_password(passcode, link.passcode):
          tries.give_back()

- ``Spread`` is for what is frequent: counted in memory, brought together with the other processes now and then.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from allauth.core.internal.ratelimit import get_ip
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from galleries.models import Throttle
from galleries.problems import Problem

log = logging.getLogger(__name__)

MINUTE, HOUR, DAY = 60, 3_600, 86_400
# A hit from further ahead was stamped by a clock that was wrong: it would count for as long as that clock was ahead.
CLOCK_ERROR = 300
KEPT_COUNTERS = 10_000  # in the memory of a process; 300 pairs of numbers each at most
SETTLE_PATIENCE_MS = 100

Hits = list[tuple[int, int]]  # (epoch second, how many), oldest first


@dataclass(frozen=True)
class Rate:
    """At most ``amount`` in any ``seconds``."""

    amount: int
    seconds: int


def per_minute(amount: int) -> Rate:
    return Rate(amount, MINUTE)


def per_hour(amount: int) -> Rate:
    return Rate(amount, HOUR)


def per_day(amount: int) -> Rate:
    return Rate(amount, DAY)


@dataclass(frozen=True)
class Limit:
    """A name and what holds together: ``Limit("zip", (per_hour(60),))``."""

    name: str
    rates: tuple[Rate, ...]

    def of(self, *whom: object) -> Counter:
        """The counter of this limit for somebody or something: a person's id, a link's id with an address."""
        value = "\0".join([self.name, *map(str, whom)])
        return Counter(self, salted_hmac("galleries.throttling", value, algorithm="sha256").hexdigest()[:32])

    @property
    def memory(self) -> int:
        """For how many seconds a hit counts."""
        return max(rate.seconds for rate in self.rates)


@dataclass(frozen=True)
class Counter:
    """What is counted: the limit, and the row's key."""

    limit: Limit
    key: str


def client_network(request: HttpRequest) -> str:
    """Who asks, as far as an address tells: an IPv4 address, or the /64 of an IPv6 one. ``X-Forwarded-For`` counts only
    as far as the operator's own proxies reach (``GALLERY_TRUSTED_PROXIES``)."""
    network: str = get_ip(request)
    return network


@dataclass(frozen=True)
class Taken:
    """Hits that were counted."""

    counters: tuple[Counter, ...]
    second: int

    def give_back(self) -> None:
        """Count them no more: what was tried turned out right."""
        with _locked(self.counters, self.second) as rows:
            for row in rows:
                row.hits = _merge(_read(row), [(self.second, -1)])
            Throttle.objects.bulk_update(rows, ["hits"])


def take(*counters: Counter, now: datetime) -> Taken:
    """Count one hit for each of ``counters``, all or none. A refused hit is not counted.

    Raises:
        Problem: rate_limited, with the time to wait, when any of them is over its limit.
    """
    second = int(now.timestamp())
    with _locked(counters, second) as rows:
        wait = 0
        for counter, row in zip(counters, rows, strict=True):
            hits = recent(_read(row), counter.limit, second)
            wait = max(wait, seconds_to_wait(hits, counter.limit.rates, second))
            row.hits = add(hits, second)
            row.stale_at = _stale_at(counter.limit, second)
        if wait:
            raise Problem("rate_limited", retry_after=wait)
        _save(rows)
    return Taken(counters, second)


def forget(*counters: Counter) -> None:
    """Start again from nothing."""
    Throttle.objects.filter(key__in=[counter.key for counter in counters]).delete()


def drop_stale(now: datetime) -> None:
    """Remove the rows that count nothing any more."""
    Throttle.objects.filter(stale_at__lt=now).delete()


@dataclass
class _Tally:
    """What one process knows of a counter: all hits of the last settlement, and its own since then."""

    known: Hits
    fresh: Hits = field(default_factory=list)
    unsettled: int = 0
    settling: bool = False


class Spread:
    """A limit for what is frequent, without a write for each hit.

    A process counts in memory and brings its hits into the row once in ``step``; then it also learns those of the
    others. So one process is exact, each further one can let ``step`` too many through, and a restart forgets less than
    ``step``. When the database cannot be written, each process goes on by what it knows.
    """

    def __init__(self, limit: Limit, step: int) -> None:
        self.limit = limit
        self.step = step
        self.tallies: OrderedDict[str, _Tally] = OrderedDict()
        self.lock = threading.Lock()

    def count(self, *whom: object, now: datetime) -> None:
        """Count one hit.

        Raises:
            Problem: rate_limited, with the time to wait.
        """
        counter, second = self.limit.of(*whom), int(now.timestamp())
        tally = self.tallies.get(counter.key) or self._first_sight(counter)
        with self.lock:
            if counter.key in self.tallies:
                self.tallies.move_to_end(counter.key)
            tally.known = recent(tally.known, self.limit, second)
            tally.fresh = recent(tally.fresh, self.limit, second)
            wait = seconds_to_wait([*tally.known, *tally.fresh], self.limit.rates, second)
            if wait:
                raise Problem("rate_limited", retry_after=wait)
            tally.fresh = add(tally.fresh, second)
            tally.unsettled += 1
            due = tally.unsettled >= self.step and not tally.settling
            if due:
                tally.unsettled, tally.settling = 0, True
            mine = tally.fresh
        if due:
            self._settle(counter, tally, mine, second)

    def _first_sight(self, counter: Counter) -> _Tally:
        row = Throttle.objects.filter(key=counter.key).first()
        tally = _Tally(_read(row) if row else [])
        with self.lock:
            while len(self.tallies) >= KEPT_COUNTERS:
                self.tallies.popitem(last=False)
            return self.tallies.setdefault(counter.key, tally)

    def _settle(self, counter: Counter, tally: _Tally, mine: Hits, second: int) -> None:
        try:
            with _impatient(), _locked((counter,), second) as rows:
                [row] = rows
                shared = _merge(recent(_read(row), self.limit, second), mine)
                row.hits, row.stale_at = shared, _stale_at(self.limit, second)
                _save(rows)
        except DatabaseError as error:  # full, locked, away: reading goes on
            log.warning("a limit could not be shared: %s", type(error).__name__)
        else:
            with self.lock:
                tally.known = shared
                tally.fresh = _merge(tally.fresh, [(at, -many) for at, many in mine])  # hits came meanwhile
        finally:
            tally.settling = False


def recent(hits: Hits, limit: Limit, second: int) -> Hits:
    """Those of ``hits`` that count at ``second``."""
    return [hit for hit in hits if second - limit.memory < hit[0] <= second + CLOCK_ERROR]


def add(hits: Hits, second: int) -> Hits:
    """``hits`` and one more."""
    return _merge(hits, [(second, 1)])


def seconds_to_wait(hits: Hits, rates: Sequence[Rate], second: int) -> int:
    """How long until one more hit is within each of ``rates``; 0: it is so now."""
    wait = 0
    for rate in rates:
        inside = [hit for hit in hits if hit[0] > second - rate.seconds]
        over = sum(many for _, many in inside) + 1 - rate.amount
        for at, many in sorted(inside):
            if over <= 0:
                break
            over -= many
            wait = max(wait, at + rate.seconds - second)
    return wait


def _read(row: Throttle) -> Hits:
    return [(second, many) for second, many in row.hits]


def _merge(hits: Hits, more: Hits) -> Hits:
    merged = dict(hits)
    for second, many in more:
        merged[second] = merged.get(second, 0) + many
    return sorted((second, many) for second, many in merged.items() if many > 0)


def _stale_at(limit: Limit, second: int) -> datetime:
    return datetime.fromtimestamp(second + limit.memory, UTC)


@contextmanager
def _locked(counters: Sequence[Counter], second: int) -> Iterator[list[Throttle]]:
    """In a transaction of its own: the rows of ``counters``, new ones not yet saved, and nobody else has them."""
    keys = sorted({counter.key for counter in counters})  # in one order: no two can wait for each other
    with transaction.atomic(durable=True):
        found = _select(keys)
        if connection.features.has_select_for_update and len(found) < len(keys):  # SQLite has one writer: us
            new = [Throttle(key=each.key, stale_at=_stale_at(each.limit, second)) for each in counters]
            Throttle.objects.bulk_create([row for row in new if row.key not in found], ignore_conflicts=True)
            found = _select(keys)
        yield [found.get(counter.key) or Throttle(key=counter.key) for counter in counters]


def _select(keys: Sequence[str]) -> dict[str, Throttle]:
    return {row.key: row for row in Throttle.objects.select_for_update().filter(key__in=keys).order_by("key")}


def _save(rows: Sequence[Throttle]) -> None:
    Throttle.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=["hits", "stale_at"])


@contextmanager
def _impatient() -> Iterator[None]:
    """Wait for another writer for a moment only: this is not worth anybody's time."""
    if connection.vendor == "sqlite":
        usual = connection.settings_dict["OPTIONS"].get("timeout", 5)
        briefly, as_usual = (f"PRAGMA busy_timeout = {int(ms)}" for ms in (SETTLE_PATIENCE_MS, usual * 1_000))
    else:
        briefly, as_usual = f"SET lock_timeout = {SETTLE_PATIENCE_MS}", "SET lock_timeout = DEFAULT"
    with connection.cursor() as cursor:
        cursor.execute(briefly)
        try:
            yield
        finally:
            cursor.execute(as_usual)
