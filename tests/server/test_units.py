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


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A script that does what install.sh does with the units of a release, below ``tmp_path`` instead of the root."""
    (tmp_path / "etc" / "systemd" / "system").mkdir(parents=True)
    (tmp_path / "usr" / "local" / "bin").mkdir(parents=True)
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy" / "told.sh", tmp_path / "deploy")
    text = (ROOT / "deploy" / "install.sh").read_text()
    for place in ("/etc/systemd", "/usr/local"):
        text = text.replace(place, f"{tmp_path}{place}")
    script = tmp_path / "deploy" / "units.sh"
    script.write_text(text.replace('\nmain "$@"', f'\nsystemctl() {{ :; }}\nunits "{ROOT}"'))
    return script


def test_units_are_all_installed_or_it_is_said(units: Path, tmp_path: Path) -> None:
    installed = tmp_path / "etc" / "systemd" / "system"
    done = subprocess.run(["bash", units], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    there = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert there == {str(path.relative_to(UNITS)) for path in UNITS.rglob("*") if path.is_file()} - {"journald.conf"}

    (installed / "image-gallery-drain.timer").unlink()
    (installed / "image-gallery-drain.timer").mkdir()  # cannot be written, like anything on a full disk
    done = subprocess.run(["bash", units], check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "image-gallery-drain.timer" in done.stderr


@pytest.mark.parametrize("there", ["debootstrap", "systemd-nspawn"])
def test_try_install_says_what_is_missing(there: str, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "readlink", "mkdir"):
        (programs / name).symlink_to(shutil.which(name) or "")
    (programs / there).symlink_to("/bin/false")
    command = [programs / "bash", ROOT / "deploy" / "try_install.sh", tmp_path / "machine"]
    done = subprocess.run(command, env={"PATH": str(programs)}, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "apt install debootstrap systemd-container\n")
    assert not (tmp_path / "machine").exists()
