"""What may not be in the repository is found, in files that git tracks or would take."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gallery_site.runner.commands import ROOT
from gallery_site.runner.hygiene import MAX_FILE_BYTES, registry_hosts, unwanted_files


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def test_this_project_is_clean() -> None:
    assert registry_hosts(ROOT) == []
    assert unwanted_files(ROOT) == []


@pytest.mark.parametrize(
    ("host", "found"),
    [
        (".".join(["pypi", "org"]), True),
        (".".join(["files", "pythonhosted", "org"]), True),
        (".".join(["registry", "npmjs", "org"]), True),
        (".".join(["mypypi", "org"]), False),
        ("example.org", False),
    ],
)
def test_registry_hosts_are_found(repository: Path, host: str, found: bool) -> None:
    (repository / "notes.md").write_text(f"fine\nsee //{host}/simple\n")
    assert registry_hosts(repository) == (["notes.md:2: names a registry's host"] if found else [])


def test_ignored_files_are_nobodys_business(repository: Path) -> None:
    (repository / ".gitignore").write_text("var/\n")
    (repository / "var").mkdir()
    (repository / "var" / "big.js").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    assert unwanted_files(repository) == []


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("picture.png", b"\0" * (MAX_FILE_BYTES + 1), "at most"),
        ("static/app.min.js", b"let a = 1;\n", "minified"),
        ("static/app.js", b"a=1;" * 1000, "minified"),
        ("static/lib.js", b"/*! somebody's */\n", "taken from elsewhere"),
        ("static/vendor/own.js", b"let a = 1;\n", "lock file"),
        ("uv.lock", b"", "addresses"),
    ],
)
def test_unwanted_files_are_found(repository: Path, name: str, content: bytes, problem: str) -> None:
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    (found,) = unwanted_files(repository)
    assert found.startswith(f"{name}: ")
    assert problem in found
