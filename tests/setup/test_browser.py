"""Finding Chromium, and what makes a browser suite count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gallery_site.runner import browser
from gallery_site.runner.browser import NoBrowser, find_chromium, obtain_chromium
from gallery_site.runner.testing import browser_problem


def make_program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _no_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "MAC_APPLICATIONS", ())


def test_named_one_wins(tmp_path: Path) -> None:
    mine = make_program(tmp_path / "mine")
    make_program(tmp_path / "chromium")
    assert find_chromium({"CHROMIUM": str(mine), "PATH": str(tmp_path)}) == str(mine)


def test_named_one_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoBrowser, match="cannot be started"):
        find_chromium({"CHROMIUM": str(tmp_path / "gone"), "PATH": str(tmp_path)})


def test_any_usual_name_on_the_path_does(tmp_path: Path) -> None:
    chrome = make_program(tmp_path / "google-chrome")
    assert find_chromium({"PATH": str(tmp_path)}) == str(chrome)


def test_without_one_there_is_advice_and_nothing_is_installed(tmp_path: Path) -> None:
    assert find_chromium({"PATH": str(tmp_path)}) is None
    with pytest.raises(NoBrowser, match="apt install chromium"):
        obtain_chromium({"PATH": str(tmp_path)})


def test_ci_as_root_installs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def install(command: list[str], **_: object) -> None:
        started.append(command)
        if "install" in command:
            make_program(tmp_path / "chromium")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(browser, "APT", make_program(tmp_path / "apt-get"))
    monkeypatch.setattr("subprocess.run", install)
    found = obtain_chromium({"PATH": str(tmp_path), "CI": "true"})
    assert found == str(tmp_path / "chromium")
    assert [command[1] for command in started] == ["update", "install"]


@pytest.mark.parametrize(
    ("suite", "problem"),
    [
        ('tests="3" skipped="0"', None),
        ('tests="0" skipped="0"', "no browser test ran"),
        ('tests="3" skipped="1"', "1 of 3 browser tests were skipped"),
    ],
)
def test_browser_suite_counts_only_when_it_ran(tmp_path: Path, suite: str, problem: str | None) -> None:
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite {suite}/></testsuites>")
    found = browser_problem(report)
    assert found is None if problem is None else found is not None and problem in found


def test_missing_report_is_no_test(tmp_path: Path) -> None:
    assert browser_problem(tmp_path / "none.xml") == "FAILED: no browser test ran."
