"""The site as on a server: PostgreSQL, Redis, gunicorn on a socket that somebody else holds open, as systemd does."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.ledger import Ledger, Uploader
from tests.live import ROOT, START_TIMEOUT, LiveSite
from tests.server.services import Postgres, Redis

CAST = """
from django.core.management import call_command
from django.utils import timezone
from allauth.account.models import EmailAddress
from galleries.models import ApiToken
from gallery_site.accounts.models import User
call_command("migrate", verbosity=0)
for name in ("alice", "bob"):
    user = User.objects.create_user(name, f"{name}@example.org", "correct horse battery")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    print(ApiToken.issue(user, "server", now=timezone.now())[1])
"""
STATIC = """
from gallery_site.serve import NOT_COLLECTED
call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=NOT_COLLECTED)
"""
# gunicorn takes descriptor 3 when LISTEN_PID is its own (sd_listen_fds(3)); only the process itself knows that.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3, inheritable=True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


@dataclass
class ServerSite(LiveSite):
    """One node. ``alice`` owns, ``bob`` is the stranger. ``logs``: the folder of its own log, the data's by default."""

    tokens: tuple[str, str] = ("", "")
    ledger: Ledger = field(default_factory=Ledger)
    logs: Path | None = None
    door: socket.socket | None = None

    @property
    def log(self) -> Path:
        return (self.logs or self.data_dir) / "site.log"

    @property
    def socket_path(self) -> Path:
        return (self.logs or self.data_dir) / "site.sock"

    def open_door(self) -> None:
        """Listen. Whoever knocks waits for the site, through restarts too."""
        self.socket_path.unlink(missing_ok=True)
        self.door = socket.socket(socket.AF_UNIX)
        self.door.bind(str(self.socket_path))
        self.door.listen(2048)

    def start(self) -> None:
        if self.door is None:
            self.open_door()
        assert self.door is not None
        number = self.door.fileno()
        command = [sys.executable, "-c", HAND_OVER, str(number)]
        command += ["-m", "gunicorn", "-c", "python:gallery_site.gunicorn"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=self.environ(),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[number],
            )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.answers():
                return
            time.sleep(0.05)
        raise RuntimeError(f"the site did not start:\n{self.log.read_text()[-2000:]}")

    def answers(self) -> bool:
        connection = SocketConnection(self.socket_path)
        try:
            connection.request("GET", "/healthz", headers={"X-Forwarded-Proto": "https"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def close(self) -> None:
        """Stop it and close the door."""
        self.stop()
        if self.door is not None:
            self.door.close()
            self.door = None

    def workers(self) -> list[int]:
        """The process ids of gunicorn's workers."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    def reload(self) -> None:
        """New workers; the old ones finish what they have begun."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)

    def client(self, address: str) -> Uploader:
        """Alice's program, by way of ``address``."""
        return Uploader(address, self.tokens[0], self.ledger)


@dataclass
class Machine:
    """The services, and one site that was set up once, to be copied."""

    postgres: Postgres
    redis: Redis
    prepared: Path
    tokens: tuple[str, str] = ("", "")

    def prepare(self) -> None:
        """Migrate, collect, make the cast and what nginx answers by itself."""
        self.postgres.execute("CREATE DATABASE prepared")
        site = ServerSite(self.prepared, self._settings("prepared"))
        alice, bob = site.manage("shell", "-v0", "-c", CAST + STATIC).stdout.split()
        self.tokens = (alice, bob)
        site.manage("write_error_pages", str(self.prepared / "pages"))

    def site(self, home: Path, **environment: str) -> ServerSite:
        """A site of its own, not started."""
        shutil.copytree(self.prepared, home, ignore=shutil.ignore_patterns("*.log", "*.sock"))
        settings = self._settings(self.postgres.copy("prepared")) | environment
        return ServerSite(home, settings, tokens=self.tokens)

    def node(self, site: ServerSite, logs: Path) -> ServerSite:
        """Another web node of the same site."""
        logs.mkdir()
        return ServerSite(site.data_dir, site.environment, tokens=self.tokens, ledger=site.ledger, logs=logs)

    def _settings(self, database: str) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.address(database),
            "CACHE_URL": self.redis.address,
            "GALLERY_MEDIA_BY_NGINX": "1",
            "GALLERY_TRUSTED_PROXIES": "1",
            "GALLERY_THREADS": "32",
            "DJANGO_SECRET_KEY": "of these tests alone, the same on every node",
        }
