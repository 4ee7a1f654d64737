"""What ``run.py aws`` starts, for tests that meet it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gallery_site.runner.emulator import emulator_environment
from tests.live import ROOT, free_port

START_SECONDS = 90.0


@dataclass(frozen=True)
class Running:
    """What runs: the site's address, and its environment."""

    address: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    emulator = emulator_environment(ROOT)
    emulator.ensure()
    folder = tmp_path_factory.mktemp("aws")
    environment, port = folder / "environment.json", free_port()
    foreign = ("AWS_", "DATABASE_", "GALLERY_", "SITE_", "CACHE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    command = [sys.executable, "-m", "deploy.emulator", f"--python={emulator.python}", f"--folder={folder / 'data'}"]
    command.append(f"--environment={environment}")
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=kept | {"PORT": str(port)}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{address}/readyz", process)
        yield Running(address, json.loads(environment.read_text()))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> bytes:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 (loopback)
                body: bytes = answer.read()
                return body
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the site did not start")
