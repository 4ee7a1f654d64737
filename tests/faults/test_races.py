"""Two at once: sweeps against each other, and the sweep against what lengthens, in every order of their steps."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings as site_settings
from django.db import connection
from django.utils import timezone

from galleries import crash, storage
from galleries.expiry import set_expiry
from galleries.models import Gallery, Image, Receipt, State
from galleries.problems import Problem
from galleries.removal import remove_images, restore_image
from galleries.sweeping import make_plan, run_sweep
from tests.core.world import DAY, HOUR, QuickDecoder, add, check_world, clock
from tests.faults.site import FaultSite, end, picture
from tests.faults.snapshot import read_snapshot
from tests.live import ROOT

MINUTE = timedelta(minutes=1)
START = datetime(2026, 5, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any bytes are a picture; nobody waits for the disk."""
    decoder = QuickDecoder()
    monkeypatch.setattr("galleries.uploads.decoder", lambda: decoder)
    monkeypatch.setattr(storage, "_sync", lambda path: None)
    monkeypatch.setattr(storage, "_sync_directory", lambda path: None)


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_sweeps_at_once_delete_each_image_once(still_site: FaultSite) -> None:
    site = still_site
    site.start()
    alice = site.alice
    gallery = alice.make_gallery(retention="1h")
    due = alice.upload(gallery, picture(1)).json["id"]
    site.kill()
    site.clone(due, 399)
    site.pass_time(DAY + HOUR + MINUTE)
    site.start()
    alice = site.alice
    alice.upload(alice.make_gallery("Kept"), picture(2))
    site.kill()  # its own timer would be a third
    command = [sys.executable, str(ROOT / "manage.py"), "sweep_expired", "--apply", "--json"]
    sweeps = [
        subprocess.Popen(command, env=site.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        said = [sweep.communicate(timeout=120) for sweep in sweeps]
    finally:
        for sweep in sweeps:
            end(sweep)
    assert [sweep.returncode for sweep in sweeps] == [0, 0], said
    assert sum(json.loads(out)["deleted"] for out, _ in said) == 400
    snapshot = read_snapshot(site.database, site.media)
    assert len(snapshot.receipts) == 400
    site.check(http=False)
    site.settle()
    site.check(http=False)


# --- every order of steps ---------------------------------------------------------------------------------------------


class Stage:
    """Lets acts take turns: each runs alone until its next crash point, in the order of ``turns``."""

    def __init__(self, turns: str, acts: dict[str, Callable[[], object]]) -> None:
        self.turns = iter(turns)
        self.acts = acts
        self.changed = threading.Condition()
        self.current = ""
        self.done: set[str] = set()
        self.results: dict[str, object] = {}
        self.names = threading.local()

    def play(self) -> dict[str, object]:
        """What each act returned, or the Problem that it raised."""
        threads = [threading.Thread(target=self._run, args=pair) for pair in self.acts.items()]
        for thread in threads:
            thread.start()
        with self.changed:
            self._next()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "an act hangs"
        return self.results

    def point(self, name: str) -> None:
        """A crash point: the turn ends here, unless nothing that others read has changed since the last one."""
        if name in {"sweep.object", "sweep.recorded"}:
            return
        with self.changed:
            self._next()
            self._wait()

    def _run(self, name: str, act: Callable[[], object]) -> None:
        self.names.mine = name
        with self.changed:
            self._wait()
        try:
            self.results[name] = act()
        except Problem as problem:
            self.results[name] = problem
        finally:
            connection.close()
            with self.changed:
                self.done.add(name)
                self._next()

    def _next(self) -> None:
        """The next turn of somebody who is not done; after the last one the rest run as they come."""
        left = [name for name in self.acts if name not in self.done]
        self.current = next((turn for turn in self.turns if turn in left), left[0] if left else "")
        self.changed.notify_all()

    def _wait(self) -> None:
        ours = self.changed.wait_for(lambda: self.current == self.names.mine, timeout=60)
        assert ours, "the turn never came"


def orders(first: str, count: int, second: str, other: int) -> Iterator[str]:
    """Every way to interleave ``count`` steps of one with ``other`` steps of another."""
    for places in itertools.combinations(range(count + other), count):
        yield "".join(first if place in places else second for place in range(count + other))


# Steps between points. Lengthening: start, reserved, recorded, confirmed. A sweep of one image: start, listed,
# claimed, objects, emptied.
EVERY_ORDER = sorted(orders("L", 4, "S", 5))


def play(
    monkeypatch: pytest.MonkeyPatch, turns: str, lengthen: Callable[[], object], sweep: Callable[[], object]
) -> bool:
    """Whether the lengthening was acknowledged."""
    stage = Stage(turns, {"L": lengthen, "S": sweep})
    with monkeypatch.context() as patch:
        patch.setattr(crash, "point", stage.point)
        results = stage.play()
    return not isinstance(results["L"], Problem)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_extend_against_sweep_in_every_order(gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep's clock is a day fast, so that both are possible at once: one of them wins, and nobody is lied to."""
    outcomes = set()
    with clock(START):
        for number, turns in enumerate(EVERY_ORDER):
            image = add(gallery, number, expires_at=START + HOUR, has_expiry=True)
            later = START + 9 * DAY
            plan = make_plan(START + DAY + HOUR + MINUTE)
            acked = play(monkeypatch, turns, lambda: set_expiry(image, later, START), lambda: run_sweep(plan))  # noqa: B023
            row = Image.objects.get(id=image.id)
            assert acked == row.is_live(START), f"{turns}: acknowledged {acked}, {row.state}"
            assert row.state == (State.READY if acked else State.EMPTIED), turns
            assert (row.expires_at == later) == acked
            outcomes.add(acked)
            if number % 20 == 0:
                check_world(START, data_dir)
        check_world(START, data_dir)
    assert outcomes == {True, False}, "not vacuous"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_restore_against_sweep_in_every_order(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = set()
    with clock(START):
        for number, turns in enumerate(EVERY_ORDER):
            image = add(gallery, number)
            remove_images(gallery, [image.id], START)
            image.refresh_from_db()
            plan = make_plan(START + DAY + MINUTE)
            acked = play(monkeypatch, turns, lambda: restore_image(image), lambda: run_sweep(plan))  # noqa: B023
            assert Image.objects.get(id=image.id).is_live(START) == acked, turns
            outcomes.add(acked)
        check_world(START, data_dir)
    assert outcomes == {True, False}, "not vacuous"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quick")
def test_two_sweeps_in_many_orders_count_each_image_once(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = sorted(orders("A", 5, "B", 5))
    plan = make_plan(START + DAY + HOUR)
    with clock(START):
        for number, turns in enumerate(every[:: len(every) // 20]):
            add(gallery, number, expires_at=START + MINUTE, has_expiry=True)
            stage = Stage(turns, {"A": lambda: run_sweep(plan).deleted, "B": lambda: run_sweep(plan).deleted})
            with monkeypatch.context() as patch:
                patch.setattr(crash, "point", stage.point)
                assert sum(stage.play().values()) == 1, turns  # type: ignore[arg-type]
            check_world(START + HOUR, data_dir)
            assert Receipt.objects.count() == number + 1


# --- clocks -----------------------------------------------------------------------------------------------------------

SKEWS = [timedelta(0), 5 * MINUTE, -5 * MINUTE, HOUR, -HOUR, timedelta(days=365), timedelta(days=-365)]


@pytest.mark.parametrize("skew", [*SKEWS, datetime(1970, 1, 1, tzinfo=UTC) - START], ids=str)
@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_a_sweep_with_a_wrong_clock_deletes_nothing_that_is_live(
    gallery: Gallery, data_dir: Path, skew: timedelta
) -> None:
    """Up to the grace a fast clock is safe; a slow one only deletes later. Beyond the grace it cannot know better."""
    with clock(START):
        kept = add(gallery, 1)
        soon = add(gallery, 2, expires_at=START + MINUTE, has_expiry=True)
        removed = add(gallery, 3)
        remove_images(gallery, [removed.id], START)
        for_ever = add(gallery, 4, expires_at=None, has_expiry=True)
    now = START + site_settings.RESTORE_WINDOW - MINUTE
    with clock(now):
        run_sweep(make_plan(now + skew))
        check_world(now, data_dir)
        left = set(Image.objects.filter(state=State.READY).values_list("id", flat=True))
        assert for_ever.id in left
        if skew <= 15 * MINUTE:
            assert left == {kept.id, soon.id, removed.id, for_ever.id}
            assert restore_image(removed).is_live(now)
        elif skew <= site_settings.GRACE:
            assert left == {kept.id, for_ever.id}
        else:
            assert left == {for_ever.id}


@pytest.mark.parametrize("skew", SKEWS, ids=str)
@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_a_web_clock_that_jumps_keeps_every_promise_at_the_right_time(
    gallery: Gallery, data_dir: Path, skew: timedelta
) -> None:
    """What is uploaded under a wrong clock is kept until the time that was promised, by whatever clock says so."""
    with clock(START + skew):
        image = add(gallery, 1, expires_at=START + 400 * DAY, has_expiry=True)
    with clock(START):
        run_sweep(make_plan(START))
        assert Image.objects.live(START).filter(id=image.id).exists()
        check_world(START, data_dir)
    end = START + 400 * DAY
    with clock(end):
        assert not Image.objects.live(timezone.now()).exists()
    run_sweep(make_plan(end + site_settings.GRACE))
    assert not Image.objects.filter(state=State.READY).exists()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.django_db
@pytest.mark.usefixtures("quick")
def test_daylight_saving_moves_no_expiry(gallery: Gallery, zone: str) -> None:
    """An hour is an hour, whatever the wall clock of the machine does that night."""
    from zoneinfo import ZoneInfo

    for night in (datetime(2026, 3, 29, 0, 30), datetime(2026, 10, 25, 0, 30), datetime(2026, 4, 5, 1, 0)):
        begin = night.replace(tzinfo=ZoneInfo(zone))  # time-machine also sets the process's own time zone
        with time_machine.travel(begin, tick=False) as traveller:
            image = add(gallery, night.toordinal(), expires_at=timezone.now() + 4 * HOUR, has_expiry=True)
            for _ in range(3):
                traveller.shift(HOUR)
                assert Image.objects.live(timezone.now()).filter(id=image.id).exists()
            traveller.shift(HOUR)
            assert not Image.objects.live(timezone.now()).filter(id=image.id).exists()
            run_sweep(make_plan(timezone.now()))
            assert Image.objects.filter(id=image.id, state=State.READY).exists()
            traveller.shift(24 * HOUR)
            run_sweep(make_plan(timezone.now()))
            assert not Image.objects.filter(id=image.id, state=State.READY).exists()
