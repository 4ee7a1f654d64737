"""The watch over the logs sees what it is there for; else its silence in all other tests would mean nothing."""

from __future__ import annotations

import logging
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.test import Client

from gallery_site.accounts.models import User
from gallery_site.logs import JsonFormatter
from tests import log_watch
from tests.accounts.people import sign_in

log = logging.getLogger("galleries.test")


def written(message: str, **fields: object) -> None:
    """A line that goes around what the formatter takes out: as a field."""
    log.warning("said", extra={"fields": {"detail": message} | fields})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("to alice@example.org", "a mail address"),
        ("with igal_" + "Ab3_" * 11, "an API token"),
        ("GET /media/a/b/r/c/thumbnail.webp?p=g&u=1&s=abc", "a pass"),
        ("GET https://edge/x?Policy=a&Signature=0123456789abcdef", "a pass"),
        ("POST /accounts/password/reset/key/2k-c0ffee-1234/", "a key of a mail"),
        ("GET /s/" + "x" * 10 + " " + "Ab3_" * 10 + "xyz", "a random token"),
    ],
)
def test_forms_are_found(text: str, name: str) -> None:
    written(text)
    assert [leak.partition(" in: ")[0] for leak in log_watch.leaks()] == [name]


@pytest.mark.django_db
def test_values_are_found(client: Client, alice: User) -> None:
    assert sign_in(client, password="not the right one") == 200
    assert sign_in(client) == 302
    session, token = client.session.session_key, secrets.token_urlsafe(12)
    for value in (f"session {session}", f"token {token}", "password not the right one", "correct horse battery"):
        written(value)
    found = {leak.partition(" in: ")[0] for leak in log_watch.leaks()}
    assert found == {"a session key", "a token", "a password"}


def test_what_is_redacted_is_no_leak_and_what_is_harmless_neither() -> None:
    log.warning("GET /media/a/b?p=g&s=abc by alice@example.org at /accounts/password/reset/key/a-b-c-d-e-f/")
    written("0f" * 32)  # a hash
    written("/media/" + "a" * 32)
    written("test_a_very_long_name_of_a_test_without_any_secret_in_it")
    assert log_watch.lines
    assert log_watch.leaks() == []


def test_logs_of_other_processes_are_read_to_the_end(tmp_path: Path) -> None:
    site_log, database = tmp_path / "site.log", tmp_path / "gallery.sqlite3"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE django_session (session_key TEXT)")
        connection.execute("INSERT INTO django_session VALUES ('k3ykeykeykeykeykeykeykeykeykeyke')")
    mail = "Content-Type: text/plain; charset=utf-8\nTo: alice@example.org\n\nA link.\n" + "-" * 79 + "\n"
    site_log.write_text(f"starts\n{mail}session k3ykeykeykeykeykeykeykeykeykeyke\n{{}}\n")
    others, log_watch.live_logs = log_watch.live_logs, {(site_log, database)}
    try:
        assert [leak.partition(" in: ")[0] for leak in log_watch.live_leaks()] == ["a session key"]
    finally:
        log_watch.live_logs = others


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("path", "/g/%0d%0aforged/"),
        ("path", "/%1b[31mred/"),
        ("path", "/%e2%80%ae%e2%81%a6gpj.exe/"),
        ("agent", "Mozilla\x1b[31m \u202e"),
        ("query", "/nothing/?a=%0d%0a{}"),
    ],
)
def test_row_37_control_characters_stay_on_one_line(where: str, value: str) -> None:
    """Django CVE-2025-48432: one JSON object a line, whatever a request holds."""
    log_watch.leaks()
    headers = {"User-Agent": value} if where == "agent" else {}
    Client().get("/nothing/" if where == "agent" else value, headers=headers)
    assert len(log_watch.lines) == 1
    assert log_watch.lines[0].isprintable()


def test_row_37_a_foreign_message_too() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 0, 'a\r\n{"forged": 1} \x1b[0m \u2067 %s', ("b\nc",), None)
    line = JsonFormatter().format(record)
    assert line.isprintable()
    assert "\n" not in line
