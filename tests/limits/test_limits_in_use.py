"""The limits of SAFETY 5.3 where people and programs meet them; the account pages' are in tests/accounts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from galleries.api.tokens import READS
from galleries.models import ApiToken, Gallery
from galleries.problems import Problem
from galleries.turns import AT_ONCE, Turns
from gallery_site.accounts.models import User
from tests.api.program import Program, is_problem, named, program_of
from tests.pictures import jpeg, store_image

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

NOON = "2026-05-01 12:00:00+00:00"


# --- API reads --------------------------------------------------------------------------------------------------------


def reading(owner: User, times: int) -> Program:
    """A program that has read so often just now."""
    row, token = ApiToken.issue(owner, "test", now=timezone.now())
    for _ in range(times):
        READS.count(row.id, now=timezone.now())
    return Program(token)


@pytest.mark.django_db
def test_a_program_may_read_1200_times_a_minute(alice: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        program = reading(alice, 1_197)
        assert [program.send(method, "/galleries").status_code for method in ("GET", "HEAD", "GET")] == [200] * 3
        answer = program.get("/galleries")
        assert is_problem(answer, "rate_limited")
        assert answer["Retry-After"] == "60"
        asked = program.post(f"/galleries/{'0' * 32}/images/check", {"hashes": []})
        assert is_problem(asked, "rate_limited")  # it only reads
        assert program.post("/galleries", {"title": "Writing goes on", "retention": "1d"}).status_code == 201
        assert reading(alice, 0).get("/galleries").status_code == 200
        clock.shift(60)
        assert program.get("/galleries").status_code == 200


@pytest.mark.django_db
def test_reads_are_known_after_a_restart(alice: User) -> None:
    with time_machine.travel(NOON, tick=False):
        program = reading(alice, 1_200)
        READS.tallies.clear()  # all that a process keeps of it
        assert is_problem(program.get("/galleries"), "rate_limited")


@pytest.mark.django_db
def test_a_read_costs_no_query_for_its_limit(alice: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    program = reading(alice, 1)
    assert program.get("/galleries").status_code == 200  # writes "last used"
    with django_assert_num_queries(2):  # the token with its owner, and the list
        program.get("/galleries")


# --- zips -------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_sixty_zips_an_hour_by_page_and_api_together(alice: User, alice_client: Client, gallery: Gallery) -> None:
    store_image(gallery)
    with time_machine.travel(NOON, tick=False) as clock:
        program = program_of(alice)
        for _ in range(30):
            assert b"".join(program.get(f"/galleries/{gallery.hex}/zip"))
            assert b"".join(alice_client.get(f"/g/{gallery.hex}/zip/"))
        answer = program.get(f"/galleries/{gallery.hex}/zip")
        assert is_problem(answer, "rate_limited")
        assert answer["Retry-After"] == "3600"
        page = alice_client.get(f"/g/{gallery.hex}/zip/")
        assert (page.status_code, page["Retry-After"]) == (429, "3600")
        clock.shift(3_600)
        assert b"".join(program.get(f"/galleries/{gallery.hex}/zip"))


# --- uploads ----------------------------------------------------------------------------------------------------------


@contextmanager
def held(turns: Turns, many: int, person: str = "alice") -> Iterator[threading.Event]:
    """``many`` uploads under way until the event is set."""
    over, begun = threading.Event(), threading.Barrier(many + 1)

    def hold() -> None:
        with turns.turn(person):
            begun.wait(30)
            over.wait(30)

    threads = [threading.Thread(target=hold) for _ in range(many)]
    for thread in threads:
        thread.start()
    begun.wait(30)
    try:
        yield over
    finally:
        over.set()
        for thread in threads:
            thread.join(30)


def test_seventeenth_upload_at_once_waits_and_is_refused_when_none_ends() -> None:
    turns = Turns(standstill=0.05)
    with held(turns, AT_ONCE):
        with pytest.raises(Problem) as refused, turns.turn("alice"):
            pass
        assert refused.value.code == "rate_limited"
        assert refused.value.retry_after
        with turns.turn("bob"):
            pass
    assert not turns.running
    assert not turns.ended


def test_whoever_waits_is_served_when_one_ends() -> None:
    turns, served = Turns(standstill=30), []

    def wait() -> None:
        with turns.turn("alice"):
            served.append(1)

    with held(turns, AT_ONCE) as over:
        threads = [threading.Thread(target=wait) for _ in range(30)]
        for thread in threads:
            thread.start()
        assert not served
        over.set()
        for thread in threads:
            thread.join(30)
    assert len(served) == 30
    assert not turns.running


def test_nobody_waits_for_ever_even_when_others_go_on() -> None:
    turns = Turns(at_once=1, standstill=30, patience=0.2)
    begin = time.monotonic()
    with held(turns, 1), pytest.raises(Problem), turns.turn("alice"):
        pass
    assert time.monotonic() - begin < 10


@pytest.mark.django_db
@pytest.mark.parametrize("by", ["page", "program"])
def test_an_upload_without_a_turn_is_refused_before_its_file_is_looked_at(
    by: str, alice: User, alice_client: Client, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(standstill=0.05)
    monkeypatch.setattr("galleries.api.images.uploads", turns)
    monkeypatch.setattr("galleries.views.uploads.uploads", turns)
    with held(turns, AT_ONCE, str(alice.pk)):
        if by == "program":
            answer = program_of(alice).upload(gallery, jpeg(1))
        else:
            headers = {"accept": "application/json"}
            answer = alice_client.post(f"/g/{gallery.hex}/upload/", {"file": named(jpeg(1), "a.jpg")}, headers=headers)
        assert is_problem(answer, "rate_limited")
        assert answer["Retry-After"] == "5"
    assert not gallery.images.exists()


@pytest.mark.django_db
def test_photos_shared_without_a_turn_leave_no_empty_gallery(
    alice: User, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns(standstill=0.05)
    monkeypatch.setattr("galleries.views.app.uploads", turns)
    with held(turns, AT_ONCE, str(alice.pk)):
        files = {"file": named(jpeg(1), "a.jpg")}
        assert alice_client.post("/share/", files, headers={"Sec-Fetch-Site": "none"}).status_code == 429
    assert not Gallery.objects.exists()


@pytest.mark.django_db
def test_uploads_one_after_the_other_are_never_throttled(alice: User, gallery: Gallery) -> None:
    """Thirty in the same second: the clock stands still."""
    with time_machine.travel(NOON, tick=False):
        program = program_of(alice)
        assert {program.upload(gallery, jpeg(1)).status_code for _ in range(30)} == {200, 201}
