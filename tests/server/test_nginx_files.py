"""deploy/nginx_files.py writes nginx's files for a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.nginx_files import WrongSetting, fronts_file, http_file, main, server_names, write_files

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
