"""``run.py aws``: one command, ready, and nothing left after Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gallery_site.runner.emulator import emulator_environment
from tests.aws.running import wait_until_ready
from tests.live import ROOT, free_port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud")]


def test_the_site_starts_on_an_aws_of_its_own_and_ends_with_it(tmp_path: Path) -> None:
    emulator = emulator_environment(ROOT)
    emulator.ensure()
    environment = tmp_path / "environment.json"
    folder = tmp_path / "aws"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DATABASE_", "GALLERY_"))}
    port = free_port()
    command = [sys.executable, "-m", "deploy.emulator", f"--python={emulator.python}", f"--folder={folder}"]
    command.append(f"--environment={environment}")
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=kept | {"PORT": str(port)}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        ready = wait_until_ready(f"http://127.0.0.1:{port}/readyz", process)
        outbox = {"depth": 0, "oldest_seconds": 0}
        assert json.loads(ready) == {"status": "ok", "down": [], "reasons": {}, "outbox": outbox}
        ours = json.loads(environment.read_text())
        assert environment.stat().st_mode & 0o077 == 0
        assert not any("ACCESS_KEY" in name for name in ours)
        assert _listening_elsewhere(process.pid) == []
        second = kept | {"PORT": str(free_port())}
        refused = subprocess.run(command, cwd=ROOT, env=second, capture_output=True, text=True, timeout=60, check=False)
        assert (refused.returncode, refused.stderr) == (1, f"It runs already, with its data in {folder}.\n")
        assert wait_until_ready(f"http://127.0.0.1:{port}/readyz", process) == ready, "whose data it left alone"
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)
    assert code == 0, log.read_text()
    assert not environment.exists()
    assert not folder.exists()
    assert "Traceback" not in log.read_text()
    for ended in (ours["CLOUDFRONT_DOMAIN"], ours["AWS_ENDPOINT_URL"], ours["AWS_EC2_METADATA_SERVICE_ENDPOINT"]):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", urlsplit(ended).port or 0)) != 0, ended


def _listening_elsewhere(leader: int) -> list[str]:
    """Addresses of other interfaces that a process of this one's sessions listens on (Linux; elsewhere nothing is
    said)."""
    inodes = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if leader not in _ancestors(int(entry.name)):
                continue
            links = [os.readlink(link) for link in (entry / "fd").iterdir()]
        except OSError:
            continue
        inodes |= {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not Path(table).exists():
            continue
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes and not fields[1].startswith("0100007F:"):
                found.append(fields[1])
    return found


def _ancestors(pid: int) -> set[int]:
    seen: set[int] = set()
    while pid > 1:
        seen.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return seen
