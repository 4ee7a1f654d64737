"""One site behind nginx for all tests of this folder that do not break it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.site import FaultSite
from tests.server.nginx import NGINX, Nginx


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """The site with nginx in front of it, as on a server."""
    if not Path(NGINX).exists():
        complaint = "nginx is not here (apt install nginx-light)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(complaint)
    home = tmp_path_factory.mktemp("server")
    site = FaultSite(home / "site")
    site.make()
    front = Nginx(home / "nginx", site)
    site.environment = {"GALLERY_MEDIA_BY_NGINX": "1", "GALLERY_TRUSTED_PROXIES": "1", "SITE_URL": front.address}
    site.start()
    front.configure()
    front.start()
    yield front
    front.stop()
    site.stop()
