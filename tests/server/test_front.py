"""What nginx lets through, what it refuses, and what it answers by itself."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from galleries.problems import TEMPORARY, Problem
from tests import log_watch
from tests.faults.site import wait_until
from tests.faults.web import Answer, Lost, ask
from tests.headers.observatory import Page, score
from tests.server.echo import Echo
from tests.server.nginx import Nginx
from tests.server.raw import connect, say, status
from tests.server.site import Machine

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("server")]

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NAME = "gallery.example.org"
HSTS = "max-age=63072000; includeSubDomains; preload"


@pytest.fixture(scope="module")
def front(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx that believes nobody, in front of a site that says what it was asked."""
    yield from _front(machine, tmp_path_factory, "")


@pytest.fixture(scope="module")
def behind(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx that believes this machine, as behind CloudFront or a load balancer."""
    yield from _front(machine, tmp_path_factory, "127.0.0.1/32, 192.0.2.0/24")


def _front(machine: Machine, places: pytest.TempPathFactory, fronts: str) -> Iterator[Nginx]:
    home = places.mktemp("front")
    with Echo(home / "echo.sock") as echo:
        nginx = Nginx(home, machine.prepared, [echo.path], fronts=fronts)
        nginx.start()
        yield nginx
        nginx.stop()
        assert not list(log_watch.find_leaks(nginx.logs().replace(str(home), "")))


def seen(nginx: Nginx, path: str = "/", **headers: str) -> dict[str, str]:
    """What the site was told, by the header's name."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = ask(f"{nginx.address}{path}", headers=sent)
    assert answer.status == 200, answer
    names = [name for name, _ in answer.json["headers"]]
    assert len(names) == len(set(names)), names
    return dict(answer.json["headers"])


# --- who asks ---------------------------------------------------------------------------------------------------------


def test_visitor_cannot_say_who_he_is(front: Nginx) -> None:
    told = seen(
        front,
        X_Forwarded_For="203.0.113.9",
        X_Forwarded_Proto="https",
        CloudFront_Forwarded_Proto="https",
        X_Forwarded_Host="evil.example",
        X_Forwarded_Port="443",
        X_Forwarded_Ssl="on",
        X_Forwarded_Protocol="ssl",
        Forwarded="for=203.0.113.9;proto=https;host=evil.example",
        X_Original_URI="/media/anything",
        X_Request_ID="of-the-visitor-1234",
        Proxy="http://evil.example",
    )
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "http"
    assert told["host"] == "localhost"
    assert re.fullmatch(r"[0-9a-f]{32}", told["x-request-id"])
    assert "evil" not in json.dumps(told)
    refused = {"x-forwarded-host", "x-forwarded-port", "x-forwarded-ssl", "x-forwarded-protocol", "forwarded"}
    assert not (refused | {"x-original-uri", "proxy"}) & set(told)


@pytest.mark.parametrize(
    ("given", "visitor"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 192.0.2.7", "203.0.113.9"),  # a load balancer behind CloudFront: both are ours
        ("1.2.3.4, 203.0.113.9", "203.0.113.9"),  # the first was written by the visitor
        ("nonsense", "127.0.0.1"),
    ],
)
def test_front_that_is_believed_says_who_asks(behind: Nginx, given: str, visitor: str) -> None:
    assert seen(behind, X_Forwarded_For=given)["x-forwarded-for"] == visitor


@pytest.mark.parametrize(
    ("headers", "protocol"),
    [
        ({"X_Forwarded_Proto": "https"}, "https"),
        ({"X_Forwarded_Proto": "http"}, "http"),
        ({"CloudFront_Forwarded_Proto": "https", "X_Forwarded_Proto": "http"}, "https"),  # the visitor's, not the way's
        ({"CloudFront_Forwarded_Proto": "http", "X_Forwarded_Proto": "https"}, "http"),
        ({}, "http"),  # as SITE_URL
        ({"X_Forwarded_Proto": "https, http"}, "http"),
    ],
)
def test_front_that_is_believed_says_how_the_visitor_came(
    behind: Nginx, headers: dict[str, str], protocol: str
) -> None:
    assert seen(behind, **headers)["x-forwarded-proto"] == protocol


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", f"{NAME}.evil.example", f"x{NAME}", "", f"{NAME}@evil"])
def test_other_names_get_no_answer(front: Nginx, host: str) -> None:
    answer = say(front.port, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    assert status(answer) in {0, 400}
    assert b"headers" not in answer


def test_two_names_or_none_are_refused(front: Nginx) -> None:
    twice = f"GET / HTTP/1.1\r\nHost: {NAME}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert status(say(front.port, twice)) == 400
    assert status(say(front.port, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n")) == 400
    assert say(front.port, "GET / HTTP/1.0\r\n\r\n") == b""
    # In an absolute address the name counts, and the site hears that name alone.
    answer = say(front.port, f"GET http://{NAME}/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert b"evil" not in answer


def test_health_check_asks_by_address_and_for_nothing_else(front: Nginx) -> None:
    asked = "GET {} HTTP/1.1\r\nHost: 10.0.0.7\r\nConnection: close\r\n\r\n"
    answer = say(front.port, asked.format("/healthz"))
    assert status(answer) == 200
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["headers"][0] == ["host", NAME]
    for path in ("/readyz", "/", "/healthz/", "/healthz/../readyz", "/static/x", "/media/x"):
        assert say(front.port, asked.format(path)) == b"", path


def test_tls_for_other_names_ends_before_anything_is_shown(front: Nginx) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", front.tls_port), timeout=30) as line,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        context.wrap_socket(line, server_hostname="evil.example")


def test_a_name_with_a_certificate_is_shown_over_http_2(machine: Machine, tmp_path: Path) -> None:
    """The server as certbot leaves it, which knows nothing of HTTP/2 itself."""
    nginx = Nginx(tmp_path / "nginx", machine.prepared, [tmp_path / "nobody.sock"])
    nginx.configure()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"]
    make += [f"/CN={NAME}", "-days", "2", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, check=True, capture_output=True)
    servers = nginx.home / "etc" / "sites-available" / "image-gallery"
    before, _, last = servers.read_text().rpartition(f"    listen 127.0.0.1:{nginx.port};\n")
    by_certbot = f"    listen 127.0.0.1:{nginx.tls_port} ssl; # managed by Certbot\n"
    by_certbot += f"    ssl_certificate {certificate};\n    ssl_certificate_key {key};\n"
    servers.write_text(before + by_certbot + last)
    nginx.start()
    try:
        context = ssl.create_default_context(cafile=str(certificate))
        for offered, taken in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1")):
            context.set_alpn_protocols(offered)
            with (
                socket.create_connection(("127.0.0.1", nginx.tls_port), timeout=30) as line,
                context.wrap_socket(line, server_hostname=NAME) as talk,
            ):
                assert talk.selected_alpn_protocol() == taken
    finally:
        nginx.stop()


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /\x00 HTTP/1.1\r\nHost: {name}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {name}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: {name}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: {name}\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "GET /media-admission/ HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n",
        "GET /down.html HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: {name}\r\n\r\n",
    ],
)
def test_what_only_attackers_send_stops_at_nginx(front: Nginx, request_text: str) -> None:
    answer = say(front.port, request_text.format(name=NAME))
    assert status(answer) in {400, 404, 405, 501}
    assert b'"headers"' not in answer


# --- what nginx answers by itself -----------------------------------------------------------------------------------


def check_page(answer: Answer, code: str) -> None:
    """A page in the site's look, nothing of nginx's own."""
    assert answer.status == Problem(code).status
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["cache-control"] == "no-store"
    check_retry_after(answer)
    text = answer.body.decode()
    assert re.search(r"/static/css/site\.[0-9a-f]{12}\.css", text)
    assert 'class="empty"' in text
    assert answer.headers["server"] == "nginx"
    assert score(Page(answer.headers | {"strict-transport-security": "max-age=63072000"}, [], text, NAME))[0] >= 140


def check_problem(answer: Answer, code: str) -> None:
    """The problem details that the site itself would give."""
    problem = Problem(code)
    assert answer.status == problem.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json == problem.as_json()
    check_retry_after(answer)


def check_retry_after(answer: Answer) -> None:
    """Said of what may go well in a moment, and of nothing else."""
    asked = answer.headers.get("retry-after", "0")
    assert (int(asked) > 0) == (answer.status in TEMPORARY), answer


def test_site_that_is_away(machine: Machine, tmp_path: Path) -> None:
    nginx = Nginx(tmp_path, machine.prepared, [tmp_path / "nobody.sock"])
    nginx.start()
    try:
        check_page(ask(f"{nginx.address}/", headers=HTML), "unavailable")
        check_problem(ask(f"{nginx.address}/api/v1/galleries"), "unavailable")
        upload = f"{nginx.address}/g/{'0' * 32}/upload/"
        check_problem(ask(upload, headers={"Accept": "application/json"}), "unavailable")
        over_tls = ask(f"{nginx.address}/", headers=HTML | {"X-Forwarded-Proto": "https"})
        assert over_tls.headers["strict-transport-security"] == HSTS
        sheet = re.findall(r'href="(/static/[^"]+)"', over_tls.body.decode())[0]
        static = ask(f"{nginx.address}{sheet}", headers={"Accept-Encoding": "gzip"})
        assert (static.status, static.headers["content-encoding"]) == (200, "gzip")
        assert static.headers["cache-control"] == "public, max-age=315360000, immutable"
        assert "strict-transport-security" not in static.headers, "over plain HTTP"
        static = ask(f"{nginx.address}{sheet}", headers={"X-Forwarded-Proto": "https"})
        assert static.headers["strict-transport-security"] == HSTS
        plain = ask(f"{nginx.address}{re.sub(r'[.][0-9a-f]{12}[.]', '.', sheet)}")
        assert plain.headers["cache-control"] == "public, max-age=60"
        wait_until(lambda: nginx.lines() >= 6, "nginx did not log all of them")
        logged = {json.loads(line)["path"] for line in nginx.log.splitlines()}
        assert {"/", "/api/v1/galleries", f"/g/{'0' * 32}/upload/"} <= logged
        assert not [path for path in logged if path.startswith("/down")]  # the page that answered is not what was asked
    finally:
        nginx.stop()


def test_body_that_is_too_large(front: Nginx) -> None:
    large = b"x" * (1024 * 1024 + 1)
    check_page(ask(f"{front.address}/accounts/signup/", "POST", body=large, headers=HTML), "file_too_large")
    check_problem(ask(f"{front.address}/api/v1/galleries", "POST", body=large), "file_too_large")
    head = f"POST /api/v1/galleries/{'0' * 32}/images HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {{}}\r\n\r\n"
    answer = say(front.port, head.format(65 * 1024 * 1024 + 1))  # the body is never sent
    assert status(answer) == 413
    assert b'"code": "file_too_large"' in answer
    form = f"POST /g/{'0' * 32}/upload/ HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {90 * 1024 * 1024}\r\n\r\n"
    assert "add fewer of them at a time" in say(front.port, form).decode()


@pytest.mark.parametrize("path", ["/static/nothing.css", "/media/nothing.jpg", "/media-admission/", "/gone.html"])
def test_address_that_nginx_knows_nothing_at(front: Nginx, path: str) -> None:
    check_page(ask(f"{front.address}{path}", headers=HTML), "not_found")
    check_problem(ask(f"{front.address}{path}", headers={"Accept": "application/json"}), "not_found")


def test_head_that_is_too_large(front: Nginx) -> None:
    large = {"Cookie": "x" * 9_000}
    check_page(ask(f"{front.address}/", headers=HTML | large), "malformed")
    check_problem(ask(f"{front.address}/api/v1/galleries", headers=large), "malformed")


def refused(front: Nginx, headers: dict[str, str]) -> Answer:
    """The first answer of nginx's own; whatever address is forged, the true one counts."""
    for number in range(100):
        answer = ask(f"{front.address}/accounts/login/", headers=headers | {"X-Forwarded-For": f"203.0.113.{number}"})
        if answer.status != 200:
            return answer
    raise AssertionError("nothing is refused: one a second and five more should go through")


def test_too_many_at_once(front: Nginx) -> None:
    check_page(refused(front, HTML), "rate_limited")
    check_problem(refused(front, {"Accept": "application/json"}), "rate_limited")


def test_party_that_uploads_may_still_look_around(front: Nginx) -> None:
    """What is on its way counts among uploads, up to their own number, and not among pages."""
    upload = f"/api/v1/galleries/{'0' * 32}/images"
    head = f"POST {upload} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 60000000\r\nExpect: 100-continue\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(150):
            line = stack.enter_context(connect(front.port))
            line.sendall(head.encode())
            assert status(line.recv(65536)) == 100  # nginx waits for the body, and so it counts
        seen(front)
        check_problem(ask(f"{front.address}{upload}", "POST", body=b"one more"), "rate_limited")


def test_behind_a_front_each_visitor_has_his_own_limit(behind: Nginx) -> None:
    for number in range(30):
        assert seen(behind, "/accounts/login/", X_Forwarded_For=f"203.0.113.{number}")


def test_refused_connection_is_no_answer(front: Nginx) -> None:
    with pytest.raises(Lost):
        ask(f"http://127.0.0.1:{front.port}/")
