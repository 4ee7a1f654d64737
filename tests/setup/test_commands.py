"""run.py's command line, manage.py's way into .venv, the banner and the server's settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.workers.gthread import ThreadWorker

from gallery_site import gunicorn
from gallery_site.banner import banner, qr_code
from gallery_site.runner.commands import ROOT, main
from gallery_site.runner.virtualenv import SetupFailed, Virtualenv
from gallery_site.worker import Worker


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in ("manage", "test", "check", "bench", "aws"):
        assert f"run.py {name}" in text


def test_unknown_command_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 2
    assert "Unknown command 'nonsense'" in capsys.readouterr().err


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Virtualenv, "ensure", interrupt)
    assert main(["manage", "check"]) == 130
    assert capsys.readouterr().err == ""


def test_failed_set_up_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SetupFailed("apt install something")

    monkeypatch.setattr(Virtualenv, "ensure", fail)
    assert main(["manage", "check"]) == 1
    assert capsys.readouterr().err == "apt install something\n"


def test_manage_replaces_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []

    def execv(path: Path, arguments: list[str]) -> None:
        became.append(arguments)
        raise SystemExit(0)

    monkeypatch.setattr(Virtualenv, "ensure", lambda self, dev=False: None)
    monkeypatch.setattr("os.execv", execv)
    with pytest.raises(SystemExit):
        main(["manage", "sweep_expired", "--apply"])
    python = str(ROOT / ".venv" / "bin" / "python")
    assert became == [[python, str(ROOT / "manage.py"), "sweep_expired", "--apply"]]


def test_manage_py_finds_the_environment_by_itself(tmp_path: Path) -> None:
    """Started with any Python, it goes on in .venv's."""
    (tmp_path / "manage.py").write_text((ROOT / "manage.py").read_text())
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "in .venv: $@"\n')
    python.chmod(0o755)
    result = subprocess.run(
        [sys.executable, str(tmp_path / "manage.py"), "check"], capture_output=True, text=True, check=True
    )
    assert result.stdout == f"in .venv: {tmp_path / 'manage.py'} check\n"


def test_manage_py_says_a_wrong_port_in_a_sentence(tmp_path: Path) -> None:
    own = {**os.environ, "PORT": "abc", "GALLERY_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=own, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, "PORT must be a number from 1 to 65535, not 'abc'.\n")


def test_banner_on_loopback_is_one_line() -> None:
    assert banner("127.0.0.1", 8000, "", "192.168.1.5") == "Image Gallery is at http://127.0.0.1:8000"


def test_banner_for_phones_has_the_address_and_its_code() -> None:
    lines = banner("0.0.0.0", 8001, "", "192.168.1.5").splitlines()
    assert lines[:2] == [
        "Image Gallery is at http://127.0.0.1:8001",
        "For phones on the same network: http://192.168.1.5:8001",
    ]
    assert "\n".join(lines[2:]) == qr_code("http://192.168.1.5:8001")


def test_banner_without_a_network_says_so() -> None:
    assert "no phone can reach it" in banner("0.0.0.0", 8001, "", None)


def test_banner_shows_the_address_people_use() -> None:
    line = banner("127.0.0.1", 8000, "https://photos.example.org", None)
    assert line == "Image Gallery is at https://photos.example.org (listening on 127.0.0.1:8000)"


def test_server_settings_follow_the_measurements() -> None:
    assert gunicorn.worker_class == f"{Worker.__module__}.{Worker.__name__}"
    assert issubclass(Worker, ThreadWorker)
    assert (gunicorn.timeout, gunicorn.graceful_timeout, gunicorn.keepalive) == (60, 75, 5)
    assert gunicorn.limit_request_line == 4094
    assert gunicorn.control_socket_disable
    assert gunicorn.accesslog is None


def test_worker_exit_in_the_master_leaves_the_timers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[int] = []
    monkeypatch.setattr("gallery_site.timers.stop", lambda: stopped.append(1))
    gunicorn.worker_exit(SimpleNamespace(), SimpleNamespace(pid=os.getpid() + 1))
    assert stopped == []
    gunicorn.worker_exit(SimpleNamespace(), SimpleNamespace(pid=os.getpid()))
    assert stopped == [1]


def test_quick_stop_does_not_wait_for_slow_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(gunicorn, "QUICK_STOP_SECONDS", 0.01)
    monkeypatch.setattr("os._exit", lambda code: ended.set())
    gunicorn.worker_int(SimpleNamespace())
    assert ended.wait(5)


def test_stop_that_waits_for_itself_is_ended_by_an_alarm() -> None:
    """The signal meets the thread that holds the lock which the handler asks for."""
    program = """
import os, signal, threading, types
from gallery_site import gunicorn
lock = threading.Lock()
gunicorn.LAST_RESORT_SECONDS = 1
gunicorn.bound_quick_stop(types.SimpleNamespace(handle_quit=lambda number, frame: lock.acquire()))
with lock:
    os.kill(os.getpid(), signal.SIGQUIT)
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=20)
    assert result.returncode == -signal.SIGALRM


def test_aws_manage_says_that_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GALLERY_DATA_DIR", str(tmp_path))
    assert main(["aws", "manage", "check"]) == 1
    assert "is not running" in capsys.readouterr().err
    assert main(["aws", "something"]) == 2
