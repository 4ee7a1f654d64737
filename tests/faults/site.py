"""A real site to break: copied from one that was set up once, with two people, their tokens, and a clock to turn."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.checker import Item, verify_settled, verify_world
from tests.faults.ledger import Ledger, Promise, Uploader
from tests.live import LiveSite
from tests.pictures import jpeg

PATIENCE = 30.0  # seconds for what happens by itself
CAST = """
from django.utils import timezone
from galleries.models import ApiToken
from gallery_site.accounts.models import User
for name in ("alice", "bob"):
    print(ApiToken.issue(User.objects.create_user(name, f"{name}@example.org"), "faults", now=timezone.now())[1])
"""
LATER = timedelta(minutes=16)  # what is emptied may be forgotten
THREE_SWEEPS = f"""
from datetime import timedelta
from django.utils import timezone
from galleries.sweeping import make_plan, run_sweep
now = timezone.now()
reports = [run_sweep(make_plan(now + n * timedelta(seconds={LATER.seconds}))) for n in range(3)]
print([report.failed + report.held for report in reports])
"""
TIMES = {
    "galleries_image": ("expires_at", "removed_at", "taken_down_at", "due_at", "touched_at", "created_at", "sort_at"),
    "galleries_gallery": ("removed_at", "created_at"),
}


@dataclass
class FaultSite(LiveSite):
    """A live site with what a fault test does to it. ``alice`` owns, ``bob`` is the stranger."""

    tokens: tuple[str, str] = ("", "")
    ledger: Ledger = field(default_factory=Ledger)

    def make(self) -> None:
        """Set everything up."""
        self.set_up()
        alice, bob = self.manage("shell", "-v0", "-c", CAST).stdout.split()
        self.tokens = (alice, bob)

    def copy_to(self, data_dir: Path) -> FaultSite:
        """The same site with the same ledger at another place; this one must be stopped."""
        shutil.copytree(self.data_dir, data_dir, dirs_exist_ok=True)
        return FaultSite(data_dir, tokens=self.tokens, ledger=copy.deepcopy(self.ledger))

    @property
    def media(self) -> Path:
        return self.data_dir / "media"

    @property
    def items(self) -> list[Item] | None:
        """What is in the table of records; None: there is none."""
        return None

    @property
    def alice(self) -> Uploader:
        """The client whose ledger is judged."""
        return Uploader(self.address, self.tokens[0], self.ledger)

    def restart(self, **environment: str) -> None:
        """SIGKILL for everything that runs, then a new start."""
        self.kill()
        self.environment = environment
        self.start()

    def workers(self) -> list[int]:
        """The process ids of gunicorn's workers."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    def dies(self, act: Callable[[], object]) -> None:
        """``act`` must kill the worker that serves it; then wait for the next one."""
        before = self.workers()
        act()
        wait_until(lambda: not set(before) & set(self.workers()), "the worker lives")
        wait_until(self.answers, "no worker came back")

    # --- the clock

    def pass_time(self, by: timedelta) -> None:
        """Make everything older, as if ``by`` had passed; the ledger too. A negative time sets the clock back."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            for table, columns in TIMES.items():
                for column in columns:
                    for row, text in connection.execute(f"SELECT rowid, {column} FROM {table}").fetchall():  # noqa: S608
                        if text is not None:
                            moved = (datetime.fromisoformat(text) - by).isoformat(" ", "microseconds")
                            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (moved, row))  # noqa: S608
        for promise in self.ledger:
            promise.acked_at -= by
            promise.expires_at = None if promise.expires_at is None else promise.expires_at - by
            promise.hidden_at = None if promise.hidden_at is None else promise.hidden_at - by

    def sweep(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """``sweep_expired --apply --json`` in a process of its own."""
        kept, self.environment = self.environment, environment
        try:
            return self.manage("sweep_expired", "--apply", "--json", *arguments, check=False)
        finally:
            self.environment = kept

    def settle(self) -> None:
        """The faults are over: three sweeps finish what was begun, and forget it after its time (I9)."""
        said = self.manage("shell", "-v0", "-c", THREE_SWEEPS).stdout
        assert json.loads(said) == [0, 0, 0], "failed or held"
        found = verify_settled(self.database, self.media, datetime.now(UTC) + 2 * LATER, self.items)
        assert not found, "\n".join(violation.what for violation in found)

    # --- the judge

    def check(self, *, http: bool = True) -> None:
        """No violation, now."""
        address = self.address if http else ""
        log = self.log if self.log.exists() else None
        place = (self.database, self.media, address, self.tokens[0], datetime.now(UTC))
        found = verify_world(self.ledger, *place, stranger=self.tokens[1], log=log, items=self.items)
        assert not found, "\n".join(f"{violation.invariant} {violation.what}" for violation in found)

    def execute(self, sql: str, *values: object) -> int:
        """Change the database behind the site's back; returns how many rows were hit."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            return connection.execute(sql, values).rowcount

    def clone(self, image: str, count: int) -> list[str]:
        """``count`` more images like ``image``, their objects included; not in the ledger."""
        made = [uuid.uuid4().hex for _ in range(count)]
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            connection.row_factory = sqlite3.Row
            row = dict(connection.execute("SELECT * FROM galleries_image WHERE id = ?", (image,)).fetchone())
            row |= {"dedup_key": None, "upload_key": None}
            marks = ", ".join("?" for _ in row)
            for identifier in made:
                # As if each held other bytes: two visible images may not have the same.
                values = row | {"id": identifier, "sha256": identifier * 2}
                connection.execute(
                    f"INSERT INTO galleries_image ({', '.join(row)}) VALUES ({marks})",  # noqa: S608 (our own names)
                    list(values.values()),
                )
            more = (count, count * row["bytes"], row["gallery_id"])
            connection.execute(
                "UPDATE galleries_gallery SET image_count = image_count + ?, bytes = bytes + ? WHERE id = ?", more
            )
            connection.execute(
                """UPDATE galleries_usage SET images = images + ?, bytes = bytes + ?
                   WHERE owner_id = (SELECT owner_id FROM galleries_gallery WHERE id = ?)""",
                more,
            )
        for path in [path for path in self.media.rglob("*") if path.is_file() and image in path.as_posix()]:
            for identifier in made:
                target = self.data_dir / path.relative_to(self.data_dir).as_posix().replace(image, identifier)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, target)
        return made


def wait_until(condition: Callable[[], object], complaint: str, patience: float = PATIENCE) -> None:
    """Poll until ``condition`` holds; fails after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


def picture(number: int, size: tuple[int, int] = (64, 48)) -> bytes:
    """A JPEG of our own; ``size`` in pixels."""
    return jpeg(number, size)


def heavy_picture(number: int) -> bytes:
    """A JPEG of some 3 MB: noise, which does not compress."""
    import io

    from PIL import Image as Pillow

    noise = random.Random(number).randbytes(1400 * 1000 * 3)
    target = io.BytesIO()
    Pillow.frombytes("RGB", (1400, 1000), noise).save(target, "JPEG", quality=95)
    return target.getvalue()


def first(ledger: Ledger) -> Promise:
    """Some promise."""
    return next(iter(ledger))


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """SIGKILL for a process that we started."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
