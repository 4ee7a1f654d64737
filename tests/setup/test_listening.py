"""Where the site listens, and the sentence when it cannot."""

from __future__ import annotations

import socket

import pytest

from gallery_site.runner.listening import CannotListen, check_listening, join_address, listen_address


def test_address_defaults_to_loopback_and_8000() -> None:
    assert listen_address({}) == ("127.0.0.1", 8000)
    assert listen_address({"PORT": "", "GALLERY_BIND": " "}) == ("127.0.0.1", 8000)


def test_address_comes_from_the_environment() -> None:
    assert listen_address({"PORT": "9001", "GALLERY_BIND": "0.0.0.0"}) == ("0.0.0.0", 9001)
    assert listen_address({"GALLERY_BIND": "[::1]"}) == ("::1", 8000)


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "80.5", "٣"])
def test_bad_port_is_one_sentence(port: str) -> None:
    with pytest.raises(CannotListen, match="PORT must be a number"):
        listen_address({"PORT": port})


def test_ipv6_hosts_get_brackets() -> None:
    assert join_address("::1", 8000) == "[::1]:8000"
    assert join_address("127.0.0.1", 8000) == "127.0.0.1:8000"


def test_taken_port_names_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"Port {port} is already in use"):
            check_listening("127.0.0.1", port)
    check_listening("127.0.0.1", port)


def test_foreign_address_is_refused() -> None:
    with pytest.raises(CannotListen, match="not an address of this machine"):
        check_listening("192.0.2.200", 8199)
