"""The units of deploy/systemd are whole and hardened, and the scripts can be read.

What install.sh does is tried on a bare Debian, with a systemd of its own, by deploy/try_install.sh.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.live import ROOT

UNITS = ROOT / "deploy" / "systemd"
WANTED = 2.5  # systemd-analyze's "exposure", 0 to 10
SERVICES = (
    "image-gallery-web@a",
    "image-gallery-try",
    "image-gallery-sweep",
    "image-gallery-drain",
    "image-gallery-metrics",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder with the units where install.sh puts them."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(UNITS, root / "etc" / "systemd" / "system")
    return root


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_hardened(root: Path, name: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--root={root}", "--no-pager", f"{name}.service"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    said = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert said, done.stderr
    assert float(said[1]) <= WANTED, done.stdout


def test_every_service_was_measured() -> None:
    services = {path.name.removesuffix(".service").replace("@", "@a") for path in UNITS.glob("*.service")}
    assert services == set(SERVICES)


def test_no_unit_holds_a_secret_or_listens_to_the_world() -> None:
    text = "\n".join(path.read_text() for path in UNITS.rglob("*") if path.is_file())
    assert not re.search(r"(?:SECRET|PASSWORD|TOKEN)\w*=", text)
    assert set(re.findall(r"ListenStream=(.*)", text)) == {
        "/run/image-gallery/site.sock",
        "/run/image-gallery-try/site.sock",
    }


def test_scripts_can_be_read_by_their_shells() -> None:
    for script in (*(ROOT / "deploy").glob("*.sh"), ROOT / "deploy" / "gallery-manage"):
        done = subprocess.run(["bash", "-n", script], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
