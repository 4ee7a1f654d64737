"""The project's .venv: made when missing, and brought in line with the lock files when those changed. The AWS emulator
has one of its own, .venv-aws.

Measured: 15 s for a first installation with pip, 6 s with uv. So uv comes first, by pip and with its hashes from the
development lock; where it has no build for the platform, pip does all of the work.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gallery_site.runner.locks import DEV_LOCK, RUNTIME_LOCK, requirement_block

MINIMUM_PYTHON = (3, 11)
NO_VENV = "Python's venv module is incomplete here. On Debian and Ubuntu: apt install python3-venv"


class SetupFailed(Exception):
    """The environment cannot be made; the message is for the person at the terminal."""


class Virtualenv:
    """``directory`` below ``root`` and what ``lock`` has installed in it."""

    def __init__(self, root: Path, *, directory: str = ".venv", lock: str = RUNTIME_LOCK) -> None:
        self.root = root
        self.lock = lock
        self.directory = root / directory
        self.bin = self.directory / "bin"
        self.python = self.bin / "python"

    def ensure(self, *, dev: bool = False) -> None:
        """Make the installed packages equal to the lock; a few milliseconds when they are.

        Raises:
            SetupFailed: no venv module, or the installation failed.
        """
        if self._is_current(dev):
            return
        with _one_at_a_time(self.root / self.lock):
            if self._is_current(dev):
                return
            if self._works():
                print("Updating packages...", flush=True)
            else:
                print("Setting up (first time only, about 15 s)...", flush=True)
                self._create()
            self._install(self.root / (DEV_LOCK if dev else self.lock))
            # The development lock holds all of the runtime lock (`run.py check` makes sure of it).
            for name in (RUNTIME_LOCK, DEV_LOCK) if dev else (self.lock,):
                self._stamp(name).write_text(self._fingerprint(name))

    def _is_current(self, dev: bool) -> bool:
        name = DEV_LOCK if dev else self.lock
        try:
            return self.python.exists() and self._stamp(name).read_text() == self._fingerprint(name)
        except OSError:
            return False

    def _stamp(self, name: str) -> Path:
        return self.directory / f".installed-{name}"

    def _fingerprint(self, name: str) -> str:
        """Changes with the lock file and with the Python that .venv was made from."""
        digest = hashlib.sha256((self.root / name).read_bytes())
        digest.update((self.directory / "pyvenv.cfg").read_bytes())
        return digest.hexdigest()

    def _works(self) -> bool:
        """Whether .venv's Python starts, is new enough and has pip (none of it is sure after a system upgrade)."""
        if not self.python.exists():
            return False
        test = f"import sys, pip; sys.exit(sys.version_info < {MINIMUM_PYTHON})"
        return _run([self.python, "-c", test]).returncode == 0

    def _create(self) -> None:
        if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
            raise SetupFailed(NO_VENV)
        result = _run([sys.executable, "-m", "venv", "--clear", self.directory])
        if result.returncode:
            raise SetupFailed(f"{_last_lines(result.stdout)}\nThe virtual environment could not be made (see above).")

    def _install(self, lock: Path) -> None:
        if self._install_uv():
            # Compiled now: with PYTHONDONTWRITEBYTECODE set, as in containers, each start would take 1 s more.
            options = ["--quiet", "--compile-bytecode", "--require-hashes"]
            if (
                _run(
                    [self.bin / "uv", "pip", "install", *options, "--python", self.python, "--requirement", lock]
                ).returncode
                == 0
            ):
                return
        # pip reads its own configuration (proxies, mirrors), which uv does not: worth the second try.
        result = self._pip("--requirement", lock)
        if result.returncode:
            raise SetupFailed(f"{_last_lines(result.stdout)}\nThe packages could not be installed (see above).")

    def _install_uv(self) -> bool:
        block = requirement_block((self.root / DEV_LOCK).read_text(), "uv")
        with tempfile.NamedTemporaryFile("w", prefix="uv-", suffix=".txt") as file:
            file.write(block)
            file.flush()
            # Never from source: that would need a compiler.
            return self._pip("--only-binary=:all:", "--requirement", file.name).returncode == 0

    def _pip(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        options = ["--disable-pip-version-check", "--no-input", "--quiet", "--require-hashes"]
        return _run([self.python, "-m", "pip", "install", *options, *arguments])


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in {"PYTHONHOME", "PYTHONPATH"}}
    return subprocess.run(
        [str(part) for part in command],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )


def _last_lines(output: str, count: int = 15) -> str:
    return "\n".join(output.strip().splitlines()[-count:])


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Two starts at once must not install into the same .venv: the second waits, then finds it done."""
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
