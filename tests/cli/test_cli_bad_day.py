"""What the command-line client does when the site is slow, away or says no, and how it tells what went wrong."""

from __future__ import annotations

import io
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from galleries.cli.errors import Away, CliError, Refused, Stopped, WrongUse
from galleries.cli.finding import find_gallery, find_or_make_gallery
from galleries.cli.login import Login, login_file, store_login
from galleries.cli.main import _with_failures, main
from galleries.cli.photos import Multipart, Photo, hash_file
from galleries.cli.web import ATTEMPTS, Patience, Site, _connect
from tests.cli.scripted import answer, scripted

ME = {"id": "0" * 32}
PROBLEM = {"code": "corrupt_image", "detail": "This file isn't a photo we can read.", "status": 422}


def test_what_passes_is_tried_again() -> None:
    busy = {"code": "upload_in_progress", "detail": "Wait."}
    troubles = [answer(429, None, "Retry-After: 0"), answer(503), None, answer(409, busy), answer(502)]
    with scripted(*troubles, answer(200, ME)) as server:
        assert server.site().get("/me") == ME
    assert len(server.requests) == 6
    assert server.requests[0][1]["authorization"] == "Bearer igal_x"


def test_retry_after_is_waited_for() -> None:
    waited: list[float] = []

    class Clock(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout or 0.0)
            return False

    with scripted(
        answer(429, None, "Retry-After: 7"), answer(503, None, "Retry-After: 9999"), answer(200, ME)
    ) as server:
        server.site(Patience(Clock(), part=lambda: 1.0)).get("/me")
    assert waited == [7.5, 301.0]


def test_what_will_not_pass_is_told_at_once() -> None:
    with scripted(answer(422, PROBLEM)) as server, pytest.raises(Refused, match="isn't a photo") as refused:
        server.site().get("/me")
    assert (refused.value.code, refused.value.status) == ("corrupt_image", 422)
    with (
        scripted(answer(301, None, "Location: https://x.example/")) as server,
        pytest.raises(Refused, match="x.example"),
    ):
        server.site().get("/me")
    with scripted(answer(404, "nonsense")) as server, pytest.raises(Refused, match="404"):
        server.site().get("/me")


@pytest.mark.parametrize("content", [None, "a page", [], {"message": "Hello"}])
def test_what_is_no_gallery_is_told(
    content: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A router's own page, another service: both say 200 to everything."""
    monkeypatch.setenv("GALLERY_TOKEN", "igal_x")
    with scripted(answer(200, content), answer(200, content)) as server:
        for command in (["login"], ["ls"]):
            assert main([*command, "--url", server.url, "--json"]) == 1
            assert json.loads(capsys.readouterr().out)["error"]["code"] == "not_a_gallery"
    assert not login_file().exists()


def test_a_site_that_stays_away_is_given_up() -> None:
    with scripted(*[None] * ATTEMPTS) as server, pytest.raises(Away):
        server.site().get("/me")
    assert len(server.requests) == ATTEMPTS


def test_a_refusal_before_the_body_was_read_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(bytes(30_000_000))
    body = Multipart(Photo(path, path.name, 30_000_000), hash_file(path), {}, lambda _: None)
    too_large = {"code": "file_too_large", "detail": "Too large."}
    headers = {"Content-Length": str(body.length)}
    with scripted(answer(413, too_large), early=True) as server:
        try:
            with pytest.raises((Refused, Away)) as refused:
                server.site().call("POST", "/x", headers, body, repeatable=False)
        finally:
            server.answers.clear()
    # The system may drop an answer whose connection was reset; when it came, it is what is told.
    assert refused.value.code in {"file_too_large", "unreachable"}


def test_stopping_ends_waiting() -> None:
    with scripted(answer(503, None, "Retry-After: 300")) as server:
        site = server.site()
        site.patience.stop.set()
        with pytest.raises(Stopped):
            site.get("/me")


def test_a_gallery_whose_answer_was_lost_is_not_made_twice() -> None:
    empty = answer(200, {"items": [], "next": None})
    there = answer(200, {"items": [{"id": "1" * 32, "title": "A b"}], "next": None})
    with scripted(empty, None, there) as server:
        gallery, made = find_or_make_gallery(server.site(), "A  b", "1d")
    assert (gallery["id"], made) == ("1" * 32, False)
    assert json.loads(server.requests[1][2]) == {"title": "A  b", "retention": "1d"}
    assert [line.split("?")[0] for line, _, _ in server.requests] == [
        "GET /api/v1/galleries", "POST /api/v1/galleries", "GET /api/v1/galleries"
    ]  # fmt: skip


def test_no_gallery_is_called_by_an_id() -> None:
    with scripted(answer(200, {"items": [], "next": None})) as server, pytest.raises(CliError) as refused:
        find_or_make_gallery(server.site(), "0" * 32, None)
    assert refused.value.code == "not_found"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_what_may_have_been_done_is_not_sent_twice(status: int) -> None:
    """A proxy that gave up does not know what the site behind it did."""
    empty = answer(200, {"items": [], "next": None})
    there = answer(200, {"items": [{"id": "1" * 32, "title": "A"}], "next": None})
    with scripted(empty, answer(status), there) as server:
        assert find_or_make_gallery(server.site(), "A", None)[0]["id"] == "1" * 32
    with scripted(answer(status)) as server, pytest.raises(Away, match="not known"):
        server.site().post("/galleries/x/links", {}, repeatable=False)
    assert len(server.requests) == 1


def test_what_was_refused_before_it_was_done_is_sent_again() -> None:
    busy = {"code": "rate_limited", "detail": "Wait."}
    with scripted(answer(429, busy, "Retry-After: 0"), answer(201, ME)) as server:
        assert server.site().post("/galleries/x/links", {}, repeatable=False) == ME


def test_stopping_wakes_who_waits_for_an_answer() -> None:
    """Whoever interrupts a transfer does not wait for a site that says nothing."""
    asked = threading.Event()
    ended: list[CliError] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        site = Site(f"http://127.0.0.1:{server.getsockname()[1]}", "igal_x")

        def ask() -> None:
            try:
                site.get("/me")
            except CliError as error:
                ended.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        connection, _ = server.accept()
        with connection:
            assert connection.recv(4)
            asked.set()
            site.stop()
            thread.join(timeout=20)
        assert not thread.is_alive()
    assert [error.code for error in ended] == ["stopped"]


def test_a_name_of_two_galleries_is_not_guessed() -> None:
    two = [{"id": "1" * 32, "title": "A"}, {"id": "2" * 32, "title": "A"}]
    first = answer(200, {"items": two[:1], "next": "more~x"})
    second = answer(200, {"items": two[1:], "next": None})
    with scripted(first, second, first, second) as server:
        site = server.site()
        with pytest.raises(WrongUse, match="1" * 32):
            find_gallery(site, "A")
        assert find_gallery(site, "2" * 32) == two[1]
    assert server.requests[1][0].endswith("cursor=more~x")


@pytest.mark.parametrize(
    "url",
    [
        *("photos.example", "ftp://x.example", "https://x.example/sub", "https://", "https://x.example?a=b"),
        *("http://x.example:eighty", "http://x.example:99999", "http://[::1", "https://alice@x.example", "http://x:0"),
    ],
)
def test_an_address_that_is_none_is_wrong_use(url: str) -> None:
    with pytest.raises(WrongUse):
        Site(url, "x")


@pytest.mark.parametrize("token", ["igal_ü", "igal_a\nX-Other: b", "igal_…"])
def test_a_token_that_can_be_none_is_wrong_use(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALLERY_TOKEN", token)
    assert main(["ls", "--url", "http://127.0.0.1:1"]) == 2


def test_an_ipv6_address_needs_no_port() -> None:
    connection = _connect("http://[::1]")
    assert (connection.host, connection.port) == ("::1", 80)
    assert _connect("https://x.example").port == 443


def test_a_terminal_without_the_letters_of_a_title_gets_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gallery = {"id": "1" * 32, "title": "Sömmer 🌞", "image_count": 1, "bytes": 1, "retention": "7d"}
    monkeypatch.setenv("GALLERY_TOKEN", "igal_x")
    out = io.BytesIO()
    with scripted(answer(200, {"items": [gallery], "next": None})) as server:
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(out, encoding="latin-1"))
        assert main(["ls", "--url", server.url]) == 0
    assert "Sömmer ?" in out.getvalue().decode("latin-1")


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["push", "x"], ["push", ".", "--gallery", "a", "--retention", "2d"], ["pull", "x"]]
)
def test_wrong_use_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--json"]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == "wrong_use"
    assert "--help" in told.err
    assert main(arguments) == 2
    assert capsys.readouterr().out == ""


def test_an_interruption_is_told_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("galleries.cli.main.read_login", interrupt)
    assert main(["ls", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "interrupted"


def test_what_the_system_refuses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_login(Login("http://127.0.0.1:1", "igal_x"))
    assert main(["push", "x" * 5_000, "--gallery", "a", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "system"


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], "x."),
        (["unreadable"], "x, 1 failed. Run it again."),
        (["corrupt_image"], "x, 1 failed (1 of them no photos that the site takes)."),
        (["empty_file", "unreachable"], "x, 2 failed (1 of them no photos that the site takes). Run it again."),
    ],
)
def test_it_says_whether_to_run_it_again(codes: list[str], expected: str) -> None:
    assert _with_failures("x", [{"code": code} for code in codes]) == expected


def test_without_a_login_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", "--json"]) == 2
    told = capsys.readouterr()
    assert json.loads(told.out)["error"]["code"] == "wrong_use"
    assert "gallery login" in told.err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told: Any = capsys.readouterr().out
    assert all(f"\n    {name}" in told for name in ("login", "push", "pull", "ls", "share"))


def test_the_client_needs_only_the_standard_library() -> None:
    """It is run where no site is."""
    import ast
    import sys

    import galleries.cli

    folder = Path(galleries.cli.__file__ or "").parent
    assert (folder.parent / "__init__.py").read_text() == ""
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.startswith("galleries.cli") or name.split(".")[0] in sys.stdlib_module_names, (path, name)


def test_the_entry_point_is_what_it_says() -> None:
    import tomllib
    from importlib import import_module

    from gallery_site.runner.commands import ROOT

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, _, name = project["project"]["scripts"]["gallery"].partition(":")
    assert getattr(import_module(module), name) is main
    assert project["tool"]["setuptools"]["packages"] == ["galleries.cli"]
