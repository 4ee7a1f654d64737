"""The site as run.py starts it: one line when it is ready, one second to stop, nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gallery_site.runner.commands import ROOT
from gallery_site.serve import static_fingerprint

START_SECONDS = 60  # about one; a busy machine gets more
STOP_SECONDS = 10

# Free of what the developer's shell says; the rest is the default: SQLite, one process, loopback.
CLEAN = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
    return number


@pytest.fixture
def site(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "gallery_site.serve"],
        cwd=ROOT,
        env={**CLEAN, "PORT": str(port), "GALLERY_DATA_DIR": str(tmp_path), "GALLERY_BIND": "0.0.0.0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def wait_until_healthy(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"no answer; exit {process.poll()}: {process.communicate(timeout=5)[0]}")


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.slow
def test_site_starts_from_nothing_and_ctrl_c_ends_all_of_it(
    site: subprocess.Popen[str], port: int, tmp_path: Path
) -> None:
    wait_until_healthy(site, port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        assert answer.status == 200
    assert (tmp_path / "gallery.sqlite3").exists()

    begin = time.monotonic()
    os.killpg(site.pid, signal.SIGINT)  # as a terminal sends it: to the whole group
    output = site.communicate(timeout=STOP_SECONDS + 5)[0]
    assert site.returncode == 0, output
    assert time.monotonic() - begin < STOP_SECONDS
    assert "Traceback" not in output
    assert f"Image Gallery is at http://127.0.0.1:{port}\n" in output
    assert re.search(r"For phones on the same network: http://[\d.]+:\d+\n.*[█▀▄]|no address on a network", output)
    assert group_is_gone(site.pid)


@pytest.mark.slow
def test_wrong_configuration_is_one_sentence(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gallery_site.serve"],
        cwd=ROOT,
        env={**CLEAN, "GALLERY_DATA_DIR": str(tmp_path), "GALLERY_BUCKET": "photos"},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )
    assert result.returncode == 2
    assert re.fullmatch(r"The configuration is not complete: AWS_REGION is missing.*\n", result.stderr)


@pytest.mark.slow
def test_database_out_of_reach_is_one_sentence(tmp_path: Path, port: int) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gallery_site.serve"],
        cwd=ROOT,
        env={
            **CLEAN,
            "GALLERY_DATA_DIR": str(tmp_path),
            "DATABASE_URL": f"postgres://nobody@127.0.0.1:{port}/nothing",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )
    assert result.returncode == 1
    assert re.fullmatch(r"The database cannot be used: .*refused.*\n", result.stderr)


def test_static_files_are_collected_again_when_one_changed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "gallery_site").mkdir()
    (tmp_path / "gallery_site" / "static.py").write_text("")
    script = tmp_path / "static" / "app.js"
    script.parent.mkdir()
    script.write_text("let a = 1;")
    first = static_fingerprint(tmp_path, [script.parent])
    assert static_fingerprint(tmp_path, [script.parent]) == first
    script.write_text("let a = 2;")
    second = static_fingerprint(tmp_path, [script.parent])
    script.rename(script.with_name("other.js"))
    third = static_fingerprint(tmp_path, [script.parent])
    (tmp_path / "requirements.txt").write_text("django==5.2.20")
    assert len({first, second, third, static_fingerprint(tmp_path, [script.parent])}) == 4
