"""Asks the site, as its https configuration makes it, for every page; prints a line of JSON for each answer.

Every page of a link is asked for with a link of each kind: for looking, for downloading, locked, ended, used up.

``python -m tests.headers.walk`` in a process of its own, because cookies' names and secure headers follow from
``SITE_URL`` when settings are read. Needs a GALLERY_DATA_DIR of its own.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from galleries.models import Gallery, Image, Link
    from gallery_site.accounts.models import User

HOST = "photos.example.org"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery_site.settings")
    django.setup()

    from django.conf import settings
    from django.core.management import call_command
    from django.test.utils import override_settings

    from gallery_site.serve import NOT_COLLECTED

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=NOT_COLLECTED)
    with override_settings(ROOT_URLCONF="tests.headers.urls", GALLERY_MIN_FREE_SHARE=0, GALLERY_MIN_FREE_BYTES=0):
        assert settings.SESSION_COOKIE_SECURE
        for line in answers():
            sys.stdout.write(json.dumps(line) + "\n")


def answers() -> Iterator[dict[str, object]]:
    """Every route by GET (and some by POST), asked by a stranger, the owner and somebody of the staff."""
    from django.test import Client

    from tests.headers.urls import FAILURES

    people, world = make_world()
    routes = [*addresses(world), *(f"/fail/{how}/" for how in FAILURES), "/nothing/here/"]
    for who, user in people.items():
        client = Client(
            raise_request_exception=False, enforce_csrf_checks=True, SERVER_NAME=HOST, HTTP_ACCEPT="text/html"
        )
        if user is not None:
            client.force_login(user)
        for route in routes:
            response = client.get(route, secure=True)
            yield described(who, f"get {route}", response)
            if response.status_code == 405:
                yield described(who, f"post {route}", client.post(route, secure=True))
    forged = Client(raise_request_exception=False, SERVER_NAME="evil.example", HTTP_ACCEPT="text/html")
    yield described("nobody under a forged name", "get /", forged.get("/", secure=True))


def described(who: str, what: str, response: Any) -> dict[str, object]:
    """An answer as a line of JSON holds it; a stream is let go."""
    response.close()
    return {
        "name": f"{what} as {who}: {response.status_code}",
        "status": response.status_code,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "cookies": [morsel.OutputString() for morsel in response.cookies.values()],
        "text": "" if response.streaming else response.content.decode(errors="replace"),
    }


@dataclass(frozen=True)
class World:
    """What there is to see; ``links`` by what they are."""

    gallery: Gallery
    image: Image
    links: dict[str, Link]
    ending: str


def make_world() -> tuple[dict[str, User | None], World]:
    """The people who ask, and what there is to see."""
    from django.utils import timezone

    from galleries.galleries import create_gallery
    from gallery_site.accounts.models import User
    from tests.pictures import store_image
    from tests.test_access_walk import signed_answer

    alice = User.objects.create_user("alice", "alice@example.org", "correct horse battery")
    staff = User.objects.create_superuser("sam", "sam@example.org", "correct horse battery")
    now = timezone.now()
    gallery = create_gallery(alice, title="Summer", retention="7d", now=now)
    image = store_image(gallery)
    world = World(gallery, image, make_links(gallery, now), signed_answer(gallery, now))
    return {"nobody": None, "alice": alice, "staff": staff}, world


def make_links(gallery: Gallery, now: datetime) -> dict[str, Link]:
    from galleries.links import create_link

    day = now + timedelta(days=1)
    return {
        "look": create_link(gallery, kind="look", ends_at=day, now=now),
        "download": create_link(gallery, kind="download", ends_at=day, now=now),
        "locked": create_link(gallery, kind="download", ends_at=day, now=now, passcode="sea side 22"),
        "ended": create_link(gallery, kind="look", ends_at=now - timedelta(seconds=1), now=now),
        "used up": create_link(gallery, kind="download", ends_at=day, now=now, max_downloads=0),
    }


def addresses(world: World) -> Iterator[str]:
    """Every route with something in the place of what varies; a visitor's once for each kind of link."""
    from tests.test_access_walk import all_routes

    known = {
        "gallery_id": world.gallery.hex,
        "image_id": world.image.hex,
        "link_id": world.links["look"].hex,
        "signed": world.ending,
        "object_id": "1",
        "pk": "1",
        "how": "500",
    }
    for route in sorted(set(all_routes())):
        links = world.links.values() if route.startswith("s/") else [world.links["look"]]
        for link in links:
            yield "/" + fill(route, known | {"token": link.token})


def fill(route: str, known: dict[str, str]) -> str:
    """A route with ``known`` or an x in the place of each of its parts, regular expressions too."""
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda part: known.get(part[1], "x"), route)
    route = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: known.get(part[1], "x"), route)
    return route.replace("^", "").replace("$", "").replace("\\", "")


if __name__ == "__main__":
    main()
