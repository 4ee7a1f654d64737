"""The mass rule of the sweep over rows: very many that are due at once wait for a second visit."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest

from cleanup_lambda import sweep as sweep_module
from cleanup_lambda.sweep import Report
from galleries import sweeping
from galleries.galleries import create_gallery
from galleries.models import Gallery, Image, State, SweepHold, Usage
from galleries.removal import remove_gallery
from galleries.sweeping import forget_old_holds, make_plan, preview_sweep, run_sweep
from galleries.vitals import read_vitals
from gallery_site.accounts.models import User
from gallery_site.ids import uuid7
from tests.core.world import DAY, HOUR, SECOND, START

pytestmark = pytest.mark.django_db


def _fill(gallery: Gallery, count: int, expires_at: datetime | None) -> list[UUID]:
    """Rows without objects: the rule only counts."""
    rows = [
        Image(
            id=uuid7(), gallery=gallery, state=State.READY, version=1, expires_at=expires_at, due_at=expires_at,
            touched_at=START, created_at=START, filename="f.jpg", content_type="image/jpeg", extension="jpg",
            renditions="preview.jpg 40x30 thumbnail.webp 40x30", bytes=10, width=4, height=3, sha256=f"{n:064x}",
            stored_sha256="", crc32=0, sort_at=START,
        )
        for n in range(count)
    ]  # fmt: skip
    Image.objects.bulk_create(rows, batch_size=200)
    Gallery.objects.filter(id=gallery.id).update(image_count=count, bytes=10 * count)
    Usage.objects.update_or_create(owner=gallery.owner, defaults={"bytes": 10 * count, "images": count})
    return [row.id for row in rows]


FLOOR = 50  # instead of 1,000


class Machine:
    """Its two clocks, and a mass that is made sooner."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.uptime, self.boot = 1000.0, "boot 1"
        monkeypatch.setattr(sweep_module, "MASS_FLOOR", FLOOR)
        monkeypatch.setattr(sweeping, "MASS_FLOOR", FLOOR)
        monkeypatch.setattr(sweeping, "_uptime", lambda: self.uptime)
        monkeypatch.setattr(sweeping, "_boot_id", lambda: self.boot)

    @property
    def holds_since(self) -> datetime:
        """When this machine saw the mass first."""
        return SweepHold.objects.get(boot=self.boot).first_seen_at


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_a_mass_sweep_waits_for_a_second_visit_an_hour_later(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 51, START)
    now = START + 2 * DAY
    assert preview_sweep(make_plan(now)) == Report(due=51, bytes=510, held=51)
    assert not SweepHold.objects.exists(), "a preview is no visit"
    assert run_sweep(make_plan(now)) == Report(due=51, held=51)
    assert machine.holds_since == now
    machine.uptime += 3_599
    assert run_sweep(make_plan(now + 3_599 * SECOND)).held == 51
    assert machine.holds_since == now, "the visits in between do not begin the hour again"
    machine.uptime += 1
    assert run_sweep(make_plan(now + HOUR)).deleted == 51
    assert not SweepHold.objects.exists()
    assert Usage.objects.get().images == 0


def test_a_mass_that_waits_lets_removed_galleries_wait_too(gallery: Gallery, machine: Machine, alice: User) -> None:
    _fill(gallery, 51, START)
    removed = create_gallery(alice, title="Winter", retention="7d", now=START)
    remove_gallery(removed, START)
    run_sweep(make_plan(START + 2 * DAY))
    assert Gallery.objects.filter(id=removed.id).exists()


def test_as_many_as_the_floor_are_no_mass(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 50, START)
    assert run_sweep(make_plan(START + 2 * DAY)).deleted == 50


def test_a_fifth_of_many_is_no_mass(gallery: Gallery, machine: Machine) -> None:
    ids = _fill(gallery, 260, None)
    Image.objects.filter(id__in=ids[:52]).update(expires_at=START, due_at=START)
    assert run_sweep(make_plan(START + 2 * DAY)).held == 0


@pytest.mark.parametrize("really", [1_800, 3_600])
def test_a_clock_that_jumps_begins_the_hour_again(gallery: Gallery, machine: Machine, really: int) -> None:
    _fill(gallery, 51, START)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime += really
    jumped = now + 3 * HOUR
    assert run_sweep(make_plan(jumped)).held == 51
    assert machine.holds_since == jumped
    machine.uptime += 3_600
    assert run_sweep(make_plan(jumped + HOUR)).deleted == 51


def test_a_restart_begins_the_hour_again(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 51, START)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime, machine.boot = 60.0, "boot 2"
    assert run_sweep(make_plan(now + HOUR)).held == 51
    machine.uptime += 3_600
    assert run_sweep(make_plan(now + 2 * HOUR)).deleted == 51


def test_each_of_two_machines_waits_its_own_hour(gallery: Gallery, machine: Machine) -> None:
    """Their clocks cannot be compared, and neither begins the other's hour again."""
    _fill(gallery, 51, START)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime, machine.boot = 70_000.0, "boot of another machine"
    run_sweep(make_plan(now + HOUR / 2))
    machine.uptime += 1_800
    assert run_sweep(make_plan(now + HOUR)).held == 51, "this one has waited for half an hour"
    assert [vital.value for vital in read_vitals(now + HOUR) if vital.name == "held_images"] == [51]
    machine.uptime, machine.boot = 4_600.0, "boot 1"
    assert run_sweep(make_plan(now + HOUR)).deleted == 51
    assert not SweepHold.objects.exists(), "the next mass waits anew on both"


def test_fifteen_hundred_at_once_are_held(gallery: Gallery) -> None:
    _fill(gallery, 1_500, START)
    assert run_sweep(make_plan(START + 2 * DAY)) == Report(due=1_500, held=1_500)
    assert Image.objects.filter(state=State.READY).count() == 1_500


def test_the_next_mass_waits_for_its_own_second_visit(gallery: Gallery, machine: Machine) -> None:
    ids = _fill(gallery, 120, None)
    Image.objects.filter(id__in=ids[:60]).update(expires_at=START, due_at=START)
    Gallery.objects.update(image_count=120)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime += 3_600
    assert run_sweep(make_plan(now + HOUR)).deleted == 60
    Image.objects.filter(id__in=ids[60:]).update(expires_at=START, due_at=START)
    machine.uptime += 86_400
    assert run_sweep(make_plan(now + HOUR + DAY)).held == 60


def test_an_operator_may_allow_it_at_once(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 51, START)
    assert run_sweep(make_plan(START + 2 * DAY, allow_mass=True)).deleted == 51


def test_a_held_sweep_still_finishes_what_was_begun(gallery: Gallery, machine: Machine, data_dir: Path) -> None:
    ids = _fill(gallery, 52, START)
    Image.objects.filter(id=ids[0]).update(state=State.DELETING)
    Gallery.objects.update(image_count=51, bytes=510)
    report = run_sweep(make_plan(START + 2 * DAY))
    assert (report.held, report.deleted) == (51, 1)


def test_a_mass_that_is_over_forgets_its_hold(gallery: Gallery, machine: Machine) -> None:
    ids = _fill(gallery, 51, START)
    run_sweep(make_plan(START + 2 * DAY))
    Image.objects.filter(id__in=ids[:20]).update(expires_at=None, due_at=None)
    run_sweep(make_plan(START + 2 * DAY))
    assert not SweepHold.objects.exists()


def test_a_mass_by_another_grace_waits_apart(gallery: Gallery, machine: Machine) -> None:
    """The site's own sweep, in between, sees no mass; and what it holds says nothing about a larger one."""
    _fill(gallery, 51, START)
    now = START + 2 * HOUR
    assert run_sweep(make_plan(now, older_than=HOUR)).held == 51
    assert run_sweep(make_plan(now + 60 * SECOND)) == Report()
    machine.uptime += 3_600
    assert run_sweep(make_plan(now + HOUR, older_than=HOUR)).deleted == 51
    assert not SweepHold.objects.exists()


def test_a_hold_of_one_gallery_is_forgotten_when_nobody_comes_back(gallery: Gallery, machine: Machine) -> None:
    """Nothing else would: the alarm stayed, and the next mass of that gallery would have gone at its first visit."""
    _fill(gallery, 51, None)
    _fill(create_gallery(gallery.owner, title="Many", retention="7d", now=START), 400, None)
    Image.objects.filter(gallery=gallery).update(expires_at=START, due_at=START)
    now = START + 2 * DAY
    assert run_sweep(make_plan(now, gallery=gallery.id)).held == 51
    machine.uptime += 3_600
    assert run_sweep(make_plan(now + HOUR)).deleted == 51
    forget_old_holds(now + DAY - SECOND)
    assert machine.holds_since == now, "there is time to come back"
    forget_old_holds(now + DAY)
    assert not SweepHold.objects.exists()


def test_a_mass_sweep_that_was_let_go_is_not_held_again_half_way(gallery: Gallery, machine: Machine) -> None:
    _fill(gallery, 125, START)
    now = START + 2 * DAY
    run_sweep(make_plan(now))
    machine.uptime += 3_600
    assert run_sweep(make_plan(now + HOUR, limit=25)).deleted == 25
    machine.uptime += 60
    assert run_sweep(make_plan(now + HOUR + 60 * SECOND)).deleted == 100
