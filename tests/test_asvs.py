"""docs/asvs.md answers every requirement of OWASP ASVS 5.0 level 1; and the tests that only it asks for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from galleries.models import Gallery
from galleries.passes import Addresses
from gallery_site.accounts.models import User
from tests.accounts.people import sign_in
from tests.live import ROOT
from tests.peers.named_tests import is_test
from tests.peers.test_peers import nodes
from tests.pictures import store_image

# The ids of level 1 in version 5.0.0 (May 2025).
LEVEL_1 = {
    "1.2.1", "1.2.2", "1.2.3", "1.2.4", "1.2.5", "1.3.1", "1.3.2", "1.5.1", "2.1.1", "2.2.1", "2.2.2", "2.3.1",
    "3.2.1", "3.2.2", "3.3.1", "3.4.1", "3.4.2", "3.5.1", "3.5.2", "3.5.3", "4.1.1", "4.4.1", "5.2.1", "5.2.2",
    "5.3.1", "5.3.2", "6.1.1", "6.2.1", "6.2.2", "6.2.3", "6.2.4", "6.2.5", "6.2.6", "6.2.7", "6.2.8", "6.3.1",
    "6.3.2", "6.4.1", "6.4.2", "7.2.1", "7.2.2", "7.2.3", "7.2.4", "7.4.1", "7.4.2", "8.1.1", "8.2.1", "8.2.2",
    "8.3.1", "9.1.1", "9.1.2", "9.1.3", "9.2.1", "10.4.1", "10.4.2", "10.4.3", "10.4.4", "10.4.5", "11.3.1", "11.3.2",
    "11.4.1", "12.1.1", "12.2.1", "12.2.2", "13.4.1", "14.2.1", "14.3.1", "15.1.1", "15.2.1", "15.3.1",
}  # fmt: skip
LINE = re.compile(r"^\| V(?P<id>[\d.]+) \| (?P<meaning>[^|]+) \| (?P<answer>[^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[^`]+)`")


def gaps(page: str) -> Iterator[str]:
    """What is wrong with the page: ids missing or twice, lines without an answer, tests that are not there."""
    lines = [match.groupdict() for match in LINE.finditer(page)]
    ids = [line["id"] for line in lines]
    yield from (f"{missing} is missing" for missing in sorted(LEVEL_1 - set(ids)))
    yield from (
        f"{one} is not of level 1, or stands there twice" for one in ids if one not in LEVEL_1 or ids.count(one) > 1
    )
    for line in lines:
        answer, named = line["answer"], TEST.findall(line["answer"])
        yield from (f"{line['id']} names {node}" for node in named if not is_test(node))
        if not (answer.startswith("test ") and named) and not re.match(
            r"(not applicable|accepted)[^:]*: .{10,}", answer
        ):
            yield f"{line['id']} has neither test nor reason"


def test_every_requirement_is_answered() -> None:
    assert list(gaps((ROOT / "docs" / "asvs.md").read_text())) == []
    assert len(LEVEL_1) == 70


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("| V1.2.4 |", "| V1.2.9 |"),
        ("`tests/test_asvs.py::test_the_site_parses_no_xml`", "`tests/test_asvs.py::test_that_is_not_there`"),
        ("not applicable: there are none", "later"),
        ("| V4.4.1 | WebSockets", "| V4.4 | WebSockets"),
    ],
)
def test_gaps_are_found(before: str, after: str) -> None:
    page = (ROOT / "docs" / "asvs.md").read_text()
    assert before in page
    assert list(gaps(page.replace(before, after)))


# --- V1: encoding -----------------------------------------------------------------------------------------------------


def test_sql_is_never_put_together_from_values() -> None:
    """``execute`` gets a constant, a compiled statement, or the two settings of the limiter (numbers of its own)."""
    found = {
        f"{path.relative_to(ROOT)}: {ast.unparse(node.args[0])}"
        for path, node in nodes(ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr in {"execute", "executemany", "raw", "extra"}
        if node.args and isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
    }
    assert found == set()


def test_the_site_starts_no_shell_and_evaluates_nothing() -> None:
    """The only program it starts is its own decoder, by a fixed command line."""
    called = {
        (str(path.relative_to(ROOT)), ast.unparse(node.func))
        for path, node in nodes(ast.Call)
        if re.fullmatch(
            r"eval|exec|compile|__import__|os\.(system|popen|exec\w*|spawn\w*)|subprocess\.\w+|pickle\.\w+|marshal\.\w+",
            ast.unparse(node.func),
        )
    }
    served = {(path, name) for path, name in called if not path.startswith(("gallery_site/runner/", "galleries/cli/"))}
    assert served <= {("galleries/decoding/client.py", "subprocess.Popen")}
    assert not any(
        isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        for _, node in nodes(ast.Call)
        for keyword in node.keywords
        if keyword.arg == "shell"
    )


def test_the_site_parses_no_xml() -> None:
    imported = {
        (str(path.relative_to(ROOT)), name)
        for path, node in nodes(ast.Import, ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
        if re.match(r"(xml|lxml|defusedxml)(\.|$)", name)
    }
    assert {path for path, _ in imported} <= {"gallery_site/runner/testing.py"}  # reads what pytest has just written


def test_scripts_write_no_markup_from_text() -> None:
    forbidden = re.compile(r"\.(?:inner|outer)HTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function")
    scripts = sorted((ROOT / "static" / "js").rglob("*.js"))
    assert scripts
    assert [path.name for path in scripts if forbidden.search(path.read_text())] == []


# --- V3, V4, V12, V13: answers ----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_media_have_the_transport_header_too(gallery: Gallery, settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 63_072_000, True
    address = Addresses(gallery, timezone.now(), None).rendition(store_image(gallery), "thumbnail")
    answer = Client().get(address, secure=True)
    assert b"".join(answer)
    assert answer["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


@pytest.mark.django_db
def test_content_types_name_their_charset(alice_client: Client, gallery: Gallery) -> None:
    for address in ("/", gallery.get_absolute_url(), "/accounts/", "/nothing/", "/media/x", "/api/v1/docs"):
        kind = alice_client.get(address)["Content-Type"]
        assert not kind.startswith("text/") or kind.endswith("charset=utf-8"), address
    assert alice_client.get("/api/v1/nothing")["Content-Type"] == "application/problem+json"  # JSON is UTF-8 (RFC 8259)


@pytest.mark.django_db
def test_https_sites_answer_nothing_over_http(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = client.get("/accounts/login/?next=/")
    assert (answer.status_code, answer["Location"]) == (301, "https://testserver/accounts/login/?next=/")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", [".git/config", ".git/HEAD", "manage.py", "gallery_site/settings.py", "var/secret-key"]
)
@pytest.mark.parametrize("under", ["/", "/static/", "/static/../", "/static/%2e%2e/", "/media/../", "/media/%2e%2e/"])
def test_no_file_of_the_project_is_served(under: str, name: str, client: Client) -> None:
    assert client.get(under + name).status_code == 404


# --- V6, V7: accounts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["q1w2e3r4t5y6", "1qaz2wsx3edc", "startfinding", "qwerty123456"])
def test_common_passwords_are_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password)


@pytest.mark.parametrize(
    "password", ["wordswordsandwords", "    spaces are fine    ", "ÄÖÜ äöü ßéè 日本語 👩‍👩‍👧", "HOUSEBOATSINWINTER"]
)
def test_a_password_may_be_of_one_kind_of_characters(password: str) -> None:
    validate_password(password)


@pytest.mark.django_db
def test_a_password_is_taken_to_its_last_character(client: Client, alice: User) -> None:
    password = "  Long and with Spaces " + "x" * 100 + "! "
    alice.set_password(password)
    alice.save()
    for wrong in (password.strip(), password.lower(), password[:-1], password + " ", password[:72]):
        assert sign_in(Client(REMOTE_ADDR=f"203.0.113.{len(wrong)}"), password=wrong) == 200
    assert sign_in(client, password=password) == 302


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/accounts/login/", "/accounts/signup/"])
def test_password_managers_know_every_field(client: Client, address: str) -> None:
    page = client.get(address).content.decode()
    fields = re.findall(r"<input[^>]*type=\"password\"[^>]*>", page)
    assert fields
    assert all(re.search(r'autocomplete="(?:current|new)-password"', field) for field in fields)
    assert "onpaste" not in page
    assert not [
        path
        for path in (ROOT / "static" / "js").rglob("*.js")
        if '"paste"' in path.read_text() and path.name == "password.js"
    ]


@pytest.mark.django_db
def test_a_new_site_has_no_accounts() -> None:
    assert User.objects.count() == 0


@pytest.mark.django_db
def test_no_form_asks_for_a_hint(client: Client) -> None:
    for name in ("account_signup", "account_login", "account_reset_password"):
        page = client.get(reverse(name)).content.decode().lower()
        assert "hint" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
        assert "question" not in page


@pytest.mark.django_db
def test_session_keys_are_long_and_random(alice: User) -> None:
    keys = set()
    for _ in range(20):
        client = Client()
        client.force_login(alice)
        keys.add(client.session.session_key)
    assert len(keys) == 20
    assert all(key and len(key) == 32 and re.fullmatch(r"[0-9a-z]+", key) for key in keys)  # 36 ** 32: 165 bits


# --- V11, V15 ---------------------------------------------------------------------------------------------------------


def test_weak_hashes_are_not_used() -> None:
    """Apart from what other services' formats ask for: CloudFront's signatures, S3's checksums (not for security)."""
    used = {
        str(path.relative_to(ROOT))
        for path, node in nodes(ast.Attribute)
        if node.attr.lower() in {"md5", "sha1"} and "hash" in ast.unparse(node.value)
    }
    assert used <= {"galleries/cloudfront.py", "galleries/bucket.py"}


def test_update_times_are_written_down() -> None:
    text = Path(ROOT / "SECURITY.md").read_text()
    assert re.search(r"renewed within.*?\d+ days", text, re.DOTALL)
    assert "run.py lock --upgrade" in text
