"""The lock files hold every hash, no address, and what pyproject.toml asks for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gallery_site.runner import locks
from gallery_site.runner.commands import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", *locks.SOURCES):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_this_project_has_no_problem(project: Path) -> None:
    assert locks.lock_problems(project) == []


def test_uv_is_in_the_development_lock_with_its_hashes(project: Path) -> None:
    block = locks.requirement_block((project / locks.DEV_LOCK).read_text(), "uv")
    assert block.startswith("uv==")
    assert block.count("--hash=sha256:") > 10
    assert "vcs" not in block


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"segno>=1.6.6,<2"', '"segno>=2"', "does not fit"),
        ('    "segno>=1.6.6,<2",\n', "", "segno is not asked for any more"),
        ('    "segno>=1.6.6,<2",\n', '    "segno>=1.6.6,<2",\n    "Some.Thing",\n', "some-thing is missing"),
    ],
)
def test_changed_source_is_found(project: Path, old: str, new: str, problem: str) -> None:
    path = project / "pyproject.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert any(problem in found for found in locks.lock_problems(project))


def test_missing_hash_address_and_differing_versions_are_found(project: Path) -> None:
    path = project / locks.RUNTIME_LOCK
    block = locks.requirement_block(path.read_text(), "segno")
    path.write_text(path.read_text().replace(block, "segno==1.9.9\n") + "--index-url https://example.com/\n")
    problems = "\n".join(locks.lock_problems(project))
    assert "segno has no hash" in problems
    assert "names an address" in problems
    assert "segno is 1.6.6, in requirements.txt 1.9.9" in problems
