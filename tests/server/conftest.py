"""Services for all tests of this folder, and for each module a site behind nginx.

Modules that use them are of the group "server", so that one process of pytest-xdist starts them once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import log_watch
from tests.faults.ledger import Uploader
from tests.server.nginx import NGINX, Nginx
from tests.server.services import Postgres, Redis
from tests.server.site import Machine, ServerSite


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """PostgreSQL and Redis, with a site that was set up."""
    missing = [] if Path(NGINX).exists() else ["nginx-light"]
    missing += [] if shutil.which("redis-server") else ["redis-server"]
    try:
        Postgres.program("initdb")
    except FileNotFoundError:
        missing.append("postgresql")
    if missing:
        complaint = f"apt install {' '.join(missing)}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(complaint)
    postgres, redis = Postgres(), Redis()
    try:
        postgres.start()
        redis.start()
        machine = Machine(postgres, redis, tmp_path_factory.mktemp("prepared"))
        machine.prepare()
        yield machine
    finally:
        redis.stop()
        postgres.stop()


@pytest.fixture(scope="module")
def site(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSite]:
    """One node, not started: nginx knows its address first."""
    site = machine.site(tmp_path_factory.mktemp("server") / "site")
    yield site
    site.close()


@pytest.fixture(scope="module")
def nginx(site: ServerSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx in front of ``site``; at the end what both have logged is searched for secrets."""
    home = tmp_path_factory.mktemp("nginx")
    front = Nginx(home, site.data_dir, [site.socket_path])
    site.environment |= {"SITE_URL": front.address}
    site.start()
    front.start()
    yield front
    front.stop()
    site.stop()
    log = (front.logs() + site.log.read_text()).replace(str(home), "")
    found = list(log_watch.find_leaks(log, [(token, "a token") for token in site.tokens]))
    assert not found, "\n".join(found[:10])


@pytest.fixture
def alice(nginx: Nginx, site: ServerSite) -> Uploader:
    return site.client(nginx.address)
