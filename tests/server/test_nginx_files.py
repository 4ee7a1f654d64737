"""deploy/nginx_files.py writes nginx's files for a host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.nginx_files import SHIPPED, WrongSetting, fronts_file, http_file, main, server_names, write_files

URL = "https://photos.example.org"


def test_names_are_those_of_the_site(tmp_path: Path) -> None:
    write_files(tmp_path, URL, "d1.cloudfront.net, photos.example.org", "")
    text = (tmp_path / "sites-enabled" / "image-gallery").read_text()
    assert "server_name photos.example.org d1.cloudfront.net;" in text
    assert "gallery.example.org" not in text


def test_file_that_certbot_has_changed_stays(tmp_path: Path) -> None:
    write_files(tmp_path, URL, "", "")
    path = tmp_path / "sites-available" / "image-gallery"
    path.write_text("# managed by Certbot\n")
    write_files(tmp_path, URL, "", "")
    assert path.read_text() == "# managed by Certbot\n"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_visitor_of_a_silent_front_came_as_the_site_is_reached(scheme: str) -> None:
    assert f'"~^1 ;$"        {scheme};' in http_file(f"{scheme}://photos.example.org")


def test_fronts_are_networks_or_anybody_or_nobody() -> None:
    assert "set_real_ip_from" not in fronts_file("")
    assert "set_real_ip_from 10.0.0.0/8;" in (text := fronts_file("10.0.0.0/8, 192.0.2.7"))
    assert "192.0.2.7/32 1;" in text
    assert "real_ip_recursive on;" in text
    assert "real_ip_recursive off;" in fronts_file(
        "any"
    )  # else the first address, which anybody may write, would count


@pytest.mark.parametrize(
    ("told", "body"), [("", "65m"), ("67108864", "65m"), ("67108865", "66m"), ("209715200", "201m"), ("1", "2m")]
)
def test_bodies_of_uploads_are_as_large_as_a_photo_may_be(tmp_path: Path, told: str, body: str) -> None:
    """And what multipart adds."""
    assert main(["--etc", str(tmp_path), "--site-url", URL, "--max-upload", told]) == 0
    found = directives((tmp_path / "snippets" / "image-gallery.conf").read_text())
    sizes = [line.split()[1] for line in found if line.startswith("client_max_body_size")]
    assert sizes == ["1m", body]


@pytest.mark.parametrize("told", ["64m", "-1", "0", "1; deny all"])
def test_wrong_size_of_a_photo_is_refused(tmp_path: Path, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--etc", str(tmp_path), "--site-url", URL, f"--max-upload={told}"]) == 2
    assert capsys.readouterr().err.startswith("GALLERY_MAX_UPLOAD_BYTES must be")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fronts", ["10.0.0.1/8", "example.org", "any, 10.0.0.0/8", "10.0.0.0/8; deny all"])
def test_wrong_fronts_are_refused(fronts: str) -> None:
    with pytest.raises(WrongSetting):
        fronts_file(fronts)


@pytest.mark.parametrize("host", ["a b", "a;return 200", "a{", "$host", "*"])
def test_wrong_names_are_refused(tmp_path: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WrongSetting):
        server_names(URL, host)
    assert main(["--etc", str(tmp_path), "--site-url", URL, "--hosts", host]) == 2
    assert capsys.readouterr().err.startswith("SITE_URL and DJANGO_ALLOWED_HOSTS must hold names")
    assert not list(tmp_path.iterdir())


# SAFETY 5.3 and 5.8; another number needs a reason in docs/decisions.md.
NUMBERS = {
    "site.conf": (
        "client_header_timeout 10s",
        "client_body_timeout 15s",
        "send_timeout 30s",
        "keepalive_timeout 30s",
        "reset_timedout_connection on",
        "client_max_body_size 1m",
        "client_max_body_size 65m",
        "limit_conn image_gallery_connections 20",
        "limit_conn image_gallery_photos 150",
        "proxy_request_buffering on",
        "proxy_connect_timeout 3s",
        "proxy_read_timeout 75s",
        "proxy_next_upstream off",
        "proxy_set_header X-Forwarded-For $remote_addr",
        "limit_req zone=image_gallery_pages burst=60 nodelay",
        "limit_req zone=image_gallery_sign_in burst=5 nodelay",
        "server_tokens off",
    ),
    "image-gallery.conf": (
        "limit_req_zone $binary_remote_addr zone=image_gallery_pages:4m rate=20r/s",
        "limit_req_zone $binary_remote_addr zone=image_gallery_sign_in:4m rate=1r/s",
    ),
}


def directives(text: str) -> list[str]:
    """Without comments, one blank between words."""
    lines = re.sub(r"(?m)(?:^|\s)#.*$", "", text)
    return [" ".join(words.split()) for words in re.split(r"[;{}]", lines)]


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_those_that_were_set(name: str) -> None:
    found = directives((SHIPPED / name).read_text())
    assert [wanted for wanted in NUMBERS[name] if wanted not in found] == []
    assert not [line for line in found if line.startswith("proxy_request_buffering") and line.endswith("off")]


def test_each_address_gives_a_head_ten_seconds() -> None:
    """Of names that share a port the default server's counts, also for the handshake of TLS."""
    servers = (SHIPPED / "server.conf").read_text().split("\nserver {")[1:]
    defaults = [directives(server) for server in servers if "default_server" in server]
    assert len(defaults) == 2
    for server in defaults:
        assert {"client_header_timeout 10s", "return 444"} <= set(server)
