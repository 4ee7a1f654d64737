"""A proxy in front that caches whatever it is allowed to, by address alone: two people never see each other's pages."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.faults.ledger import Uploader
from tests.faults.site import picture, wait_until
from tests.faults.web import ask
from tests.live import free_port
from tests.server.nginx import NGINX, Nginx
from tests.server.person import Person
from tests.server.site import ServerSite

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("server")]

# The worst that is still right: no cookie, no Vary, nothing but the address is in the key; errors are kept for a while.
CONFIGURATION = """
{user}
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    proxy_cache_path {home}/cache keys_zone=all:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_cache all;
            proxy_cache_key $request_uri;
            proxy_ignore_headers Vary;
            add_header X-Cache $upstream_cache_status always;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $http_x_forwarded_for;
            proxy_pass http://127.0.0.1:{behind};
        }}
    }}
}}
"""


@pytest.fixture(scope="module")
def proxy(nginx: Nginx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The caching proxy's address."""
    home, port = tmp_path_factory.mktemp("proxy"), free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(CONFIGURATION.format(user=user, home=home, port=port, behind=nginx.port))
    process = subprocess.Popen([NGINX, "-p", home, "-c", home / "nginx.conf"], start_new_session=True)
    wait_until((home / "nginx.pid").exists, "the proxy did not start")
    yield f"http://localhost:{port}"
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(20)


def test_two_people_never_see_each_other(proxy: str, site: ServerSite, alice: Uploader) -> None:
    galleries = {}
    for name, token in zip(("alice", "bob"), site.tokens, strict=True):
        galleries[name] = Uploader(alice.address, token).make_gallery(f"Photos of {name}")
    people = {"alice": Person(proxy, "203.0.113.1"), "bob": Person(proxy, "203.0.113.2")}
    for name, person in people.items():
        assert person.sign_in(name).status == 302
    for _ in range(2):
        for name, person in people.items():
            other = "bob" if name == "alice" else "alice"
            page = person.get("/")
            assert page.headers["x-cache"] != "HIT"
            assert f"Photos of {name}" in page.body.decode()
            assert f"Photos of {other}" not in page.body.decode()
            assert person.get(f"/g/{galleries[name]}/").status == 200
            assert person.get(f"/g/{galleries[other]}/").status == 404  # and the owner is not given this answer next
            account = person.get("/accounts/email/").body.decode()
            assert f"{name}@example.org" in account
            assert f"{other}@example.org" not in account
    stranger = Person(proxy, "203.0.113.3")
    assert "Photos of" not in stranger.get("/").body.decode()
    assert stranger.get(f"/g/{galleries['alice']}/").status in {302, 404}


def test_api_and_passes_are_never_kept(proxy: str, site: ServerSite, alice: Uploader) -> None:
    gallery = alice.make_gallery("Of alice alone")
    alice.upload(gallery, picture(1))
    for _ in range(2):
        answer = ask(f"{proxy}/api/v1/galleries/{gallery}/images", token=site.tokens[0])
        assert (answer.status, answer.headers["x-cache"]) == (200, "MISS")
        assert ask(f"{proxy}/api/v1/galleries/{gallery}/images", token=site.tokens[1]).status == 404
        assert ask(f"{proxy}/api/v1/galleries/{gallery}/images").status == 401
    person = Person(proxy)
    person.sign_in("alice")
    for _ in range(2):
        assert person.get(f"/g/{gallery}/pass/").headers["x-cache"] == "MISS"


def test_what_everybody_may_have_is_kept(proxy: str) -> None:
    page = ask(f"{proxy}/accounts/login/").body.decode()
    sheet = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert [ask(f"{proxy}{sheet}").headers["x-cache"] for _ in range(2)] == ["MISS", "HIT"]
