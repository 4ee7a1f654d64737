"""The .venv follows the lock files, and nothing is done when nothing changed."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

from gallery_site.runner import virtualenv
from gallery_site.runner.virtualenv import SetupFailed, Virtualenv

UV = "uv==1.0 \\\n    --hash=sha256:11\n    # via image-gallery (pyproject.toml:dev)\n"


class FakeCommands:
    """Stands in for the programs that set-up starts, and remembers them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.started: list[list[str]] = []
        self.failing: set[str] = set()

    def __call__(self, command: list[str | Path]) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        self.started.append(words)
        if "venv" in words:
            (self.root / ".venv" / "bin").mkdir(parents=True)
            (self.root / ".venv" / "bin" / "python").touch()
            (self.root / ".venv" / "pyvenv.cfg").write_text("version = 3.11.7\n")
        failed = any(name in " ".join(words) for name in self.failing)
        return subprocess.CompletedProcess(words, 1 if failed else 0, "its output\n")

    def names(self) -> list[str]:
        """Which kinds of program were started, in order."""
        kinds = {"venv": "venv", "pip": "pip", "-c": "probe"}
        return [
            "uv" if Path(words[0]).name == "uv" else next(kinds[word] for word in words if word in kinds)
            for words in self.started
        ]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    (tmp_path / "requirements.txt").write_text("django==5.2 --hash=sha256:00\n")
    (tmp_path / "requirements-dev.txt").write_text("django==5.2 --hash=sha256:00\n" + UV)
    fake = FakeCommands(tmp_path)
    monkeypatch.setattr(virtualenv, "_run", fake)
    return fake


def test_first_start_makes_the_environment_and_the_second_does_nothing(tmp_path: Path, commands: FakeCommands) -> None:
    Virtualenv(tmp_path).ensure()
    assert commands.names() == ["venv", "pip", "uv"]
    assert commands.started[-1][-1] == str(tmp_path / "requirements.txt")
    assert "--require-hashes" in commands.started[-1]

    Virtualenv(tmp_path).ensure()
    assert len(commands.started) == 3


def test_changed_lock_installs_again_without_a_new_environment(tmp_path: Path, commands: FakeCommands) -> None:
    Virtualenv(tmp_path).ensure()
    (tmp_path / "requirements.txt").write_text("django==5.3 --hash=sha256:00\n")
    Virtualenv(tmp_path).ensure()
    assert commands.names() == ["venv", "pip", "uv", "probe", "pip", "uv"]


def test_another_python_in_the_environment_installs_again(tmp_path: Path, commands: FakeCommands) -> None:
    Virtualenv(tmp_path).ensure()
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("version = 3.12.1\n")
    Virtualenv(tmp_path).ensure()
    assert len(commands.started) > 3


def test_development_packages_cover_the_runtime_ones(tmp_path: Path, commands: FakeCommands) -> None:
    Virtualenv(tmp_path).ensure(dev=True)
    assert commands.started[-1][-1] == str(tmp_path / "requirements-dev.txt")
    done = len(commands.started)
    Virtualenv(tmp_path).ensure()
    Virtualenv(tmp_path).ensure(dev=True)
    assert len(commands.started) == done


@pytest.mark.parametrize("failing", ["uv-", "/uv pip"])
def test_pip_takes_over_when_uv_is_not_to_be_had(tmp_path: Path, commands: FakeCommands, failing: str) -> None:
    commands.failing = {failing}
    Virtualenv(tmp_path).ensure()
    assert commands.names()[-1] == "pip"
    assert commands.started[-1][-1] == str(tmp_path / "requirements.txt")


def test_failed_installation_is_said_and_tried_again_next_time(tmp_path: Path, commands: FakeCommands) -> None:
    commands.failing = {"requirements.txt"}
    with pytest.raises(SetupFailed, match=r"its output\nThe packages could not be installed"):
        Virtualenv(tmp_path).ensure()
    commands.failing = set()
    Virtualenv(tmp_path).ensure()
    assert commands.names()[-1] == "uv"


def test_missing_venv_module_names_the_package_to_install(
    tmp_path: Path, commands: FakeCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find_spec(name))
    with pytest.raises(SetupFailed, match="apt install python3-venv"):
        Virtualenv(tmp_path).ensure()
    assert commands.started == []


def test_broken_environment_is_made_anew(tmp_path: Path, commands: FakeCommands) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(tmp_path / "gone")
    with pytest.raises(FileExistsError):  # the fake makes the folder: reaching it is what is asserted
        Virtualenv(tmp_path).ensure()
    assert commands.names() == ["venv"]
    assert "--clear" in commands.started[0]
