"""The score of a page's headers: the published points of the HTTP Observatory as SAFETY 5.1 lists them.

100 to begin with; what is wrong takes points away, what is more than needed adds some, from 90 on only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

BEGIN = 100
BONUS_FROM = 90
HALF_A_YEAR = 15_768_000  # seconds
PRIVATE_REFERRER = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
UNSAFE_SOURCES = {"'unsafe-inline'", "'unsafe-eval'", "data:", "https:", "http:", "*", "blob:"}


@dataclass(frozen=True)
class Page:
    """One answer: its headers by lower-case name, its Set-Cookie lines, its text."""

    headers: Mapping[str, str]
    cookies: Sequence[str]
    text: str
    host: str


def score(page: Page) -> tuple[int, dict[str, int]]:
    """The score, and the points of each check that gave or took some."""
    points = {name: given for name, given in _checks(page) if given}
    total = BEGIN + sum(given for given in points.values() if given < 0)
    if total >= BONUS_FROM:
        total += sum(given for given in points.values() if given > 0)
    return max(total, 0), points


def _checks(page: Page) -> Iterator[tuple[str, int]]:
    policy = read_policy(page.headers.get("content-security-policy", ""))
    yield "content security policy", _policy(policy)
    yield "cookies", _cookies(page.cookies)
    yield "referrer policy", _referrer(page.headers.get("referrer-policy"))
    yield "HSTS", _hsts(page.headers.get("strict-transport-security"))
    yield "framing", _framing(policy, page.headers.get("x-frame-options", ""))
    yield (
        "resource policy",
        10 if page.headers.get("cross-origin-resource-policy") in {"same-origin", "same-site"} else 0,
    )
    yield "opener policy", 10 if page.headers.get("cross-origin-opener-policy") == "same-origin" else 0
    embedder = page.headers.get("cross-origin-embedder-policy")
    yield "embedder policy", 10 if embedder in {"credentialless", "require-corp"} else 0
    yield "content type sniffing", 0 if page.headers.get("x-content-type-options") == "nosniff" else -5
    yield "cross-origin sharing", -50 if page.headers.get("access-control-allow-origin") else 0
    yield "scripts of others", _scripts(page)


def read_policy(header: str) -> dict[str, set[str]]:
    """A Content-Security-Policy as directive -> sources."""
    parts = [part.split() for part in header.split(";") if part.strip()]
    return {words[0].lower(): set(words[1:]) for words in parts}


def _policy(policy: Mapping[str, set[str]]) -> int:
    if not policy:
        return -25
    default = policy.get("default-src", {"*"})
    scripts, styles = policy.get("script-src", default), policy.get("style-src", default)
    objects, base = policy.get("object-src", default), policy.get("base-uri", {"*"})
    if (
        "'unsafe-inline'" in scripts
        or scripts & {"data:", "*", "https:", "http:"}
        or objects & {"*", "https:", "data:"}
    ):
        return -20
    if "'unsafe-eval'" in scripts:
        return -10
    if (scripts | styles) & UNSAFE_SOURCES:
        return 0
    closed = default == {"'none'"} and base == {"'none'"} and "form-action" in policy
    return 10 if closed else 5


def _cookies(lines: Sequence[str]) -> int:
    """Secure, HttpOnly and SameSite on every cookie; a session cookie without Secure is the worst."""
    morsels = [morsel for line in lines for morsel in SimpleCookie(line).values()]
    if not morsels:
        return 0
    if any("session" in morsel.key and not morsel["secure"] for morsel in morsels):
        return -40
    if any(not morsel["secure"] for morsel in morsels):
        return -20
    if any("session" in morsel.key and not morsel["httponly"] for morsel in morsels):
        return -30
    return 5 if all(morsel["httponly"] and morsel["samesite"] for morsel in morsels) else 0


def _referrer(policy: str | None) -> int:
    if policy is None:
        return 0
    return 5 if set(policy.replace(" ", "").split(",")) <= PRIVATE_REFERRER else -5


def _hsts(header: str | None) -> int:
    """Nothing is given for being on the browsers' own list: that is the owner's choice."""
    if header is None:
        return -20
    values = dict(part.strip().partition("=")[::2] for part in header.lower().split(";"))
    return 0 if int(values.get("max-age") or 0) >= HALF_A_YEAR else -10


def _framing(policy: Mapping[str, set[str]], header: str) -> int:
    ancestors = policy.get("frame-ancestors")
    if ancestors is not None:
        return 5 if ancestors <= {"'none'", "'self'"} else 0
    return 5 if header.upper() in {"DENY", "SAMEORIGIN"} else -20


def _scripts(page: Page) -> int:
    found = Scripts()
    found.feed(page.text)
    hosts = {urlsplit(source).hostname for source in found.sources} - {None, page.host}
    return -50 if hosts else 0


class Scripts(HTMLParser):
    """Where the scripts of a page come from, what a strict policy would stop because it is written in the page itself,
    what comes from elsewhere, and where it leads to the admin."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.inline: list[str] = []
        self.foreign: list[str] = []
        self.admin: list[str] = []
        self.open = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        if tag == "script" and named.get("src"):
            self.sources.append(named["src"] or "")
        elif tag == "style" or (tag == "script" and named.get("type") not in {"application/json", "importmap"}):
            self.open = tag
        address = named.get("src") or (named.get("href") if tag == "link" else None)
        if address and urlsplit(address).hostname:
            self.foreign.append(address)
        if tag == "a" and (named.get("href") or "").startswith("/admin"):
            self.admin.append(named["href"] or "")
        self.inline += [f"{tag} {name}" for name in named if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.inline.append(self.open)

    def handle_endtag(self, tag: str) -> None:
        if tag == self.open:
            self.open = ""
