"""From one machine to a server, and back from a backup: every photo is there, byte by byte."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.ledger import Uploader
from tests.faults.site import picture
from tests.faults.web import ask
from tests.live import ROOT, LiveSite
from tests.server.nginx import Nginx
from tests.server.services import Postgres
from tests.server.site import CAST, Machine, ServerSite
from tests.server.test_uploads import kept

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
    said = server.manage("copy_database", str(embedded.database)).stdout
    assert "copied and compared" in said
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


def run_script(name: str, folder: Path, site: ServerSite) -> subprocess.CompletedProcess[str]:
    """deploy/NAME with the programs of the cluster's own version."""
    path = f"{Postgres.program('pg_dump').parent}:{os.environ['PATH']}"
    environment = {
        "PATH": path,
        "DATABASE_URL": site.environment["DATABASE_URL"],
        "GALLERY_DATA_DIR": str(site.data_dir),
    }
    command = [str(ROOT / "deploy" / name), str(folder)]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def test_backup_brings_back_what_was_destroyed(
    machine: Machine, site: ServerSite, nginx: Nginx, alice: Uploader, tmp_path: Path
) -> None:
    gallery = alice.make_gallery()
    for number in range(4):
        alice.upload(gallery, picture(500 + number))
    before = originals(alice, nginx.address)
    done = run_script("backup.sh", tmp_path / "backup", site)  # the site runs
    assert done.returncode == 0, done.stderr
    assert run_script("backup.sh", tmp_path / "backup", site).returncode == 2  # never over another one
    site.stop()

    database = site.environment["DATABASE_URL"].rpartition("/")[2]
    machine.postgres.execute(f"DROP DATABASE {database} WITH (FORCE)")
    machine.postgres.execute(f"CREATE DATABASE {database}")
    machine.postgres.execute("CREATE TABLE of_a_newer_release (id int)", database)
    shutil.rmtree(site.data_dir / "media")
    assert run_script("restore.sh", tmp_path / "nothing", site).returncode == 2
    done = run_script("restore.sh", tmp_path / "backup", site)
    assert done.returncode == 0, done.stderr
    site.start()
    all_kept(alice, gallery, nginx.address, before)
    assert alice.upload(gallery, picture(599)).status == 201
    report = json.loads(site.manage("reconcile_storage", "--json").stdout)
    assert (report["orphans"], report["missing_originals"], report["missing_renditions"]) == (0, [], [])
    assert machine.postgres.execute("SELECT to_regclass('of_a_newer_release')", database) == [(None,)]
