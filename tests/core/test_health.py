"""/readyz: anybody may ask, as often as they like, and it costs a look now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from galleries.storage import LocalMediaStorage
from gallery_site import health
from gallery_site.health import Latest
from tests.core.world import together


class Site:
    """What is found out about it; ``meanwhile`` happens during a look, of which ``looks`` were made."""

    def __init__(self) -> None:
        self.looks, self.now = 0, 100.0
        self.meanwhile: Callable[[], object] = lambda: None
        self.latest = Latest(self.look, clock=lambda: self.now)

    def look(self) -> dict[str, Any]:
        self.looks += 1
        number = self.looks
        self.meanwhile()
        return {"down": [], "look": number}

    def ask(self, *_: object) -> int:
        return int(self.latest.get()["look"])


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(health, "KEPT", 1.0)
    return Site()


def test_an_answer_is_kept_for_a_moment(site: Site) -> None:
    assert [site.ask(), site.ask()] == [1, 1]
    site.now += 0.9
    assert site.ask() == 1
    site.now += 0.1
    assert [site.ask(), site.ask(), site.looks] == [2, 2, 2]


def test_who_asks_during_a_look_hears_what_was_so_before(site: Site) -> None:
    """A store that is silent holds one thread, not all."""
    site.ask()
    site.now += 1
    heard: list[object] = []
    site.meanwhile = lambda: heard.extend(together(site.ask, range(3)))
    assert (site.ask(), heard, site.looks) == (2, [1, 1, 1], 2)


def test_the_first_who_ask_wait_for_one_look(site: Site) -> None:
    site.meanwhile = lambda: threading.Event().wait(0.2)
    assert together(site.ask, range(4)) == [1, 1, 1, 1]
    assert site.looks == 1


def test_a_look_that_fails_is_not_the_last(site: Site) -> None:
    site.meanwhile = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        site.ask()
    site.meanwhile = lambda: None
    assert site.ask() == 2


@pytest.mark.django_db
def test_many_questions_are_one_look_at_the_store(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    monkeypatch.setattr(health, "KEPT", 60.0)
    monkeypatch.setattr(health, "latest", Latest(health.describe))
    monkeypatch.setattr(LocalMediaStorage, "check", lambda store: looks.append(store))
    assert {client.get("/readyz").status_code for _ in range(3)} == {200}
    assert len(looks) == 1
