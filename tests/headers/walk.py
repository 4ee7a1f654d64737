"""Asks the site, as its https configuration makes it, for every page; prints a line of JSON for each answer.

``python -m tests.headers.walk`` in a process of its own, because cookies' names and secure headers follow from
``SITE_URL`` when settings are read. Needs a GALLERY_DATA_DIR of its own.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from galleries.models import Gallery, Image
    from gallery_site.accounts.models import User

HOST = "photos.example.org"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery_site.settings")
    django.setup()

    from django.conf import settings
    from django.core.management import call_command
    from django.test.utils import override_settings

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=["ninja/redoc*", "django_htmx/ext/*"])
    with override_settings(ROOT_URLCONF="tests.headers.urls", GALLERY_MIN_FREE_SHARE=0, GALLERY_MIN_FREE_BYTES=0):
        assert settings.SESSION_COOKIE_SECURE
        for line in answers():
            sys.stdout.write(json.dumps(line) + "\n")


def answers() -> Iterator[dict[str, object]]:
    """Every route by GET (and some by POST), asked by a stranger, the owner and somebody of the staff."""
    from django.test import Client

    from tests.headers.urls import FAILURES

    people, gallery, image = make_world()
    routes = [*addresses(gallery, image), *(f"/fail/{how}/" for how in FAILURES), "/nothing/here/"]
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
    """An answer as a line of JSON holds it."""
    return {
        "name": f"{what} as {who}: {response.status_code}",
        "status": response.status_code,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "cookies": [morsel.OutputString() for morsel in response.cookies.values()],
        "text": "" if response.streaming else response.content.decode(errors="replace"),
    }


def make_world() -> tuple[dict[str, User | None], Gallery, Image]:
    """The people who ask, and what there is to see."""
    from django.utils import timezone

    from galleries.galleries import create_gallery
    from gallery_site.accounts.models import User
    from tests.pictures import store_image

    alice = User.objects.create_user("alice", "alice@example.org", "correct horse battery")
    staff = User.objects.create_superuser("sam", "sam@example.org", "correct horse battery")
    gallery = create_gallery(alice, title="Summer", retention="7d", now=timezone.now())
    return {"nobody": None, "alice": alice, "staff": staff}, gallery, store_image(gallery)


def addresses(gallery: Gallery, image: Image) -> Iterator[str]:
    """Every route with something in the place of what varies."""
    from tests.test_access_walk import all_routes

    known = {"gallery_id": gallery.hex, "image_id": image.hex, "object_id": "1", "pk": "1", "how": "500"}
    for route in sorted(set(all_routes())):
        yield "/" + fill(route, known)


def fill(route: str, known: dict[str, str]) -> str:
    """A route with ``known`` or an x in the place of each of its parts, regular expressions too."""
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda part: known.get(part[1], "x"), route)
    route = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: known.get(part[1], "x"), route)
    return route.replace("^", "").replace("$", "").replace("\\", "")


if __name__ == "__main__":
    main()
