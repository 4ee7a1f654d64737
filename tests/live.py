"""The real site in a process of its own: gunicorn, a fresh data folder, migrations and hashed static files, as run.py
starts it."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests import log_watch

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery"  # noqa: S105 (the cast's)
FOREIGN = ("AWS_", "CLOUDFRONT_", "DATABASE_", "GALLERY_")  # settings of the run are none of the site's
START_TIMEOUT = 30.0  # seconds


@dataclass
class LiveSite:
    """A running site. ``address`` has no slash at its end; ``log`` is what its processes printed."""

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    configuration: str = "gallery_site.gunicorn"  # the module of gunicorn's settings
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        log_watch.live_logs.add((self.log, self.database))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.data_dir / "site.log"

    @property
    def database(self) -> Path:
        return self.data_dir / "gallery.sqlite3"

    def environ(self) -> dict[str, str]:
        """The environment of every process of this site. PostgreSQL of the run is not for it: each site has its own
        file."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        own = {"GALLERY_DATA_DIR": str(self.data_dir), "PORT": str(self.port)}
        return kept | own | self.environment

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command of this site."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environ(), cwd=ROOT, check=check, text=True, capture_output=True)

    def set_up(self) -> None:
        """Database and static files, as they are before the first start."""
        shutil.copytree(_before_the_first_start(), self.data_dir, dirs_exist_ok=True)

    def start(self) -> None:
        """Start gunicorn and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; the message ends with its log.
        """
        command = [sys.executable, "-m", "gunicorn", "-c", f"python:{self.configuration}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environ(), cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.answers():
                return
            time.sleep(0.05)
        raise RuntimeError(f"the site did not start:\n{self.log.read_text()[-2000:]}")

    def answers(self) -> bool:
        """Whether it answers at all, now."""
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=2) as answer:  # noqa: S310 (loopback)
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        """Ctrl-C; SIGKILL for the group when that does not end it in time."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """SIGKILL for every process of the site."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def add_people(self, *names: str, staff: bool = False) -> None:
        """Accounts with the cast's password, which is hashed once for all of them."""
        program = (
            "from allauth.account.models import EmailAddress\n"
            "from django.contrib.auth.hashers import make_password\n"
            "from gallery_site.accounts.models import User\n"
            f"hashed = make_password({PASSWORD!r})\n"
            f"for name in {names!r}:\n"
            "    user = User.objects.create(username=name, email=f'{name}@example.org', password=hashed,\n"
            f"                               is_staff={staff}, is_superuser={staff})\n"
            "    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)\n"
        )
        self.manage("shell", "-v0", "-c", program)

    def add_person(self, name: str, *, staff: bool = False) -> None:
        """One account with the cast's password."""
        self.add_people(name, staff=staff)

    def token(self, name: str) -> str:
        """A REST API token of that person."""
        return self.manage("create_api_token", name).stdout.strip()


@cache
def _before_the_first_start() -> Path:
    """The data folder of a site that was set up and nothing else: made once, for all sites of this process."""
    folder = Path(tempfile.mkdtemp(prefix="image-gallery-pattern-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    LiveSite(folder).manage("shell", "-v0", "-c", "from gallery_site.serve import prepare; prepare()")
    return folder


@contextmanager
def running_site(folder: Path, *people: str) -> Iterator[LiveSite]:
    """A site that was set up in ``folder``, with accounts for ``people``, until the block ends."""
    site = LiveSite(folder)
    site.set_up()
    site.add_people(*people)
    site.start()
    try:
        yield site
    finally:
        site.stop()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
