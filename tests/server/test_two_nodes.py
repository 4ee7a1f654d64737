"""Two web nodes on one PostgreSQL, one Redis and one store behave as one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.ledger import Uploader
from tests.faults.site import picture
from tests.faults.web import ask
from tests.live import ROOT
from tests.server.nginx import Nginx
from tests.server.person import Person
from tests.server.site import Machine, ServerSite
from tests.server.test_uploads import go_on, kept, senders

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("server")]

DUE = 30  # images that two sweeps find at once
SWEEP = ("sweep_expired", "--apply", "--json", "--older-than", "0s")


@pytest.fixture(scope="module")
def site(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSite]:
    """Without timers: their sweep, a minute apart in each node, finishes what another one has claimed and counts it."""
    site = machine.site(tmp_path_factory.mktemp("server") / "site", GALLERY_TIMERS="0")
    yield site
    site.close()


@pytest.fixture(scope="module")
def other(
    machine: Machine, site: ServerSite, nginx: Nginx, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    """The second node, behind an nginx of its own."""
    home = tmp_path_factory.mktemp("other")
    node = machine.node(site, home / "node")
    front = Nginx(home / "nginx", node.data_dir, [node.socket_path])
    node.environment |= {"SITE_URL": nginx.address}
    node.start()
    front.start()
    yield front
    front.stop()
    node.close()


def execute(machine: Machine, site: ServerSite, sql: str) -> list[tuple]:
    return machine.postgres.execute(sql, site.environment["DATABASE_URL"].rpartition("/")[2])


def test_session_of_one_is_one_of_the_other(nginx: Nginx, other: Nginx) -> None:
    person = Person(nginx.address)
    assert person.sign_in("alice").status == 302
    assert person.get("/accounts/email/", other.address).status == 200
    assert person.post("/accounts/logout/", {}, other.address).status == 302
    assert person.get("/accounts/email/").status == 302  # to the sign-in


def test_limits_count_together(nginx: Nginx, other: Nginx) -> None:
    """Five wrong passwords a minute from one address, wherever they are tried; the right one is refused after them.
    These are the site's own limits: nginx lets six requests of a moment through, and each node gets fewer."""
    person = Person(nginx.address, "203.0.113.77")
    for number in range(5):
        place = (nginx, other)[number % 2].address
        assert person.sign_in("bob", "wrong", place, again=number > 0).status == 200
    for place in (nginx.address, other.address):
        refused = person.sign_in("bob", address=place, again=True)
        assert refused.status == 429
        assert b"Too many tries" in refused.body
    elsewhere = Person(other.address, "203.0.113.78")
    assert elsewhere.sign_in("alice").status == 302


def test_upload_that_is_retried_at_the_other_node_is_one_image(site: ServerSite, nginx: Nginx, other: Nginx) -> None:
    here, there = site.client(nginx.address), site.client(other.address)
    gallery = here.make_gallery()
    first = here.upload(gallery, picture(1), key="the-same-key")
    again = there.upload(gallery, picture(1), key="the-same-key")
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    with ThreadPoolExecutor(8) as pool:  # and at the same moment
        answers = list(
            pool.map(lambda number: (here, there)[number % 2].upload(gallery, picture(2), key="at-once"), range(8))
        )
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.json["id"] for answer in answers}) == 1
    kept(here, gallery)
    thumbnail = first.json["renditions"]["thumbnail"]["url"]
    assert ask(f"{other.address}{thumbnail}").status == 200


def test_two_sweeps_at_once_remove_each_image_once(
    machine: Machine, site: ServerSite, nginx: Nginx, other: Nginx
) -> None:
    alice = site.client(nginx.address)
    gallery = alice.make_gallery()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: alice.upload(gallery, picture(5_000 + number)), range(DUE)))
    [(before,)] = execute(machine, site, "SELECT count(*) FROM galleries_receipt")
    [(used,)] = execute(machine, site, "SELECT sum(images) FROM galleries_usage")
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    execute(
        machine,
        site,
        f"UPDATE galleries_image SET expires_at = '{past}', due_at = '{past}' WHERE gallery_id = '{gallery}'",  # noqa: S608
    )
    command = [sys.executable, str(ROOT / "manage.py"), *SWEEP, "--gallery", gallery]
    sweeps = [
        subprocess.Popen(command, env=site.environ(), cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [json.loads(sweep.communicate(timeout=90)[0]) for sweep in sweeps]
    assert [one["failed"] for one in said] == [0, 0]
    assert sum(one["deleted"] for one in said) == DUE
    [(after,)] = execute(machine, site, "SELECT count(*) FROM galleries_receipt")
    assert after - before == DUE
    [(left,)] = execute(machine, site, "SELECT sum(images) FROM galleries_usage")
    assert used - left == DUE
    assert not [path for path in site.data_dir.joinpath("media").rglob(f"*{gallery}*/**/*") if path.is_file()]


def test_node_that_is_killed_under_load_loses_nothing(machine: Machine, tmp_path: Path) -> None:
    """Behind one nginx that knows both. What was under way on the dead node is asked again and is one image."""
    site = machine.site(tmp_path / "site")
    node = machine.node(site, tmp_path / "node")
    front = Nginx(tmp_path / "nginx", site.data_dir, [site.socket_path, node.socket_path])
    site.environment |= {"SITE_URL": front.address}
    node.environment |= {"SITE_URL": front.address}
    site.start()
    node.start()
    front.start()
    try:
        alice: Uploader = site.client(front.address)
        gallery = alice.make_gallery()
        with senders(alice, gallery, 30_000) as count:
            go_on(count)
            node.kill()
            node.close()  # the machine is gone: nobody waits at its door
            go_on(count, 20)
        kept(alice, gallery)
    finally:
        front.stop()
        site.close()
        node.close()
