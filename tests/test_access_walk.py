"""Every route of the URLconf, asked by everybody. A route without a row here fails: whoever adds one says who may
open it.

This one function of access is what keeps the second endpoint as closed as the first (SAFETY section 1, finding 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.db.models import F
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from galleries.endings import EXTEND, find_ending, signed_address
from galleries.galleries import create_gallery
from galleries.links import create_link
from galleries.models import ApiToken, Gallery, Image, Link, Report
from galleries.models.throttle import Throttle
from galleries.passes import Addresses
from gallery_site.accounts.models import User
from tests.pictures import store_image

OPEN = "open"  # the same for everybody: 200 or a redirect, nothing personal in it
PERSON = "person"  # a stranger signs in first; a person sees their own
OWNER = "owner"  # the owner; 404 for everybody else who is signed in
TOKEN = "token"  # a bearer token alone; no session counts
TOKEN_OWNER = "token owner"  # ... of the owner
PASS = "pass"  # whoever holds the pass
SIGNED = "signed"  # whoever holds the signature of a mailed link; it only asks
GUEST = "guest"  # whoever holds the link, within its rights
SERVER = "server"  # the server in front alone, where there is one


@dataclass(frozen=True)
class Row:
    """Who may use a route, and how it is asked."""

    who: str
    method: str = "get"
    status: int = 200
    body: dict[str, object] | None = None  # JSON


ROWS: dict[str, Row] = {
    "": Row(OPEN),
    "healthz": Row(OPEN),
    "readyz": Row(OPEN),
    "sw.js": Row(OPEN),
    "offline/": Row(OPEN),
    "share/": Row(PERSON),
    "deleted/": Row(PERSON),
    "receipts/": Row(PERSON),
    "g/new/": Row(PERSON),
    "g/<hex:gallery_id>/": Row(OWNER),
    "g/<hex:gallery_id>/edit/": Row(OWNER),
    "g/<hex:gallery_id>/delete/": Row(OWNER, "post", 302),
    "g/<hex:gallery_id>/restore/": Row(OWNER, "post", 404),  # not removed: nothing to restore
    "g/<hex:gallery_id>/pass/": Row(OWNER),
    "g/<hex:gallery_id>/zip/": Row(OWNER),
    "g/<hex:gallery_id>/bin/": Row(OWNER),
    "g/<hex:gallery_id>/bin/<hex:image_id>/": Row(OWNER, status=404),  # not deleted
    "g/<hex:gallery_id>/upload/": Row(OWNER, "post", 302),
    "g/<hex:gallery_id>/check/": Row(OWNER, "post", 400),  # no JSON: nothing was asked
    "g/<hex:gallery_id>/images/": Row(OWNER, "post", 302),  # nothing selected: back, with a sentence
    "g/<hex:gallery_id>/i/<hex:image_id>/": Row(OWNER),
    "g/<hex:gallery_id>/i/<hex:image_id>/original/": Row(OWNER, status=302),
    "g/<hex:gallery_id>/links/": Row(OWNER),
    "g/<hex:gallery_id>/ending/": Row(OWNER, "post", 302),
    "ending/<str:signed>/": Row(SIGNED),
    "links/": Row(PERSON),
    "links/<hex:link_id>/": Row(OWNER),
    "links/<hex:link_id>/switch/": Row(OWNER, "post", 302),
    "links/<hex:link_id>/delete/": Row(OWNER, "post", 302),
    "links/<hex:link_id>/qr.svg": Row(OWNER),
    "links/<hex:link_id>/card/": Row(OWNER),
    "s/<link:token>/": Row(GUEST),
    "s/<link:token>/unlock/": Row(GUEST, "post", 302),
    "s/<link:token>/pass/": Row(GUEST),
    "s/<link:token>/left/": Row(GUEST),
    "s/<link:token>/zip/": Row(GUEST),
    "s/<link:token>/report/": Row(GUEST),
    "s/<link:token>/i/<hex:image_id>/": Row(GUEST),
    "s/<link:token>/i/<hex:image_id>/original/": Row(GUEST),
    "media-admission/": Row(SERVER, status=404),
    "media/<path:rest>": Row(PASS),
    "api/v1/openapi.json": Row(OPEN),
    "api/v1/docs": Row(OPEN),
    "api/v1/galleries": Row(TOKEN),
    "api/v1/galleries/<hex:gallery_id>": Row(TOKEN_OWNER),
    "api/v1/galleries/<hex:gallery_id>/zip": Row(TOKEN_OWNER),
    "api/v1/galleries/<hex:gallery_id>/images": Row(TOKEN_OWNER),
    "api/v1/galleries/<hex:gallery_id>/images/check": Row(TOKEN_OWNER, "post", body={"hashes": []}),
    "api/v1/galleries/<hex:gallery_id>/links": Row(TOKEN_OWNER),
    "api/v1/links/<hex:link_id>": Row(TOKEN_OWNER),
    "api/v1/images/bulk": Row(TOKEN, "post", body={"action": "restore", "ids": ["0" * 32]}),
    "api/v1/me": Row(TOKEN),
    "api/v1/receipts": Row(TOKEN),
    "api/v1/images/<hex:image_id>": Row(TOKEN_OWNER),
    "api/v1/images/<hex:image_id>/restore": Row(TOKEN_OWNER, "post"),
    "api/v1/images/<hex:image_id>/original": Row(TOKEN_OWNER, status=302),
}
ANYBODY = {OPEN: 200, PASS: 200, SIGNED: 200, SERVER: 404}
TAKING = {"s/<link:token>/zip/", "s/<link:token>/i/<hex:image_id>/original/"}  # what a look-only link refuses
# Whole families that are not ours, each with its rule.
ACCOUNTS = "accounts/"
ADMIN = "admin/"
UNKNOWN_API = ("api/", "api/v1/", "api/<path:rest>")


def all_routes() -> Iterator[str]:
    """Every pattern of the URLconf, written out."""

    def walk(resolver: URLResolver, prefix: str) -> Iterator[str]:
        for entry in resolver.url_patterns:
            where = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                yield from walk(entry, where)
            else:
                yield where

    return walk(get_resolver(), "")


@dataclass(frozen=True)
class World:
    """What the routes are asked about."""

    gallery: Gallery
    image: Image
    media: str
    link: Link
    signed: str = ""

    def address(self, route: str) -> str:
        route = route.replace("<link:token>", self.link.token).replace("<hex:link_id>", self.link.hex)
        route = route.replace("<str:signed>", self.signed)
        route = route.replace("<hex:gallery_id>", self.gallery.hex).replace("<hex:image_id>", self.image.hex)
        route = route.replace("<hex:link_id>", self.link.hex)
        return self.media if route == "media/<path:rest>" else f"/{route}"


@pytest.fixture
def world(gallery: Gallery) -> World:
    image = store_image(gallery)
    address = Addresses(gallery, timezone.now(), image.expires_at).rendition(image, "thumbnail")
    now = timezone.now()
    link = create_link(gallery, kind="download", ends_at=now + timedelta(days=1), now=now)
    return World(gallery, image, address, link, signed_answer(gallery, now))


def signed_answer(gallery: Gallery, now: datetime) -> str:
    """A mailed answer to the notice that this gallery (of two days and more) ends soon."""
    Gallery.objects.update(created_at=now - timedelta(days=7))
    Image.objects.update(expires_at=now + timedelta(hours=40))
    ending = find_ending(Gallery.objects.measured(now).get(id=gallery.id), now)
    assert ending is not None
    return signed_address(ending, EXTEND).split("/")[-2]


def ask(client: Client, world: World, route: str, **headers: str) -> int:
    """The status of the answer; a stream is read to its end so that nothing stays open."""
    row = ROWS[route]
    how = {} if row.body is None else {"data": row.body, "content_type": "application/json"}
    response = getattr(client, row.method)(world.address(route), headers=headers, **how)
    if response.streaming:
        list(response)
    return int(response.status_code)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_every_route_has_a_row() -> None:
    known = set(ROWS) | set(UNKNOWN_API)
    ours = {route for route in all_routes() if not route.startswith((ACCOUNTS, ADMIN))}
    assert ours - known == set(), "say who may open this route: add it to ROWS"
    assert set(ROWS) <= ours, "this route is gone: take its row out"


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(ROWS))
def test_owner_may_what_the_row_says(route: str, world: World, alice: User) -> None:
    row = ROWS[route]
    if row.who in {TOKEN, TOKEN_OWNER}:
        token = ApiToken.issue(alice, "walk", now=timezone.now())[1]
        status = ask(Client(), world, route, authorization=f"Bearer {token}")
        assert status == row.status
    else:
        assert ask(signed_in(alice), world, route) == row.status


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(ROWS))
def test_anonymous_learns_nothing(route: str, world: World) -> None:
    status = ask(Client(), world, route)
    row = ROWS[route]
    expected = {
        **ANYBODY,
        GUEST: row.status,
        PERSON: 302,
        OWNER: 302,
        TOKEN: 401,
        TOKEN_OWNER: 401,
    }
    assert status == expected[row.who]


@pytest.mark.django_db
@pytest.mark.parametrize("staff", [False, True], ids=["stranger", "staff"])
@pytest.mark.parametrize("route", sorted(ROWS))
def test_other_people_find_nothing(route: str, staff: bool, world: World, charlie: User) -> None:
    charlie.is_staff = charlie.is_superuser = staff
    charlie.save()
    as_guest = ROWS[route].status
    expected = {
        **ANYBODY,
        GUEST: as_guest,
        PERSON: 200,
        OWNER: 404,
        TOKEN: 401,
        TOKEN_OWNER: 401,
    }
    assert ask(signed_in(charlie), world, route) == expected[ROWS[route].who]
    if ROWS[route].who == TOKEN_OWNER:
        token = ApiToken.issue(charlie, "walk", now=timezone.now())[1]
        assert ask(Client(), world, route, authorization=f"Bearer {token}") == 404


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(ROWS))
def test_suspended_owner_is_nobody(route: str, world: World, alice: User) -> None:
    """Sessions, tokens and passes of a suspended account are dead at once (SAFETY 4a row 10)."""
    client = signed_in(alice)
    token = ApiToken.issue(alice, "walk", now=timezone.now())[1]
    alice.is_active = False
    alice.save()
    who = ROWS[route].who
    headers = {"authorization": f"Bearer {token}"} if who in {TOKEN, TOKEN_OWNER} else {}
    expected = {
        OPEN: 200,
        SERVER: 404,
        PASS: 404,
        SIGNED: 404,
        GUEST: 404,
        PERSON: 302,
        OWNER: 302,
        TOKEN: 401,
        TOKEN_OWNER: 401,
    }
    assert ask(client, world, route, **headers) == expected[who]


# Who comes with which link, and what each route of a link answers them; TAKING where it differs.
GUESTS: dict[str, tuple[dict[str, Any], int, int]] = {
    "looks": ({"kind": "look"}, 200, 403),
    "looks and downloads": ({}, 200, 200),
    "locked": ({"passcode": make_password("sea side 22")}, 403, 403),
    "ended": ({"ends_at": timezone.now() - timedelta(seconds=1)}, 410, 410),
    "revoked": ({"is_on": False}, 410, 410),
    "over its limit": ({"max_downloads": 3, "downloads": 3}, 200, 403),
}


@pytest.mark.django_db
@pytest.mark.parametrize("guest", GUESTS)
@pytest.mark.parametrize("route", sorted(route for route, row in ROWS.items() if row.who == GUEST))
def test_guest_may_what_the_link_allows(route: str, guest: str, world: World) -> None:
    changes, looking, taking = GUESTS[guest]
    Link.objects.filter(id=world.link.id).update(**changes)
    expected = taking if route in TAKING else looking
    if route.endswith("unlock/"):  # asked without a passcode
        expected = {"locked": 422, "ended": 410, "revoked": 410}.get(guest, 302)
    assert ask(Client(), world, route) == expected


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(route for route, row in ROWS.items() if row.who == GUEST and "image" in route))
def test_link_of_another_gallery_opens_nothing_of_this_one(route: str, world: World, alice: User) -> None:
    now = timezone.now()
    elsewhere = create_gallery(alice, title="Elsewhere", retention="7d", now=now)
    other = create_link(elsewhere, kind="download", ends_at=now + timedelta(days=1), now=now)
    assert ask(Client(), replace(world, link=other), route) == 404


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted({route for route in all_routes() if route.startswith(ADMIN)}))
def test_admin_is_closed_to_people(route: str, charlie: User) -> None:
    address = "/" + route.replace("<path:object_id>", "1").replace("<path:url>", "x").replace("(?P<url>.*)$", "x")
    for client in (Client(), signed_in(charlie)):
        assert client.get(address).status_code in {302, 403, 404}


@pytest.mark.django_db
@pytest.mark.parametrize("route", UNKNOWN_API)
def test_unknown_api_addresses_are_problems(route: str) -> None:
    response = Client().get("/" + route.replace("<path:rest>", "x/y"))
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted({route for route in all_routes() if route.startswith(ACCOUNTS)}))
def test_account_pages_never_fail_and_are_never_stored(route: str, alice: User) -> None:
    address = "/" + route.replace("<str:token>", "x").replace("<int:pk>", "1").replace("^", "").replace("$", "")
    address = address.replace("(?P<key>[-:\\w]+)", "x").replace("(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)", "x-y")
    for client in (Client(), signed_in(alice)):
        response = client.get(address)
        assert response.status_code < 500
        assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "route", sorted(route for route, row in ROWS.items() if row.method == "post" and row.who == OWNER)
)
def test_unsafe_routes_want_the_csrf_token(route: str, world: World, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert ask(client, world, route) == 403


# What a visitor's GET counts in the link, once; nothing else about anything changes, and who it was is not kept.
COUNTED = {
    "s/<link:token>/": "opens",
    "s/<link:token>/zip/": "downloads",
    "s/<link:token>/i/<hex:image_id>/original/": "downloads",
}


def every_row() -> list[list[tuple[object, ...]]]:
    """All that looking could change."""
    return [list(model.objects.order_by("pk").values_list()) for model in (Gallery, Image, Link, Report, Throttle)]


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(route for route, row in ROWS.items() if row.method == "get"))
def test_looking_changes_nothing(route: str, world: World, alice: User) -> None:
    before = every_row()
    ask(signed_in(alice), world, route)
    if COUNTED.get(route) == "downloads":
        Link.objects.update(downloads=F("downloads") - 1)
    assert every_row() == before


@pytest.mark.django_db
@pytest.mark.parametrize("route", sorted(route for route, row in ROWS.items() if row.who in {GUEST, SIGNED}))
def test_a_visitor_leaves_nothing_but_a_count(route: str, world: World) -> None:
    before = every_row()
    for method in ("head", "options"):
        list(getattr(Client(), method)(world.address(route)))
        assert every_row() == before
    list(Client().get(world.address(route)))
    counter = COUNTED.get(route)
    if counter:
        assert Link.objects.update(**{counter: F(counter) - 1}) == 1
    assert every_row() == before
