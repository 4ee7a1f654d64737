"""Every line that the site logs while it is tested is searched for what no log may hold (SAFETY 4b row 38).

What is looked at are the lines as the site's own formatter makes them, whatever handler they go to: pytest's capturing
and its reports have another one and are never searched. Logs of sites in processes of their own are read from their
files when the run ends. What is looked for:

- by its form: mail addresses, API tokens, media addresses with their pass, reset and confirmation keys, and anything
  that looks like 256 random bits (tokens of links and invitations);
- by its value: every session key, password and passcode that the test at hand made or typed.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

# The mail that a site without a mail server prints is not its log.
MAIL_ON_THE_CONSOLE = re.compile(r"^Content-Type: text/plain.*?^-{79}$", re.DOTALL | re.MULTILINE)
SHORTEST = 6  # of a passcode; what is shorter cannot be told from a word
FORMS = {
    "a mail address": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}"),
    "an API token": re.compile(r"igal_[\w-]{20,}"),
    "a pass": re.compile(r"media/\S*\?(?!\.\.\.)\S|[?&](?:s|Signature|Policy)=[\w-]{16,}"),
    "a key of a mail": re.compile(r"/(?:reset/key|confirm-email|invite)/(?!\.\.\.)[\w:-]{8,}"),
    "a random token": re.compile(r"(?<![\w/-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*\d)[\w-]{43}(?![\w-])"),
}

lines: list[str] = []
made: dict[str, str] = {}  # value -> what it is
live_logs: set[tuple[Path, Path]] = set()  # the log and the database of each site in a process of its own


def find_leaks(text: str, values: Iterable[tuple[str, str]] = ()) -> Iterator[str]:
    """What of the forbidden is in ``text``, each with the line that holds it."""
    for line in text.splitlines():
        for name, form in FORMS.items():
            if form.search(line):
                yield f"{name} in: {line}"
        for value, name in values:
            if value in line and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", line):
                yield f"{name} in: {line}"


def leaks() -> list[str]:
    """What was logged since the last time and should not have been; forgets it."""
    text, values = "\n".join(lines), [*made.items()]
    lines.clear()
    made.clear()
    return list(find_leaks(text, values))


def remember(value: object, name: str) -> None:
    if isinstance(value, str) and len(value) >= SHORTEST:
        made[value] = name


def install() -> None:
    """Listen where lines are made and where secrets are; once in a process, Django set up."""
    from django.contrib.auth.hashers import MD5PasswordHasher
    from django.contrib.sessions.backends.base import SessionBase

    from gallery_site.logs import JsonFormatter

    _after(JsonFormatter, "format", lambda arguments, line: lines.append(line))
    _after(SessionBase, "_get_new_session_key", lambda arguments, key: remember(key, "a session key"))
    # Every password and passcode comes by here, to be set or to be checked (tests use this hasher).
    _after(MD5PasswordHasher, "encode", lambda arguments, _: remember(arguments[1], "a password"))
    _after(secrets, "token_urlsafe", lambda arguments, token: remember(token, "a token"))


def _after(owner: Any, name: str, note: Callable[[tuple[Any, ...], Any], object]) -> None:
    """Have ``note(arguments, result)`` called after each call of ``owner.name``."""
    real = getattr(owner, name)
    if hasattr(real, "watched"):
        return

    def watched(*arguments: Any, **named: Any) -> Any:
        result = real(*arguments, **named)
        note(arguments, result)
        return result

    watched.watched = True  # type: ignore[attr-defined]
    setattr(owner, name, watched)


def live_leaks() -> list[str]:
    """What the logs of sites in processes of their own hold."""
    found: list[str] = []
    for log, database in sorted(live_logs):
        if log.exists():
            text = MAIL_ON_THE_CONSOLE.sub("", log.read_text(errors="replace"))
            found += find_leaks(text, [("correct horse battery", "a password"), *_session_keys(database)])
    live_logs.clear()
    return found


def _session_keys(database: Path) -> list[tuple[str, str]]:
    if not database.exists():
        return []
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            return [(key, "a session key") for (key,) in connection.execute("SELECT session_key FROM django_session")]
        except sqlite3.DatabaseError:  # broken on purpose by the test
            return []
