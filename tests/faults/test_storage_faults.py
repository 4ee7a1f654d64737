"""The disk is full, the media folder is read-only, the database is locked: a clear refusal, nothing half-kept, and what
is there can still be seen."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from galleries import storage
from galleries.models import Gallery, Image, State, Usage
from galleries.sweeping import make_plan, run_sweep
from tests.api.program import program_of
from tests.core.world import check_world, clock, files
from tests.faults.site import FaultSite, end, heavy_picture, picture
from tests.faults.web import Answer, ask
from tests.pictures import jpeg

DAY = timedelta(days=1)


def _run(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def mounted(place: Path, *options: str) -> Iterator[None]:
    """Something mounted at ``place``; the test is skipped where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    if os.getuid() != 0 or not _run("mount", *options, str(place)):
        pytest.skip("mounting is not allowed here; the same faults are tested with errors made by hand")
    try:
        yield
    finally:
        assert _run("umount", "-l", str(place))


# --- the disk is full -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_full_disk_refuses_uploads_and_still_shows_what_is_there(pattern: FaultSite, tmp_path: Path) -> None:
    """The real site on a disk with less room than it wants to keep free."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        site = pattern.copy_to(tmp_path / "disk" / "site")
        try:
            site.start()
            alice = site.alice
            gallery = alice.make_gallery()
            refused = alice.upload(gallery, picture(1))
            assert (refused.status, refused.json["code"]) == (507, "storage_full")
            assert ask(f"{site.address}/healthz").status == 200
            assert alice.call("GET", f"/galleries/{gallery}").json["image_count"] == 0
            assert alice.call("GET", "/galleries").status == 200
            assert list((site.data_dir / "incoming").iterdir()) == []
            filler = site.data_dir / "filler"
            with pytest.raises(OSError, match="No space"):
                _fill(filler, 0)
            assert alice.call("GET", f"/galleries/{gallery}").status == 200, "not a byte is left, and it reads"
            assert alice.upload(gallery, picture(2)).status in {503, 507}
            assert alice.upload(gallery, heavy_picture(2)).status in {503, 507}
            filler.unlink()
            assert list((site.data_dir / "incoming").iterdir()) == []
            site.check()
        finally:
            site.kill()


@pytest.mark.slow
@pytest.mark.django_db
def test_a_small_file_on_a_full_disk_is_refused(gallery: Gallery, tmp_path: Path, settings: Settings) -> None:
    """It fits into the buffer of the file that it is written to, so that only the last write meets the full disk."""
    disk = tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        settings.UPLOAD_DIR = disk
        program = program_of(gallery.owner)
        with pytest.raises(OSError, match="No space"):
            _fill(disk / "filler", 0)
        answer = program.upload(gallery, jpeg(1))
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        assert [path.name for path in disk.iterdir()] == ["filler"]


def _fill(path: Path, leave: int) -> None:
    """Write zeros until the disk is full, then give ``leave`` bytes back."""
    with path.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"\0" * 4096)
        finally:
            filler.truncate(max(filler.tell() - leave, 0))


@pytest.mark.slow
@pytest.mark.django_db
def test_a_disk_that_fills_up_on_the_way_keeps_nothing_of_it(
    gallery: Gallery, tmp_path: Path, settings: Settings
) -> None:
    """Room for the body but not for the renditions, for those but not for the original, and so on."""
    disk = tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "-o", "size=4m", "tmpfs"):
        settings.STORAGES = settings.STORAGES | {
            "default": {"BACKEND": "galleries.storage.LocalMediaStorage", "OPTIONS": {"location": disk}}
        }
        settings.UPLOAD_DIR, settings.DATA_DIR = disk / "incoming", disk
        program = program_of(gallery.owner)
        kept = program.upload(gallery, jpeg(1), name="kept.jpg")
        assert kept.status_code == 201
        before = files(disk)
        body = jpeg(2, (900, 700), exif=b"Exif\0\0" + b"\0" * 50_000)  # rewritten: one more file on the disk
        seen = set()
        for leave in [0, 4_096, 16_384, *range(40_960, 400_000, 36_864)]:
            with pytest.raises(OSError, match="No space"):
                _fill(disk / "filler", leave)
            answer = program.upload(gallery, body)
            seen.add(answer.status_code)
            (disk / "filler").unlink()
            assert list((disk / "incoming").iterdir()) == [], leave
            if answer.status_code == 201:
                break
            assert (answer.status_code, answer.json()["code"]) == (507, "storage_full"), leave
            assert not Image.objects.filter(state=State.PENDING).exists(), leave
            run_sweep(make_plan(timezone.now()))
            assert files(disk) == before, leave
            check_world(timezone.now(), disk)
        assert seen == {507, 201}, "it fails until there is room, then it works"
        assert program.get(f"/images/{kept.json()['id']}").status_code == 200


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("step", ["body", "link", "sync"])
@pytest.mark.django_db
def test_an_error_of_the_disk_is_a_refusal_and_keeps_nothing(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    """The same without mounting anything: the error comes from the call that would meet it."""

    def fail(*args: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    program = program_of(gallery.owner)
    assert program.upload(gallery, jpeg(1)).status_code == 201
    before = files(data_dir)
    place = {"body": "galleries.receiving.tempfile.mkstemp", "link": "galleries.storage.os.link"}
    with monkeypatch.context() as patch:
        patch.setattr(place.get(step, "galleries.storage._sync"), fail)
        answer = program.upload(gallery, jpeg(2))
    full = number in storage.FULL
    assert (answer.status_code, answer.json()["code"]) == ((507, "storage_full") if full else (503, "unavailable"))
    run_sweep(make_plan(timezone.now()))
    assert files(data_dir) == before
    assert list(Path(site_settings.UPLOAD_DIR).iterdir()) == []
    check_world(timezone.now(), data_dir)
    assert program.upload(gallery, jpeg(2)).status_code == 201


# --- the media folder is read-only ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_read_only_media_folder_refuses_uploads_and_sweeps_later(still_site: FaultSite) -> None:
    site = still_site
    site.start()
    alice = site.alice
    gallery = alice.make_gallery()
    kept, removed = (alice.upload(gallery, picture(number)).json["id"] for number in range(2))
    site.pass_time(DAY)
    media = str(site.media)
    with mounted(site.media, "--bind", media):
        assert _run("mount", "-o", "remount,bind,ro", media)
        refused = alice.upload(gallery, picture(2))
        assert (refused.status, refused.json["code"]) == (503, "unavailable")
        assert ask(f"{site.address}/readyz").status == 503
        assert alice.remove(removed).status == 204
        assert alice.call("GET", f"/images/{kept}").status == 200
        site.check()
        site.pass_time(2 * DAY)
        swept = site.sweep()
        assert swept.returncode == 1, swept
        site.check()
    assert alice.upload(gallery, picture(2)).status == 201
    site.settle()
    site.check()


@pytest.mark.django_db
def test_objects_that_cannot_be_deleted_are_deleted_later(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = program_of(gallery.owner)
    image = program.upload(gallery, jpeg(1)).json()["id"]
    assert program.delete(f"/images/{image}").status_code == 204

    def refuse(path: str) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    later = timezone.now() + 2 * DAY
    with clock(later):
        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", refuse)
            assert run_sweep(make_plan(later)).failed == 1
        assert Usage.objects.get().images == 1
        assert run_sweep(make_plan(later)).deleted == 1
        assert files(data_dir) == set()
        check_world(later, data_dir)


# --- the database is locked -------------------------------------------------------------------------------------------

LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute(f"BEGIN {sys.argv[2]}")
print("locked", flush=True)
sys.stdin.readline() if sys.argv[3] == "-" else time.sleep(float(sys.argv[3]))
connection.execute("ROLLBACK")
"""


@contextmanager
def locked(database: Path, kind: str, seconds: str) -> Iterator[None]:
    """Another process holds the database, for some seconds or ("-") until the block ends."""
    command = [sys.executable, "-c", LOCK, str(database), kind, seconds]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
    finally:
        end(process)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def all_at_once(acts: dict[str, Callable[[], Answer]]) -> dict[str, tuple[int, float]]:
    """The status of each act and how long it took, in seconds; each in a thread of its own."""
    answers: dict[str, tuple[int, float]] = {}

    def run(name: str, act: Callable[[], Answer]) -> None:
        begin = time.monotonic()
        status = act().status
        answers[name] = (status, time.monotonic() - begin)

    threads = [threading.Thread(target=run, args=pair) for pair in acts.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a request hangs"
    assert answers.keys() == acts.keys()
    return answers


@pytest.mark.slow
def test_a_locked_database_is_waited_for_and_then_refused(site: FaultSite) -> None:
    """Locked for a second: everything waits and works. Locked for longer than the 20 s of the settings: reads go on,
    writes are 503, and nothing of them is kept."""
    alice = site.alice
    gallery = alice.make_gallery()
    kept, removed, extended = (alice.upload(gallery, picture(number)).json["id"] for number in range(3))
    later = datetime.now(UTC).replace(microsecond=0) + 60 * DAY
    with locked(site.database, "IMMEDIATE", "1"):
        short = all_at_once(
            {
                "upload": lambda: alice.upload(gallery, picture(3)),
                "remove": lambda: alice.remove(removed),
                "extend": lambda: alice.set_expiry(extended, later),
                "page": lambda: alice.call("GET", f"/galleries/{gallery}"),
            }
        )
    assert {name: status for name, (status, _) in short.items()} == {
        "upload": 201, "remove": 204, "extend": 200, "page": 200,
    }  # fmt: skip
    site.check()
    with locked(site.database, "EXCLUSIVE", "-"):
        long = all_at_once(
            {
                "upload": lambda: alice.upload(gallery, picture(4)),
                "remove": lambda: alice.remove(kept),
                "extend": lambda: alice.set_expiry(kept, later + DAY),
                "restore": lambda: alice.restore(removed),
                "page": lambda: alice.call("GET", f"/galleries/{gallery}"),
                "image": lambda: alice.call("GET", f"/images/{kept}"),
            }
        )
    assert {name: status for name, (status, _) in long.items()} == {
        "upload": 503, "remove": 503, "extend": 503, "restore": 503, "page": 200, "image": 200,
    }  # fmt: skip
    assert max(seconds for _, seconds in long.values()) < 45
    assert max(long[name][1] for name in ("page", "image")) < 5
    site.check()
    assert list((site.data_dir / "incoming").iterdir()) == []
    assert alice.upload(gallery, picture(4)).status == 201
    site.check()


@pytest.mark.django_db
def test_a_database_without_room_refuses_and_keeps_nothing(
    gallery: Gallery, data_dir: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    """The commit that would acknowledge fails: the answer is 503, and the reaper finds what was written."""
    from django.db import OperationalError

    from galleries import uploads

    program = program_of(gallery.owner)

    def fail(*args: object) -> None:
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "_publish_row", fail)
        assert program.upload(gallery, jpeg(1)).status_code == 503
    assert Image.objects.get().state == State.PENDING
    check_world(timezone.now(), data_dir)
    later = timezone.now() + timedelta(hours=2)
    with clock(later):
        run_sweep(make_plan(later))
        assert files(data_dir) == set()
        check_world(later, data_dir)
    assert program.upload(gallery, jpeg(1)).status_code == 201
