"""From one machine to a server, and back from a backup: every photo is there, byte by byte."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.copy_photos import copy_missing
from tests.faults.ledger import Uploader
from tests.faults.site import picture
from tests.faults.web import ask
from tests.live import ROOT, LiveSite
from tests.server.nginx import Nginx
from tests.server.services import Postgres
from tests.server.site import CAST, Machine, ServerSite
from tests.server.test_uploads import kept

Done = subprocess.CompletedProcess[str]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("server")]


def all_kept(alice: Uploader, gallery: str, address: str, bytes_of: dict[str, bytes]) -> None:
    """Every promise, with the bytes of each original and a thumbnail for each."""
    kept(alice, gallery)
    for promise in alice.ledger:
        shown = alice.call("GET", f"/images/{promise.id}").json
        assert ask(f"{address}{shown['renditions']['thumbnail']['url']}").status == 200
        place = alice.call("GET", f"/images/{promise.id}/original").headers["location"].removeprefix(address)
        assert ask(f"{address}{place}").body == bytes_of[promise.id]


def originals(alice: Uploader, address: str) -> dict[str, bytes]:
    found = {}
    for promise in alice.ledger:
        place = alice.call("GET", f"/images/{promise.id}/original").headers["location"].removeprefix(address)
        found[promise.id] = ask(f"{address}{place}").body
    return found


def manage_within_permissions(site: LiveSite, *arguments: str) -> Done:
    """As ``manage``, but the permissions of files hold for it even where the tests are root's."""
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override", *command]
    return subprocess.run(command, env=site.environ(), cwd=ROOT, check=False, text=True, capture_output=True)


def test_site_of_one_machine_moves_to_a_server(machine: Machine, tmp_path: Path) -> None:
    """docs/operations.md, "From one machine to a server", to the letter."""
    embedded = LiveSite(tmp_path / "embedded")
    embedded.data_dir.mkdir()
    token, _ = embedded.manage("shell", "-v0", "-c", CAST).stdout.split()
    embedded.start()
    alice = Uploader(embedded.address, token)
    gallery = alice.make_gallery()
    for number in range(4):
        assert alice.upload(gallery, picture(number)).status == 201
    before = originals(alice, embedded.address)
    embedded.stop()

    machine.postgres.execute("CREATE DATABASE moved")
    server = ServerSite(tmp_path / "server", tokens=(token, ""), ledger=alice.ledger)
    server.environment = machine.site(tmp_path / "unused").environment | {
        "DATABASE_URL": machine.postgres.address("moved"),
        "DJANGO_SECRET_KEY": (embedded.data_dir / "secret-key").read_text().strip(),
    }
    server.data_dir.mkdir()
    (server.data_dir / "static").symlink_to(machine.prepared / "static")  # as collectstatic makes it
    server.manage("migrate", "-v0")
    embedded.data_dir.chmod(0o555)
    said = manage_within_permissions(server, "copy_database", str(embedded.database))
    assert "copied and compared" in said.stdout, said.stderr
    embedded.data_dir.chmod(0o755)
    refused = server.manage("copy_database", str(embedded.database), check=False)
    assert (refused.returncode, "already" in refused.stderr) == (2, True)

    looked = server.manage("move_storage", str(embedded.data_dir), "--json", check=False)
    assert (looked.returncode, json.loads(looked.stdout)["to_copy"]) == (1, 12)
    assert not list((server.data_dir / "media").rglob("*.jpg"))
    half = [path for path in sorted((embedded.data_dir / "media").rglob("*")) if path.is_file()][::2]
    aside = tmp_path / "aside"
    aside.mkdir()
    for number, path in enumerate(half):  # as a run that was cut off: only some of it was there to be copied
        shutil.move(path, aside / str(number))
    cut = server.manage("move_storage", str(embedded.data_dir), "--apply", "--json", check=False)
    assert (cut.returncode, len(json.loads(cut.stdout)["lost"])) == (1, len(half))
    for number, path in enumerate(half):
        shutil.move(aside / str(number), path)
    whole = json.loads(server.manage("move_storage", str(embedded.data_dir), "--apply", "--json").stdout)
    assert (whole["copied"], whole["lost"], whole["damaged"]) == (len(half), [], [])

    front = Nginx(tmp_path / "nginx", server.data_dir, [server.socket_path])
    server.environment |= {"SITE_URL": front.address}
    server.start()
    front.home.mkdir()
    front.start()
    try:
        moved = Uploader(front.address, token, alice.ledger)
        all_kept(moved, gallery, front.address, before)
        assert moved.upload(gallery, picture(0)).status == 200  # it is known
        assert moved.upload(gallery, picture(99)).status == 201  # and sequences go on
        server.add_person("carol")
    finally:
        front.stop()
        server.close()

    damaged = next(path for path in (server.data_dir / "media").rglob("*/o/*.jpg"))
    damaged.unlink()
    damaged.write_bytes(b"something else")
    found = server.manage("move_storage", str(embedded.data_dir), "--apply", "--json", check=False)
    last = json.loads(found.stdout)
    assert (found.returncode, len(last["damaged"]), last["lost"]) == (1, 1, [])
    assert (last["objects"], last["copied"]) == (15, 0)  # all the others are there, and are what they were


def run_script(name: str, folder: Path, environment: dict[str, str], deploy: Path = ROOT / "deploy") -> Done:
    """``deploy``/NAME with the programs of the cluster's own version, after those of ``deploy`` itself."""
    path = f"{deploy}:{Postgres.program('pg_dump').parent}:{os.environ['PATH']}"
    command = [str(deploy / name), str(folder)]
    return subprocess.run(command, env={"PATH": path} | environment, check=False, capture_output=True, text=True)


def told(site: ServerSite) -> dict[str, str]:
    return {"DATABASE_URL": site.environment["DATABASE_URL"], "GALLERY_DATA_DIR": str(site.data_dir)}


@dataclass
class Installed:
    """A server as install.sh leaves it, below ``home``: the scripts with its folders put into them."""

    home: Path

    def __post_init__(self) -> None:
        self.etc, self.state, self.deploy = self.home / "etc", self.home / "state", self.home / "deploy"
        for folder in (self.etc, self.state / "media", self.deploy):
            folder.mkdir(parents=True)
        for script in (*(ROOT / "deploy").glob("*.sh"), ROOT / "deploy" / "copy_photos.py"):
            text = script.read_text().replace("/etc/image-gallery", str(self.etc))
            copy = self.deploy / script.name
            copy.write_text(text.replace("/var/lib/image-gallery", str(self.state)))
            copy.chmod(0o755)
        self.program("runuser", 'shift 3; exec "$@"')  # this machine has no such account

    def program(self, name: str, text: str) -> None:
        """Put a program of that name before the system's."""
        (self.deploy / name).write_text(f"#!/bin/bash\n{text}\n")
        (self.deploy / name).chmod(0o755)

    def is_told(self, **lines: str) -> None:
        (self.etc / "environment").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def run(self, name: str, folder: Path, **environment: str) -> Done:
        return run_script(name, folder, environment, self.deploy)


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path / "installed")


@pytest.fixture
def used(machine: Machine) -> str:
    """The address of a database that holds one table, ``of_the_site``."""
    name = machine.postgres.copy("template0")
    machine.postgres.execute("CREATE TABLE of_the_site (id int)", name)
    return machine.postgres.address(name)


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_FILE"])
def test_backup_of_a_server_is_of_the_database_that_it_uses(
    installed: Installed, used: str, name: str, tmp_path: Path
) -> None:
    secret = installed.etc / "database"
    secret.write_text(f"{used}\n")
    installed.is_told(**{"DATABASE_URL": "postgres:///before", name: str(secret) if name.endswith("FILE") else used})
    (tmp_path / "backup.part" / "etc").mkdir(parents=True)  # of one that was cut off
    done = installed.run("backup.sh", tmp_path / "backup")
    assert done.returncode == 0, done.stderr
    command = [str(Postgres.program("pg_restore")), "--list", str(tmp_path / "backup" / "database.dump")]
    assert "of_the_site" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert (tmp_path / "backup" / "etc" / "environment").read_text() == (installed.etc / "environment").read_text()


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh"])
def test_server_refuses_a_database_that_is_not_its_own(
    machine: Machine, installed: Installed, used: str, script: str, tmp_path: Path
) -> None:
    installed.is_told(DATABASE_URL=used)
    assert installed.run("backup.sh", tmp_path / "backup", DATABASE_URL=used).returncode == 0
    other = machine.postgres.copy("template0")
    machine.postgres.execute("CREATE TABLE of_another_site (id int)", other)
    folder = tmp_path / ("new" if script == "backup.sh" else "backup")
    done = installed.run(script, folder, DATABASE_URL=machine.postgres.address(other))
    assert (done.returncode, "environment" in done.stderr) == (2, True)
    assert not (tmp_path / "new").exists()
    assert machine.postgres.execute("SELECT to_regclass('of_another_site')", other) == [("of_another_site",)]


def test_backup_without_a_database_is_none(installed: Installed, tmp_path: Path) -> None:
    installed.is_told(SITE_URL="https://photos.example.org")
    assert installed.run("backup.sh", tmp_path / "backup").returncode == 2
    (installed.etc / "environment").unlink()
    assert installed.run("backup.sh", tmp_path / "backup").returncode == 2
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh"])
def test_a_password_is_no_word_of_a_command(installed: Installed, used: str, script: str, tmp_path: Path) -> None:
    installed.is_told(DATABASE_URL=used)
    assert installed.run("backup.sh", tmp_path / "backup").returncode == 0
    name = "pg_dump" if script == "backup.sh" else "psql"
    heard = tmp_path / "heard"
    installed.program("chown", ":")
    installed.program(name, f'echo "$PGPASSWORD $*" >>{heard}; exec {Postgres.program(name)} "$@"')
    installed.is_told(DATABASE_URL=used.replace("@", ":a%40b%5Cn\\c%25d@", 1))
    folder = tmp_path / ("new" if script == "backup.sh" else "backup")
    done = installed.run(script, folder)
    assert done.returncode == 0, done.stderr
    password, _, words = heard.read_text().partition(" ")
    assert password == "a@b\\n\\c%d"  # noqa: S105
    assert used in words


def test_restored_photos_belong_to_the_account_of_this_machine(installed: Installed, used: str, tmp_path: Path) -> None:
    """And one that an earlier restore has cut off is whole afterwards."""
    installed.is_told(DATABASE_URL=used)
    media = installed.state / "media" / "owner"
    media.mkdir(mode=0o2750)
    photo = media / "photo.jpg"
    photo.write_bytes(b"photo")
    os.utime(photo, (10, 10))
    photo.chmod(0o640)
    assert installed.run("backup.sh", tmp_path / "backup").returncode == 0
    shutil.rmtree(media)
    media.mkdir()
    photo.write_bytes(b"pho")
    (media / "newer.jpg").write_bytes(b"newer")
    heard = tmp_path / "heard"
    installed.program("chown", f'echo "$*" >{heard}')
    done = installed.run("restore.sh", tmp_path / "backup")
    assert done.returncode == 0, done.stderr
    assert heard.read_text() == f"-R -h image-gallery:www-data {installed.state}/media\n"
    assert (photo.read_bytes(), photo.stat().st_mtime, photo.stat().st_mode & 0o777) == (b"photo", 10, 0o640)
    assert {path.name for path in media.iterdir()} == {"photo.jpg", "newer.jpg"}


def test_a_copy_that_is_cut_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "owner").mkdir(parents=True)
    (source / "owner").chmod(0o2750)
    (source / "owner" / "photo.jpg").write_bytes(b"photo")

    def cut(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:2])
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copy2", cut)
        with pytest.raises(OSError, match="^$"):
            copy_missing(source, target)
    assert not (target / "owner" / "photo.jpg").exists()
    assert (copy_missing(source, target), copy_missing(source, target)) == (1, 0)
    assert [path.name for path in (target / "owner").iterdir()] == ["photo.jpg"]
    assert (target / "owner").stat().st_mode & 0o7777 == 0o2750


@pytest.mark.parametrize("size", [1, 20_000])
def test_backup_leaves_out_what_a_sweep_removes_meanwhile_and_nothing_else(
    installed: Installed, used: str, size: int, tmp_path: Path
) -> None:
    """cp says what it copies and stands still when nobody listens: the pipe takes 4 KiB. It may write no file above
    10 KiB, so that a larger one is an error of another kind."""
    installed.is_told(DATABASE_URL=used)
    folder = installed.state / "media" / "owner"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number}.jpg").write_bytes(b"x")
    (installed.state / "media" / "z.jpg").write_bytes(b"x" * size)
    heard = tmp_path / "heard"
    os.mkfifo(heard)
    both_ends = os.open(heard, os.O_RDWR)
    fcntl.fcntl(both_ends, fcntl.F_SETPIPE_SZ, 4096)  # while nothing is in it
    cp = shutil.which("cp")
    others = f'[[ "$*" == *media* ]] || exec {cp} "$@"'
    installed.program("cp", f"{others}\ntrap '' XFSZ; ulimit -f 10; exec stdbuf --output=L {cp} -v \"$@\" >{heard}")
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(installed.run, "backup.sh", tmp_path / "backup")
        with heard.open("rb", buffering=0) as ear:
            told_of = b""
            while told_of.count(b"/owner/") < 3:  # of a second file in it: the first is copied, all names are known
                told_of += ear.read(256)
            os.close(both_ends)
            shutil.rmtree(folder)
            while ear.read(65_536):
                pass
        done = begun.result()
    assert (done.returncode == 0) == (size == 1), done.stderr
    assert ("File too large" in done.stderr) == (size > 1)
    assert (tmp_path / "backup").exists() == (size == 1)
    copied = tmp_path / ("backup" if size == 1 else "backup.part") / "media"
    assert (copied / "z.jpg").exists()
    assert 0 < len(list((copied / "owner").iterdir())) < 200


def test_backup_brings_back_what_was_destroyed(
    machine: Machine, site: ServerSite, nginx: Nginx, alice: Uploader, tmp_path: Path
) -> None:
    gallery = alice.make_gallery()
    for number in range(4):
        alice.upload(gallery, picture(500 + number))
    before = originals(alice, nginx.address)
    done = run_script("backup.sh", tmp_path / "backup", told(site))  # the site runs
    assert done.returncode == 0, done.stderr
    assert run_script("backup.sh", tmp_path / "backup", told(site)).returncode == 2  # never over another one
    site.stop()

    database = site.environment["DATABASE_URL"].rpartition("/")[2]
    machine.postgres.execute(f"DROP DATABASE {database} WITH (FORCE)")
    machine.postgres.execute(f"CREATE DATABASE {database}")
    machine.postgres.execute("CREATE TABLE of_a_newer_release (id int)", database)
    shutil.rmtree(site.data_dir / "media")
    assert run_script("restore.sh", tmp_path / "nothing", told(site)).returncode == 2
    done = run_script("restore.sh", tmp_path / "backup", told(site))
    assert done.returncode == 0, done.stderr
    site.start()
    all_kept(alice, gallery, nginx.address, before)
    assert alice.upload(gallery, picture(599)).status == 201
    report = json.loads(site.manage("reconcile_storage", "--json").stdout)
    assert (report["orphans"], report["missing_originals"], report["missing_renditions"]) == (0, [], [])
    assert machine.postgres.execute("SELECT to_regclass('of_a_newer_release')", database) == [(None,)]
