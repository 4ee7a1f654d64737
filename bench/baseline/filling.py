"""Fills the plain site; runs inside its Django."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from bench.baseline.models import Picture

ALBUMS = 100


def fill(album: int, count: int) -> str:
    """The tables, with ``count`` pictures in ``album`` and as many in others; the session of a person who signed
    in."""
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Picture)
    Picture.objects.bulk_create(_picture(album if n < count else album + 1 + n % ALBUMS, n) for n in range(2 * count))
    client = Client()
    client.force_login(User.objects.create_user("alice"))  # type: ignore[arg-type]  # this site has Django's own user
    return str(client.session.session_key)


def _picture(album: int, number: int) -> Picture:
    upright = number % 3 == 0
    return Picture(
        album=album,
        title=f"DSC_{number:06d}.jpg",
        taken_at=timezone.now() - timedelta(minutes=10) * number,
        width=3000 if upright else 4000,
        height=4000 if upright else 3000,
        name=secrets.token_hex(32),
    )
