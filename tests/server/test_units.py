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


class Installer:
    """install.sh with the machine's folders below ``root``. What it does to services is written down instead."""

    def __init__(self, root: Path) -> None:
        self.root, self.called = root, root / "called"
        for folder in (
            "etc/systemd/system",
            "etc/image-gallery",
            "etc/nginx",
            "run/systemd/system",
            "usr/local/bin",
            "deploy",
        ):
            (root / folder).mkdir(parents=True)
        self.called.touch()
        for name in ("told.sh", "install.sh"):
            text = (ROOT / "deploy" / name).read_text().replace("install -d -o www-data -g www-data", "install -d")
            for place in ("/etc/", "/run/", "/usr/local", "/var/cache", "/opt/"):
                text = text.replace(place, f"{root}{place}")
            (root / "deploy" / name).write_text(text)

    def run(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """These lines in place of the last one, which does everything."""
        text = (self.root / "deploy" / "install.sh").read_text()
        stand_in = f'systemctl() {{ echo "$*" >>"{self.called}"; }}'
        script = self.root / "deploy" / "some.sh"
        script.write_text(text.replace('\nmain "$@"', "\n".join(["", stand_in, *lines])))
        self.called.write_text("")
        return subprocess.run(["bash", script], check=False, capture_output=True, text=True)

    def is_told(self, **lines: str) -> None:
        told = "".join(f"{name}={value}\n" for name, value in lines.items())
        (self.root / "etc" / "image-gallery" / "environment").write_text(told)

    def files(self, folder: str) -> dict[str, str]:
        """What is below that folder: the text of a file, or where a link points."""
        top = self.root / folder
        found = [path for path in top.rglob("*") if path.is_symlink() or path.is_file()]
        return {
            str(path.relative_to(top)): str(path.readlink()) if path.is_symlink() else path.read_text()
            for path in found
        }


@pytest.fixture
def installer(tmp_path: Path) -> Installer:
    return Installer(tmp_path)


def test_units_are_all_installed_or_it_is_said(installer: Installer) -> None:
    done = installer.run(f'units "{ROOT}"')
    assert (done.returncode, done.stderr) == (0, "")
    there = set(installer.files("etc/systemd/system"))
    assert there == {str(path.relative_to(UNITS)) for path in UNITS.rglob("*") if path.is_file()} - {"journald.conf"}

    installed = installer.root / "etc" / "systemd" / "system"
    (installed / "image-gallery-drain.timer").unlink()
    (installed / "image-gallery-drain.timer").mkdir()  # cannot be written, like anything on a full disk
    done = installer.run(f'units "{ROOT}"')
    assert done.returncode != 0
    assert "image-gallery-drain.timer" in done.stderr


def test_limits_of_the_journal_hold_at_once(installer: Installer) -> None:
    restart = "restart systemd-journald"
    for changed in (True, False):
        assert installer.run(f'units "{ROOT}"').returncode == 0
        assert (restart in installer.called.read_text()) == changed
    limits = installer.root / "etc" / "systemd" / "journald.conf.d" / "image-gallery.conf"
    assert limits.read_text() == (UNITS / "journald.conf").read_text()
    limits.write_text("[Journal]\nSystemMaxUse=9G\n")
    installer.run(f'units "{ROOT}"')
    assert restart in installer.called.read_text()


@pytest.mark.parametrize("first", [True, False])
def test_what_nginx_refuses_leaves_its_files_as_they_were(installer: Installer, first: bool) -> None:
    installer.is_told(SITE_URL="https://photos.example.org")
    enabled = installer.root / "etc" / "nginx" / "sites-enabled"
    enabled.mkdir()
    (enabled / "default").symlink_to("/etc/nginx/sites-available/default")
    (installer.root / "etc" / "nginx" / "nginx.conf").write_text("of the distribution")
    if not first:
        assert installer.run("nginx() { :; }", f'front "{ROOT}"').returncode == 0
        assert "reload-or-restart nginx" in installer.called.read_text()
        assert set(installer.files("etc/nginx/sites-enabled")) == {"image-gallery"}
        mark = installer.root / "etc" / "nginx" / "snippets" / "image-gallery.conf"
        mark.write_text("of the release before")
    before = installer.files("etc/nginx")
    done = installer.run("nginx() { echo refused >&2; return 1; }", f'front "{ROOT}"')
    assert done.returncode == 1
    assert "those before are back" in done.stderr
    assert installer.files("etc/nginx") == before
    assert "nginx" not in installer.called.read_text(), "what it has in memory goes on"


@pytest.mark.parametrize("wrong", [{"GALLERY_FRONT_PROXIES": "nobody"}, {"GALLERY_MAX_UPLOAD_BYTES": "64m"}])
def test_wrong_settings_are_refused_before_anything_is_touched(installer: Installer, wrong: dict[str, str]) -> None:
    steps = ("packages", "account", "environment", "database", "release", "units", "prepare_database")
    installer.is_told(**({"SITE_URL": "https://photos.example.org"} | wrong))
    stand_ins = [f'{step}() {{ systemctl "did {step}"; }}' for step in steps]
    stand_ins += ["id() { echo 0; }", f'SOURCE="{ROOT}"']
    done = installer.run(*stand_ins, "main")
    assert done.returncode == 1
    assert next(iter(wrong)) in done.stderr
    assert "what runs was not touched" in done.stderr
    assert installer.called.read_text() == "did packages\ndid account\ndid environment\n"


def test_static_files_that_cannot_be_written_bring_what_ran_before_back(installer: Installer) -> None:
    done = installer.run(
        "side() { echo a; }",
        f'readlink() {{ echo "{ROOT}"; }}',
        'units() { systemctl "units of $1"; }',
        'manage() { systemctl "$2 of $1"; builtin [ "$1" != new ]; }',
        "put_into_use new",
    )
    assert done.returncode == 1
    assert "what ran before runs on" in done.stderr
    names = ("collectstatic of new", f"units of {ROOT}", f"collectstatic of {ROOT}", f"write_error_pages of {ROOT}")
    assert installer.called.read_text().splitlines() == list(names)


@pytest.mark.parametrize(("allowed", "workers", "restarts"), [(100, 1, True), (112, 1, False), (500, 2, False)])
def test_postgresql_restarts_only_for_more_connections(
    installer: Installer, allowed: int, workers: int, restarts: bool
) -> None:
    """The site that runs notices it: two sides of a process with 32 threads and four more connections, and 40."""
    installer.is_told(GALLERY_WORKERS=str(workers))
    folder = installer.root / "etc" / "postgresql" / "15" / "main" / "conf.d"
    folder.mkdir(parents=True)
    done = installer.run(f"ask_postgres() {{ echo {allowed}; }}", "enough_connections")
    assert (done.returncode, done.stderr) == (0, "")
    assert installer.called.read_text() == ("restart postgresql\n" if restarts else "")
    assert [path.read_text() for path in folder.iterdir()] == (["max_connections = 112\n"] if restarts else [])


def test_a_release_is_tried_with_one_process_whatever_the_environment_file_says() -> None:
    """systemd lets the file go before Environment=; env(1) comes after both."""
    (command,) = re.findall(r"^ExecStart=(.*\\\n.*)", (UNITS / "image-gallery-try.service").read_text(), re.MULTILINE)
    assert command.startswith("/usr/bin/env GALLERY_WORKERS=1 GALLERY_TIMERS=0 ")


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
