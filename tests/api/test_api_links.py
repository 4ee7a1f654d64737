"""Links through the API: the same forms and verbs as the pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from galleries.api.conditions import require_match
from galleries.api.links import _require_right
from galleries.galleries import create_gallery
from galleries.links import MOST_OPEN, create_link
from galleries.models import Gallery, Image, Link
from galleries.models.links import DEFAULT_LIFE
from gallery_site.accounts.models import User
from tests.api.program import NOBODY, Program, is_problem, moment, program_of

FIELDS = {
    "id", "gallery_id", "name", "kind", "address", "created_at", "ends_at", "closes_at", "is_on", "has_passcode",
    "max_downloads", "downloads", "opens",
}  # fmt: skip


def path(gallery: Gallery) -> str:
    return f"/galleries/{gallery.hex}/links"


def make(gallery: Gallery, **wishes: Any) -> Link:
    now = timezone.now()
    usual: dict[str, Any] = {"kind": "look", "ends_at": now + timedelta(days=3)}
    return create_link(gallery, now=now, **usual | wishes)


def test_a_link_is_made_and_opens_the_gallery(program: Program, gallery: Gallery, image: Image) -> None:
    response = program.post(path(gallery), {"name": " Family ", "max_downloads": 5})
    body = response.json()
    assert response.status_code == 201
    assert set(body) == FIELDS
    assert (body["name"], body["kind"], body["is_on"], body["has_passcode"]) == ("Family", "download", True, False)
    assert (body["max_downloads"], body["downloads"], body["opens"]) == (5, 0, 0)
    assert abs(moment(body["ends_at"]) - timezone.now() - DEFAULT_LIFE) < timedelta(minutes=1)
    assert image.expires_at is not None
    assert moment(body["closes_at"]) == image.expires_at  # never beyond the gallery's life
    assert body["address"].startswith(f"{settings.SITE_URL}/s/")
    assert Client().get(body["address"].removeprefix(settings.SITE_URL)).status_code == 200
    there = program.client.get(response["Location"], headers=program.headers).json()
    assert there | {"opens": 0} == body


def test_what_is_asked_for_is_what_is_made(program: Program, gallery: Gallery) -> None:
    ends_at = (timezone.now() + timedelta(days=2)).replace(microsecond=0)
    wishes = {"kind": "look", "passcode": "open sesame", "ends_at": ends_at.isoformat(), "max_downloads": None}
    body = program.post(path(gallery), wishes).json()
    assert (body["kind"], body["has_passcode"], moment(body["ends_at"])) == ("look", True, ends_at)
    link = Link.objects.get(id=body["id"])
    assert check_password("open sesame", link.passcode)
    assert "sesame" not in str(body)
    assert Client().get(link.path).status_code == 403  # locked


@pytest.mark.parametrize(
    ("change", "code", "fields"),
    [
        ({"kind": "upload"}, "invalid_request", ["kind"]),
        ({"kind": None}, "invalid_request", ["kind"]),
        ({"name": "x" * 81}, "invalid_request", ["name"]),
        ({"name": "\u0958" * 41}, "invalid_request", ["name"]),  # two characters each in NFC
        ({"name": 5}, "invalid_request", ["name"]),
        ({"passcode": "short"}, "invalid_request", ["passcode"]),
        ({"passcode": ""}, "invalid_request", ["passcode"]),
        ({"passcode": " " * 6}, "invalid_request", ["passcode"]),
        ({"passcode": "\u200b" * 6}, "invalid_request", ["passcode"]),
        ({"passcode": "x" * 129}, "invalid_request", ["passcode"]),
        ({"passcode": 123456}, "invalid_request", ["passcode"]),
        ({"max_downloads": 0}, "invalid_request", ["max_downloads"]),
        ({"max_downloads": -1}, "invalid_request", ["max_downloads"]),
        ({"max_downloads": 10**30}, "invalid_request", ["max_downloads"]),
        ({"max_downloads": "5"}, "invalid_request", ["max_downloads"]),
        ({"max_downloads": 1.5}, "invalid_request", ["max_downloads"]),
        ({"ends_at": "tomorrow"}, "invalid_request", ["ends_at"]),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "expiry_in_past", ["ends_at"]),
        ({"ends_at": "2200-01-01T00:00:00Z"}, "expiry_too_late", ["ends_at"]),
        ({"ends_at": "2200-01-01T00:00:00Z", "name": "x" * 81}, "invalid_request", ["name", "ends_at"]),
        ({"token": "x"}, "invalid_request", ["token"]),
        ({"gallery": NOBODY}, "invalid_request", ["gallery"]),
        ({"downloads": 0, "opens": 0}, "invalid_request", ["downloads", "opens"]),
    ],
)
def test_each_wrong_field_is_named(
    change: dict[str, Any], code: str, fields: list[str], program: Program, gallery: Gallery
) -> None:
    refused = program.post(path(gallery), change)
    assert refused.json()["code"] == code
    assert set(refused.json()["fields"]) == set(fields)
    assert not Link.objects.exists()
    link = make(gallery, name="Before")
    refused = program.patch(f"/links/{link.hex}", change)
    assert (refused.json()["code"], set(refused.json()["fields"])) == (code, set(fields))
    assert Link.objects.get().name == "Before"


def test_patch_changes_only_what_is_given(program: Program, gallery: Gallery) -> None:
    link = make(gallery, name="Family", passcode="open sesame", max_downloads=3)
    body = program.patch(f"/links/{link.hex}", {"kind": "download"}).json()
    assert (body["kind"], body["name"], body["has_passcode"], body["max_downloads"]) == ("download", "Family", True, 3)
    assert moment(body["ends_at"]) == link.ends_at
    body = program.patch(f"/links/{link.hex}", {"passcode": None, "max_downloads": None, "name": ""}).json()
    assert (body["has_passcode"], body["max_downloads"], body["name"]) == (False, None, "")
    assert program.patch(f"/links/{link.hex}", {"passcode": "another one"}).json()["has_passcode"]
    assert program.patch(f"/links/{link.hex}", {}).status_code == 200


def meanwhile(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Somebody carries out ``change`` after the link was read and before ours is written."""

    def check_then_lose(*arguments: Any) -> None:
        _require_right(*arguments)
        change()

    monkeypatch.setattr("galleries.api.links._require_right", check_then_lose)


@pytest.mark.parametrize("given", [{"name": "Mine"}, {"is_on": True, "max_downloads": 9}, {"passcode": "open sesame"}])
def test_a_change_takes_nothing_of_anothers_back(
    given: dict[str, Any], program: Program, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = make(gallery, name="Before", kind="download", max_downloads=3)
    theirs = {"kind": "look", "ends_at": timezone.now() + timedelta(hours=1)}
    meanwhile(monkeypatch, lambda: Link.objects.filter(id=link.id).update(**theirs))
    assert program.patch(f"/links/{link.hex}", given).status_code == 200
    after = Link.objects.get()
    assert (after.kind, after.ends_at) == (theirs["kind"], theirs["ends_at"])
    assert (after.name, after.max_downloads) == (given.get("name", "Before"), given.get("max_downloads", 3))


def test_a_link_that_was_deleted_meanwhile_is_not_there(
    program: Program, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = make(gallery)
    meanwhile(monkeypatch, lambda: Link.objects.all().delete())
    assert is_problem(program.patch(f"/links/{link.hex}", {"name": "Mine"}), "not_found")


def test_a_refused_change_is_not_made_in_part(program: Program, gallery: Gallery) -> None:
    link = make(gallery, name="Before")
    program.patch(f"/links/{link.hex}", {"is_on": False})
    for _ in range(MOST_OPEN):
        make(gallery)
    assert is_problem(program.patch(f"/links/{link.hex}", {"name": "After", "is_on": True}), "too_many_links")
    assert Link.objects.get(id=link.id).name == "Before"


def test_a_link_is_changed_only_as_it_was_seen(program: Program, gallery: Gallery) -> None:
    link = make(gallery)
    path = f"/links/{link.hex}"
    tag = program.get(path)["ETag"]
    Link.objects.update(opens=5, downloads=2)  # what visitors do is no change of the link
    changed = program.patch(path, {"name": "A"}, headers={"If-Match": tag})
    assert (changed.status_code, changed["ETag"]) == (200, program.get(path)["ETag"])
    for stale in (tag, '"x"'):
        assert is_problem(program.patch(path, {"name": "B"}, headers={"If-Match": stale}), "precondition_failed")
        assert is_problem(program.patch(path, {}, headers={"If-Match": stale}), "precondition_failed")
        assert is_problem(program.delete(path, headers={"If-Match": stale}), "precondition_failed")
    assert Link.objects.get().name == "A"
    assert program.delete(path, headers={"If-Match": changed["ETag"]}).status_code == 204


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("theirs", [{"kind": "download"}, {"is_on": False}, {"passcode_version": 4}, None])
def test_of_two_changes_of_a_link_at_once_the_second_is_refused(
    theirs: dict[str, Any] | None, method: str, program: Program, gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``theirs`` None: they delete it."""
    link = make(gallery, name="Before")
    tag = program.get(f"/links/{link.hex}")["ETag"]

    def check_then_lose(*arguments: Any) -> bool:
        held = require_match(*arguments)
        links = Link.objects.filter(id=link.id)
        _ = links.delete() if theirs is None else links.update(**theirs)
        return held

    monkeypatch.setattr("galleries.api.links.require_match", check_then_lose)
    answer = program.send(method, f"/links/{link.hex}", {"name": "Mine"}, headers={"If-Match": tag})
    assert is_problem(answer, "not_found" if theirs is None else "precondition_failed")
    assert list(Link.objects.values_list("name", flat=True)) == ([] if theirs is None else ["Before"])


def test_a_link_that_is_off_opens_nothing_until_it_is_on(program: Program, gallery: Gallery, image: Image) -> None:
    link = make(gallery)
    assert program.patch(f"/links/{link.hex}", {"is_on": False}).json()["is_on"] is False
    assert Client().get(link.path).status_code == 410
    assert program.patch(f"/links/{link.hex}", {"is_on": True}).json()["is_on"] is True
    assert Client().get(link.path).status_code == 200
    for wrong in (None, "no", 0):
        assert is_problem(program.patch(f"/links/{link.hex}", {"is_on": wrong}), "invalid_request", "is_on")


def test_delete_forgets_it(program: Program, gallery: Gallery) -> None:
    link = make(gallery)
    assert program.delete(f"/links/{link.hex}").status_code == 204
    assert is_problem(program.delete(f"/links/{link.hex}"), "not_found")
    assert Client().get(link.path).status_code == 404


def test_there_is_an_end_to_how_many(program: Program, gallery: Gallery) -> None:
    link = make(gallery)
    program.patch(f"/links/{link.hex}", {"is_on": False})
    for _ in range(MOST_OPEN):
        make(gallery)
    assert is_problem(program.post(path(gallery), {}), "too_many_links")
    assert is_problem(program.patch(f"/links/{link.hex}", {"is_on": True}), "too_many_links")


def test_lists_page_newest_first(program: Program, gallery: Gallery) -> None:
    ids = sorted((make(gallery).hex for _ in range(5)), reverse=True)
    seen, cursor = [], ""
    while True:
        body = program.get(f"{path(gallery)}?limit=2&cursor={cursor}").json()
        seen += [item["id"] for item in body["items"]]
        if not body["next"]:
            break
        cursor = body["next"]
    assert seen == ids
    assert is_problem(program.get(f"{path(gallery)}?cursor={ids[0]}"), "invalid_request", "cursor")


def test_a_list_of_twice_as_many_costs_the_same(program: Program, gallery: Gallery) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            program.get(path(gallery))
        return len(queries)

    make(gallery)
    cost()
    one = cost()
    for _ in range(5):
        make(gallery)
    assert cost() == one


def test_links_of_others_are_not_there(program: Program, stranger: Program, alice: User, gallery: Gallery) -> None:
    link = make(gallery)
    other = create_gallery(alice, title="Other", retention="7d", now=timezone.now())
    for who in (stranger, program_of(alice, gallery=other)):
        for method, body in (("GET", None), ("PATCH", {"is_on": False}), ("DELETE", None)):
            assert is_problem(who.send(method, f"/links/{link.hex}", body), "not_found")
        assert is_problem(who.get(path(gallery)), "not_found")
        assert is_problem(who.post(path(gallery), {}), "not_found")
    assert Link.objects.get().is_on
