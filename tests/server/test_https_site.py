"""A site whose SITE_URL is https, behind a front that ends TLS: headers, redirects, cookies, one id in both logs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.site import wait_until
from tests.faults.web import ask
from tests.headers.observatory import Page, score
from tests.server.nginx import Nginx
from tests.server.site import Machine, ServerSite

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("server")]

NAME = "gallery.example.org"
PAGES = (
    "/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/nothing/here/",
    "/s/" + "x" * 43 + "/",
)
OVER_TLS = {"X-Forwarded-Proto": "https", "Host": NAME, "Accept": "text/html"}


@pytest.fixture(scope="module")
def site(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerSite]:
    site = machine.site(tmp_path_factory.mktemp("https") / "site", SITE_URL=f"https://{NAME}")
    site.start()
    yield site
    site.close()


@pytest.fixture
def front(site: ServerSite, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Nginx]:
    """nginx that believes this machine, or whom the test says."""
    fronts = getattr(request, "param", "127.0.0.1/32")
    nginx = Nginx(tmp_path, site.data_dir, [site.socket_path], site_url=f"https://{NAME}", fronts=fronts)
    nginx.start()
    yield nginx
    nginx.stop()


def test_pages_score_as_they_should(front: Nginx) -> None:
    for path in PAGES:
        answer = ask(f"{front.address}{path}", headers=OVER_TLS)
        cookies = [answer.headers["set-cookie"]] if "set-cookie" in answer.headers else []
        total, points = score(Page(answer.headers, cookies, answer.body.decode(), NAME))
        assert total >= 140, (path, points)
        assert {"private", "no-store"} <= set(answer.headers["cache-control"].split(", ")), path
        assert all(cookie.startswith("__Host-") and "Secure" in cookie for cookie in cookies), path


def test_plain_visitor_is_sent_to_tls(front: Nginx) -> None:
    plain = ask(f"{front.address}/accounts/login/", headers=OVER_TLS | {"X-Forwarded-Proto": "http"})
    assert (plain.status, plain.headers["location"]) == (301, f"https://{NAME}/accounts/login/")


@pytest.mark.parametrize("front", [""], indirect=True)
def test_visitor_cannot_claim_tls(front: Nginx) -> None:
    forged = ask(f"{front.address}/accounts/login/", headers=OVER_TLS | {"CloudFront-Forwarded-Proto": "https"})
    assert forged.status == 301


@pytest.mark.parametrize("front", ["", "127.0.0.1/32"], indirect=True)
def test_health_check_is_not_sent_anywhere(front: Nginx) -> None:
    """A load balancer asks by address and without TLS."""
    answer = ask(f"{front.address}/healthz", headers={"Host": "10.0.0.7"})
    assert (answer.status, answer.json) == (200, {"status": "ok"})


def test_pages_are_packed_for_a_front_too_and_json_keeps_its_strong_tag(front: Nginx, site: ServerSite) -> None:
    asked = OVER_TLS | {"Accept-Encoding": "gzip", "Via": "2.0 abc.cloudfront.net (CloudFront)"}
    page = ask(f"{front.address}/accounts/login/", headers=asked)
    assert page.headers["content-encoding"] == "gzip"
    assert b"csrfmiddlewaretoken" in gzip.decompress(page.body)
    asked |= {"Authorization": f"Bearer {site.tokens[0]}", "Accept": "application/json"}
    listed = ask(f"{front.address}/api/v1/galleries", headers=asked)
    assert (listed.status, listed.headers.get("content-encoding")) == (200, None)
    assert listed.headers["etag"].startswith('"'), "what If-Match takes"


def test_one_id_stands_in_both_logs(front: Nginx, site: ServerSite) -> None:
    answer = ask(f"{front.address}/nothing/here/", headers=OVER_TLS | {"X-Request-ID": "of-the-visitor-12345"})
    identifier = answer.headers["x-request-id"]
    wait_until(lambda: identifier in front.log, "nginx did not log the request")  # it does so after the answer
    lines = [json.loads(line) for line in front.log.splitlines()]
    assert [line["path"] for line in lines if line["request"] == identifier] == ["/nothing/here/"]
    told = [json.loads(line) for line in site.log.read_text().splitlines() if line.startswith("{")]
    assert "Not Found" in next(line["message"] for line in told if line["request"] == identifier)
