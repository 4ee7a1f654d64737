"""PostgreSQL and Redis of the tests' own, in folders of their own: whatever the machine's are like."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg
import redis

from tests.live import free_port

PATIENCE = 30.0  # seconds for a service to answer
UNSAFE_BUT_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


class Postgres:
    """A cluster; root may not run one, so it is the system's user postgres then."""

    def __init__(self, settings: Sequence[str] = UNSAFE_BUT_QUICK) -> None:
        self.settings = settings
        self.home = Path(tempfile.mkdtemp(prefix="image-gallery-postgres-"))
        self.port = free_port()
        self.data = self.home / "data"
        self.made = 0
        if os.geteuid() == 0:
            shutil.chown(self.home, "postgres")

    def start(self) -> None:
        """Make it and wait until it answers."""
        self._run("initdb", f"--pgdata={self.data}", "--username=postgres", "--auth=trust", "--locale=C", "-EUTF8")
        settings = " ".join(f"-c {setting}" for setting in self.settings)
        place = f"-p {self.port} -h 127.0.0.1 -k {self.home} {settings}"
        self._run("pg_ctl", f"--pgdata={self.data}", f"--log={self.home}/log", "--wait", "start", f"--options={place}")

    def stop(self) -> None:
        self._run("pg_ctl", f"--pgdata={self.data}", "--mode=immediate", "stop")
        shutil.rmtree(self.home, ignore_errors=True)

    def address(self, database: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, database: str = "postgres") -> list[tuple]:
        """Run ``sql``; its rows, if it gives some."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def copy(self, template: str) -> str:
        """The name of a new database like ``template``, which nobody may be using."""
        self.made += 1
        name = f"copy{self.made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    @staticmethod
    def program(name: str) -> Path:
        """The newest version's program of that name; raises FileNotFoundError."""
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
        if not found:
            raise FileNotFoundError(name)
        return found[-1]

    def _run(self, name: str, *arguments: str) -> None:
        as_whom = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_whom, str(self.program(name)), *arguments]
        done = subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/"
        )
        assert done.returncode == 0, done.stderr


class Redis:
    """A server that keeps nothing."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL, cwd="/")
        deadline = time.monotonic() + PATIENCE
        with redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    assert time.monotonic() < deadline, "Redis did not start"
                    time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)
