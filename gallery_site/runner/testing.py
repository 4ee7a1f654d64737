"""``run.py test``: the many tests side by side, then those that drive a browser."""

from __future__ import annotations

import os
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from gallery_site.runner.browser import find_chromium, obtain_chromium
from gallery_site.runner.virtualenv import Virtualenv

# For two cores. All of these wait for sites, services and pages a part of their time: so more processes than cores.
MANY = ["-n", "4", "--dist", "loadgroup"]  # one emulated AWS, not three
SIDE_BY_SIDE = ["-n", "3", "--dist", "loadfile"]  # modules share a browser and a site: single tests get slower


@dataclass(frozen=True)
class Outcome:
    """What a JUnit report says: how many tests were collected, and how many of them did not run."""

    tests: int
    skipped: int


def run_tests(environment: Virtualenv, arguments: list[str]) -> int:
    """Run everything, or pytest with ``arguments``; returns the exit code.

    Raises:
        NoBrowser: everything was asked for and there is no Chromium.
    """
    if arguments:
        chromium = find_chromium()
        if chromium:
            os.environ["CHROMIUM"] = chromium
        return _pytest(environment, arguments)
    os.environ["CHROMIUM"] = obtain_chromium()
    many = _pytest(environment, ["-m", "not browser", *MANY])
    with tempfile.TemporaryDirectory(prefix="image-gallery-") as directory:
        report = Path(directory) / "browser.xml"
        browser = _pytest(environment, ["-m", "browser", *SIDE_BY_SIDE, f"--junit-xml={report}"])
        problem = browser_problem(report)
    if problem:
        print(problem)
    return 1 if many or browser or problem else 0


def browser_problem(report: Path) -> str | None:
    """A browser suite that was skipped is not a green one: says what is wrong with it, or None."""
    outcome = read_report(report)
    if outcome.tests == 0:
        return "FAILED: no browser test ran."
    if outcome.skipped:
        return f"FAILED: {outcome.skipped} of {outcome.tests} browser tests were skipped."
    return None


def read_report(report: Path) -> Outcome:
    """Sum up a JUnit report; a missing one counts as no tests."""
    if not report.exists():
        return Outcome(0, 0)
    suites = list(ElementTree.parse(report).iter("testsuite"))  # noqa: S314 (pytest has just written it)
    return Outcome(
        tests=sum(int(suite.get("tests", "0")) for suite in suites),
        skipped=sum(int(suite.get("skipped", "0")) for suite in suites),
    )


def _pytest(environment: Virtualenv, arguments: list[str]) -> int:
    command = [str(environment.python), "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=environment.root, check=False).returncode
