"""Every page's headers, in the site's https configuration: 140 points at least, the admin's 100 (SAFETY 5.1)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gallery_site.middleware import UNLISTED
from tests.headers.observatory import Page, Scripts, score
from tests.headers.walk import HOST
from tests.live import ROOT

WANTED, WANTED_OF_ADMIN = 140, 100
SHARED = ("/media/", "/sw.js ", "/offline/ ")  # the same for everybody who may have it
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
GOOD = {
    "content-security-policy": STRICT,
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "credentialless",
}
COOKIE = "__Host-session=x; HttpOnly; Path=/; SameSite=Lax; Secure"


@dataclass(frozen=True)
class Walked:
    """One answer of the walk."""

    name: str
    status: int
    page: Page

    @property
    def is_html(self) -> bool:
        return self.page.headers.get("content-type", "").startswith("text/html")


def walk(data_dir: Path) -> list[Walked]:
    """Every answer of the walk."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "GALLERY_"))}
    own = {
        "GALLERY_DATA_DIR": str(data_dir),
        "SITE_URL": f"https://{HOST}",
        "DJANGO_SECRET_KEY": "of the walk alone, not of any site, and long enough for every check",
    }
    command = [sys.executable, "-m", "tests.headers.walk"]
    done = subprocess.run(command, env=kept | own, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [_read(json.loads(line)) for line in done.stdout.splitlines()]


def _read(line: dict[str, Any]) -> Walked:
    page = Page(line["headers"], line["cookies"], line["text"], HOST)
    return Walked(line["name"], line["status"], page)


@pytest.mark.slow
def test_every_page_keeps_every_rule(tmp_path: Path) -> None:
    """One walk, all rules: SAFETY 5.1, and rows 32 and 36 of its section 4."""
    walked = walk(tmp_path)
    require_every_kind(walked)
    assert {answer.name: broken for answer in walked if (broken := broken_rules(answer))} == {}


def require_every_kind(walked: list[Walked]) -> None:
    """Without pages there would be nothing to complain about."""
    seen = {answer.status for answer in walked if answer.is_html}
    assert {200, 400, 403, 404, 405, 413, 422, 429, 500, 503, 507} <= seen
    assert sum(answer.is_html for answer in walked) > 200
    assert any(answer.page.cookies for answer in walked)
    assert any("/admin/" in answer.name and answer.status == 200 for answer in walked)
    visitors = [answer for answer in walked if answer.is_html and " /s/" in answer.name]
    assert {200, 403, 410} <= {answer.status for answer in visitors}  # shown, locked or for looking only, ended
    assert all(any(f" /{place}/" in one.name and one.status == 200 for one in walked) for place in ("links", "ending"))


def broken_rules(answer: Walked) -> list[str]:
    """What is wrong with one answer; those to programs have no score, but the other rules hold for them too."""
    broken, headers = [], answer.page.headers
    if answer.is_html:
        reached, points = score(answer.page)
        if reached < (WANTED_OF_ADMIN if " /admin/" in answer.name else WANTED):
            broken.append(f"score {reached}: {points}")
        scripts = Scripts()
        scripts.feed(answer.page.text)
        broken += [f"the policy stops {inline}" for inline in scripts.inline]
        broken += [f"loads {address}" for address in scripts.foreign]  # row 36, too
        if " /admin/" not in answer.name and "as staff" not in answer.name and scripts.admin:
            broken.append("leads to the admin")  # row 39
    if headers.get("referrer-policy") != "same-origin":  # row 36, hypothesis #109: a secret address leaked by Referer
        broken.append("tells its address to others")
    if "access-control-allow-origin" in headers:
        broken.append("may be read by others")
    if "no-store" not in headers.get("cache-control", "") and not any(f" {place}" in answer.name for place in SHARED):
        broken.append("may be stored by a cache")  # row 32, Django CVE-2026-6907
    elif "no-store" not in headers.get("cache-control", "") and answer.page.cookies:
        broken.append("may be stored with a cookie")
    if any(f" {place}" in answer.name for place in UNLISTED) and "noindex" not in headers.get("x-robots-tag", ""):
        broken.append("may be indexed")
    broken += [f"cookie {cookie.partition('=')[0]}" for cookie in answer.page.cookies if not is_host_cookie(cookie)]
    return broken


def is_host_cookie(cookie: str) -> bool:
    """Bound to this host and to https, out of scripts' reach."""
    return cookie.startswith("__Host-") and all(f"; {word}" in cookie for word in ("Secure", "HttpOnly", "SameSite"))


def without(name: str) -> Page:
    return Page({key: value for key, value in GOOD.items() if key != name}, [COOKIE], "", HOST)


def test_score_of_a_good_page() -> None:
    assert score(Page(GOOD, [COOKIE], "<script src=/static/a.js></script>", HOST))[0] == 155
    assert score(Page(GOOD, [], "", HOST))[0] == 150


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("content-security-policy", 75),
        ("referrer-policy", 150),
        ("strict-transport-security", 80),
        ("x-content-type-options", 150),
        ("cross-origin-resource-policy", 145),
        ("cross-origin-opener-policy", 145),
        ("cross-origin-embedder-policy", 145),
    ],
)
def test_score_falls_without(name: str, reached: int) -> None:
    assert score(without(name))[0] == reached


@pytest.mark.parametrize(
    ("headers", "cookies", "text", "most"),
    [
        ({"content-security-policy": STRICT.replace("script-src 'self'", "script-src 'unsafe-inline'")}, [], "", 80),
        ({"content-security-policy": STRICT.replace("'none'", "'self'", 1)}, [], "", 145),
        ({"content-security-policy": STRICT.replace("style-src 'self'", "style-src 'unsafe-inline'")}, [], "", 140),
        ({"referrer-policy": "unsafe-url"}, [], "", 140),
        ({"strict-transport-security": "max-age=3600"}, [], "", 140),
        ({"access-control-allow-origin": "*"}, [], "", 50),
        ({}, ["session=x; HttpOnly; SameSite=Lax"], "", 60),
        ({}, ["__Host-csrf=x; Secure"], "", 150),
        ({}, [], "<script src=https://evil.example/x.js></script>", 50),
    ],
)
def test_score_falls_with(headers: dict[str, str], cookies: list[str], text: str, most: int) -> None:
    assert score(Page(GOOD | headers, cookies, text, HOST))[0] <= most


def test_inline_code_is_found() -> None:
    scripts = Scripts()
    scripts.feed("<p style='x' onclick='y'>a</p><style>b</style><script>c</script><script type=module src=/d></script>")
    assert scripts.inline == ["p style", "p onclick", "style", "script"]
    assert scripts.sources == ["/d"]
