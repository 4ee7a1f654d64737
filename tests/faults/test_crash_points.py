"""SIGKILL at every named point of upload, remove, extend, restore, drain and sweep, in the real server or in the real
command: nothing acknowledged is lost, a retry finds its way, and the sweeps leave nothing behind."""

from __future__ import annotations

import ast
import math
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from galleries import crash
from tests.faults.site import FaultSite, picture
from tests.faults.snapshot import read_snapshot
from tests.faults.web import Lost
from tests.live import ROOT
from tests.records.service import CREDENTIALS, Service

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# (where, whether the client asks again at once or only after the sweep has reaped what died)
UPLOAD = [
    ("upload.received", True),
    ("upload.decoded", True),
    ("upload.pending", False),
    ("upload.object", True),
    ("upload.object:2", False),
    ("upload.objects", False),
    ("upload.ready", True),
]
REMOVE = ["remove.committed"]
LENGTHEN = ["lengthen.reserved", "lengthen.recorded", "lengthen.confirmed"]
DRAIN = ["drain.taken", "drain.retired", "drain.published"]
SWEEP = [
    "sweep.listed",
    "sweep.claimed",
    "sweep.object",
    "sweep.object:4",  # the first object of the second image: the first image is empty, its row says nothing yet
    "sweep.objects",
    "sweep.recorded",
    "sweep.emptied",
    "sweep.forgotten",
]


def test_every_point_is_killed_at() -> None:
    tested = {name.partition(":")[0] for name in [*(name for name, _ in UPLOAD), *REMOVE, *LENGTHEN, *DRAIN, *SWEEP]}
    assert tested == set(crash.POINTS)


def test_the_points_are_those_of_the_code() -> None:
    used = set()
    for folder in ("galleries", "cleanup_lambda", "gallery_site"):
        for path in (ROOT / folder).rglob("*.py"):
            used |= set(_points(path))
    assert used == set(crash.POINTS)
    assert len(crash.POINTS) == len(used)


def _points(path: Path) -> list[str]:
    """The names in calls of ``crash.point`` and of the ``point`` that the sweep is given."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"crash.point", "point"}:
            assert isinstance(node.args[0], ast.Constant), "a point's name is written where it stands"
            names.append(str(node.args[0].value))
    return names


def lost(act: Callable[[], object]) -> Callable[[], None]:
    """``act`` gets no answer."""

    def try_it() -> None:
        with pytest.raises(Lost):
            act()

    return try_it


@pytest.mark.parametrize(("point", "at_once"), UPLOAD, ids=[point for point, _ in UPLOAD])
def test_an_upload_killed_anywhere_is_not_lost_once_acknowledged(
    still_site: FaultSite, point: str, at_once: bool
) -> None:
    site = still_site
    site.restart(GALLERY_CRASH_AT=point)
    alice = site.alice
    gallery = alice.make_gallery()
    site.dies(lost(lambda: alice.upload(gallery, picture(1), key="one")))
    site.check()
    site.restart()
    if not at_once:
        site.pass_time(2 * HOUR)
        assert site.sweep().returncode == 0
        assert [row.state for row in read_snapshot(site.database, site.media).rows] == ["emptied"]
    answer = alice.upload(gallery, picture(1), key="one")
    assert answer.status == (200 if point == "upload.ready" else 201)
    assert alice.upload(gallery, picture(1), key="one").status == 200
    site.check()
    assert [row.state for row in read_snapshot(site.database, site.media).rows].count("ready") == 1
    site.pass_time(2 * HOUR)
    site.settle()
    site.check()


@pytest.mark.parametrize("point", REMOVE)
def test_a_removal_killed_after_its_commit_is_one(still_site: FaultSite, point: str) -> None:
    site = still_site
    site.restart(GALLERY_CRASH_AT=point)
    alice = site.alice
    gallery, other = alice.make_gallery(), alice.make_gallery("Other")
    image = alice.upload(gallery, picture(1)).json["id"]
    alice.upload(other, picture(2))
    kept = alice.make_gallery("Kept")
    alice.upload(kept, picture(3))
    site.dies(lost(lambda: alice.remove(image)))
    site.check()
    site.dies(lost(lambda: alice.remove_gallery(other)))
    site.check()
    site.restart()
    assert alice.remove(image).status == 204
    assert alice.remove_gallery(other).status == 404
    site.check()
    site.pass_time(DAY + HOUR)
    site.settle()
    site.check()
    assert len(read_snapshot(site.database, site.media).rows) == 1


@pytest.mark.parametrize("point", LENGTHEN)
def test_a_lengthening_killed_anywhere_is_done_or_not(still_site: FaultSite, point: str) -> None:
    site = still_site
    site.restart(GALLERY_CRASH_AT=point)
    alice = site.alice
    gallery = alice.make_gallery()
    extended, restored, never_again = (alice.upload(gallery, picture(number)).json["id"] for number in range(3))
    alice.remove(restored)
    before = alice.ledger.promises[extended].expires_at
    later = datetime.now(UTC).replace(microsecond=0) + 30 * DAY
    site.dies(lost(lambda: alice.set_expiry(extended, later)))
    site.dies(lost(lambda: alice.restore(restored)))
    site.dies(lost(lambda: alice.set_expiry(never_again, later)))
    site.check()
    done = point == "lengthen.confirmed"
    rows = {row.id: row for row in read_snapshot(site.database, site.media).rows}
    assert rows[extended].expires_at == (later if done else before)
    assert (rows[restored].removed_at is None) == done
    site.restart()
    assert alice.set_expiry(extended, later).status == 200
    assert alice.restore(restored).status == 200
    site.check()
    site.pass_time(8 * DAY + HOUR)  # what was not extended is over: its reservation does not hold it
    site.settle()
    site.check()
    wanted = {extended, never_again} if done else {extended}
    assert {row.id for row in read_snapshot(site.database, site.media).rows} == wanted


PREPARE = """
from datetime import timedelta
from django.conf import settings
from django.db import transaction
from django.utils import timezone
settings.GALLERY_TABLE, settings.AWS_REGION, settings.AWS_ENDPOINT_URL = {place!r}
from galleries.models import Image
from galleries.outbox import drain_outbox, enqueue_images
now = timezone.now() + timedelta(minutes={minutes})
with transaction.atomic():
    if {minutes} == 0:
        enqueue_images(Image.objects.values_list("id", flat=True), now + timedelta(minutes=1))
print(drain_outbox(now + timedelta(minutes=1)))
"""


def test_a_drain_killed_anywhere_is_finished_by_the_next(due_pattern: FaultSite, tmp_path: Path) -> None:
    site = due_pattern.copy_to(tmp_path / "site")
    with Service() as service:
        place = (service.table.name, CREDENTIALS["AWS_REGION"], service.address)
        for round_number, point in enumerate([*DRAIN, ""]):
            site.environment = service.environment | {"GALLERY_CRASH_AT": point}
            program = PREPARE.format(place=place, minutes=2 * round_number)
            ended = site.manage("shell", "-v0", "-c", program, check=False)
            assert ended.returncode == (-signal.SIGKILL if point else 0), ended.stderr
            snapshot = read_snapshot(site.database, site.media)
            assert snapshot.outbox == (4 if point else 0)
    assert ended.stdout.strip() == "(4, 0)"
    records = {item["image"]["S"]: item["due_at"] for item in service.table.images()}
    assert len(records) == 4
    assert records == {row.id: {"N": str(math.ceil(row.due_at.timestamp()))} for row in snapshot.rows if row.due_at}


@pytest.fixture(scope="module")
def due_pattern(pattern: FaultSite, tmp_path_factory: pytest.TempPathFactory) -> FaultSite:
    """A site, stopped, where two images are due, one is not, and one is due in an hour."""
    site = pattern.copy_to(tmp_path_factory.mktemp("due") / "site")
    try:
        site.start()
        alice = site.alice
        gallery = alice.make_gallery(retention="1h")
        for number in range(2):
            alice.upload(gallery, picture(number))
        site.pass_time(HOUR)
        alice.upload(gallery, picture(2))
        alice.upload(alice.make_gallery("Kept", retention="30d"), picture(3))
        site.pass_time(DAY)
    finally:
        site.kill()
    return site


@pytest.mark.parametrize("point", SWEEP)
def test_a_sweep_killed_anywhere_is_finished_by_the_next(due_pattern: FaultSite, tmp_path: Path, point: str) -> None:
    site = due_pattern.copy_to(tmp_path / "site")
    if point == "sweep.forgotten":
        assert site.sweep().returncode == 0
        site.pass_time(timedelta(minutes=16))
    assert site.sweep(GALLERY_CRASH_AT=point).returncode == -signal.SIGKILL
    site.check(http=False)
    states = sorted(row.state for row in read_snapshot(site.database, site.media).rows)
    assert states == {
        "sweep.listed": ["ready"] * 4,
        "sweep.emptied": ["emptied", "emptied", "ready", "ready"],
        "sweep.forgotten": ["ready", "ready"],
    }.get(point, ["deleting", "deleting", "ready", "ready"])
    site.settle()
    site.check(http=False)
    snapshot = read_snapshot(site.database, site.media)
    assert len(snapshot.receipts) == 2
    assert len(snapshot.rows) == 2
    try:
        site.start()
        site.check()
    finally:
        site.kill()
