"""The limiter itself: exact, shared, kept, and never a reason to wait for the database."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.test import RequestFactory

from galleries.models import Throttle
from galleries.problems import Problem
from galleries.throttling import (
    Counter,
    Limit,
    Spread,
    client_network,
    drop_stale,
    forget,
    per_day,
    per_hour,
    per_minute,
    take,
)

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
GUESSES = Limit("guesses", (per_minute(10),))
GUESSES_OF_LINK = Limit("guesses-link", (per_hour(30), per_day(100)))
READS = Limit("reads", (per_minute(1_200),))


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def wait(*counters: Counter, seconds: float = 0) -> int:
    """0 when it was allowed, else the Retry-After."""
    try:
        take(*counters, now=at(seconds))
    except Problem as problem:
        return (problem.retry_after or 0) if problem.code == "rate_limited" else -1
    return 0


@pytest.mark.django_db
def test_eleventh_in_a_minute_waits_until_the_first_is_a_minute_old() -> None:
    mine = GUESSES.of("link", "203.0.113.7")
    assert [wait(mine, seconds=number) for number in range(11)] == [0] * 10 + [50]
    assert wait(mine, seconds=59.9) == 1
    assert wait(mine, seconds=60) == 0
    assert wait(mine, seconds=60) == 1  # a window that ends now, not one of the clock


@pytest.mark.django_db
def test_others_are_counted_apart() -> None:
    for _ in range(10):
        wait(GUESSES.of("link", "203.0.113.7"))
    assert wait(GUESSES.of("link", "203.0.113.7"))
    assert not wait(GUESSES.of("link", "203.0.113.8"))
    assert not wait(GUESSES.of("other", "203.0.113.7"))
    assert not wait(Limit("something else", GUESSES.rates).of("link", "203.0.113.7"))


@pytest.mark.django_db
def test_a_link_is_guarded_over_many_addresses_by_the_hour_and_the_day() -> None:
    def guess(number: int, seconds: int) -> int:
        return wait(GUESSES.of("link", f"203.0.113.{number}"), GUESSES_OF_LINK.of("link"), seconds=seconds)

    assert [bool(guess(number, 0)) for number in range(31)] == [False] * 30 + [True]
    for hour in (1, 2):
        assert not any(guess(number, hour * 3_600) for number in range(30))
    assert [bool(guess(number, 3 * 3_600)) for number in range(11)] == [False] * 10 + [True]
    assert guess(200, 4 * 3_600) == 20 * 3_600


@pytest.mark.django_db
def test_refused_by_one_is_counted_by_none() -> None:
    for number in range(30):
        wait(GUESSES_OF_LINK.of("link"), seconds=number)
    for _ in range(20):
        assert wait(GUESSES.of("link", "203.0.113.7"), GUESSES_OF_LINK.of("link"), seconds=30)
    assert Throttle.objects.count() == 1


@pytest.mark.django_db
def test_what_was_right_is_given_back() -> None:
    counters = GUESSES.of("link", "203.0.113.7"), GUESSES_OF_LINK.of("link")
    for _ in range(200):
        take(*counters, now=NOON).give_back()
    for _ in range(10):
        take(*counters, now=NOON)
    assert wait(*counters)
    forget(*counters)
    assert not wait(*counters)


@pytest.mark.django_db
def test_a_clock_that_was_ahead_locks_nobody_out() -> None:
    mine = GUESSES.of("mine")
    for _ in range(10):
        take(mine, now=NOON + timedelta(days=365))
    assert wait(mine) == 0


@pytest.mark.django_db
def test_what_counts_no_more_is_dropped_and_nothing_else() -> None:
    take(GUESSES.of("old"), now=at(-120))
    take(GUESSES.of("new"), now=NOON)
    drop_stale(NOON)
    assert [row.key for row in Throttle.objects.all()] == [GUESSES.of("new").key]


@pytest.mark.django_db
def test_rows_tell_neither_who_nor_where() -> None:
    take(GUESSES.of("alice@example.org", "203.0.113.7"), now=NOON)
    row = str(Throttle.objects.values_list().get())
    assert "alice" not in row
    assert "203.0.113" not in row


@pytest.mark.django_db(transaction=True)
def test_tries_side_by_side_cannot_slip_through_together() -> None:
    mine, allowed = GUESSES.of("mine"), []
    barrier = threading.Barrier(16)

    def guess() -> None:
        barrier.wait(30)
        try:
            take(mine, now=NOON)
            allowed.append(1)
        except Problem:
            pass
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(allowed) == 10


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
    ],
)
def test_row_19_ipv6_counts_by_64_and_a_forged_header_changes_nothing(address: str, network: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=address, headers={"X-Forwarded-For": "198.51.100.1"})
    assert client_network(request) == network


# --- what is frequent -------------------------------------------------------------------------------------------------


def count(spread: Spread, times: int, seconds: float = 0) -> int:
    """How many of ``times`` were allowed."""
    for number in range(times):
        try:
            spread.count("token", now=at(seconds))
        except Problem:
            return number
    return times


@pytest.mark.django_db
def test_one_process_is_exact() -> None:
    spread = Spread(READS, step=60)
    assert [count(spread, 100, seconds) for seconds in range(13)] == [100] * 12 + [0]
    assert count(spread, 2_000, 60) == 100


@pytest.mark.django_db
def test_processes_count_together_within_a_step_each() -> None:
    first, second = Spread(READS, step=60), Spread(READS, step=60)
    allowed = 0
    for _ in range(1_000):
        allowed += count(first, 1) + count(second, 1)
    assert 1_200 <= allowed <= 1_260


@pytest.mark.django_db
def test_restart_forgets_less_than_a_step() -> None:
    assert count(Spread(READS, step=60), 1_199) == 1_199
    assert count(Spread(READS, step=60), 2_000) == 1_200 - 19 * 60


@pytest.mark.django_db
def test_counting_costs_a_write_in_sixty_and_no_more_reads(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    spread = Spread(READS, step=60)
    with django_assert_num_queries(1):  # whether other processes know it
        count(spread, 1)
    with django_assert_num_queries(0):
        count(spread, 58)


@pytest.mark.django_db(transaction=True)
def test_database_that_cannot_be_written_stops_nobody_and_keeps_nobody_waiting() -> None:
    """Another process holds the writer's place, or our row, for longer than anybody would wait."""
    spread, locked, over = Spread(READS, step=60), threading.Event(), threading.Event()
    assert count(spread, 60) == 60

    def hold() -> None:
        try:
            with transaction.atomic():
                Throttle.objects.update(stale_at=NOON)
                locked.set()
                over.wait(30)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(10)
        begin = time.monotonic()
        assert count(spread, 150, 1) == 150
        assert time.monotonic() - begin < 5
    finally:
        over.set()
        holder.join(30)
    assert count(spread, 2_000, 2) == 1_200 - 60 - 150
