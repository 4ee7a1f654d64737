"""What a measured site is filled with, written straight into its database. Runs inside its Django."""

from __future__ import annotations

import hashlib
import os
import secrets
import zlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import F, Field
from django.test import Client
from django.utils import timezone

from galleries.access import live_images
from galleries.galleries import create_gallery
from galleries.links import create_link
from galleries.models import Gallery, Image, State, Usage
from galleries.tiles import write_cursor
from gallery_site.accounts.models import User
from tests.live import PASSWORD

PLACEHOLDER = "data:image/webp;base64," + "UklGRl4AAABXRUJQVlA4IFIAAADQAQCdASoQAAwAAkA4JZQAAuVlAAD+" * 2
RENDITIONS = "preview.jpg 1600x1200 thumbnail.webp 400x300"
# What is given to each stored object of an image that is only swept: unlinking costs the same from here upwards.
OBJECT_BYTES = {"original": 100_000, "preview": 30_000, "thumbnail": 4_000}
BETWEEN = timedelta(minutes=10)  # two photos that were taken one after the other: some 60 to 144 a day


def add_person(name: str) -> None:
    """An account."""
    user = User.objects.create_user(name, f"{name}@example.org", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)


def add_people(names: list[str]) -> None:
    """Some accounts, without a usable password."""
    for name in names:
        User.objects.create_user(name, f"{name}@example.org")


def sign_in(person: str) -> str:
    """The key of a new session of that person."""
    client = Client()
    client.force_login(User.objects.get(username=person))
    return str(client.session.session_key)


def new_gallery(person: str, title: str = "Iceland 2026") -> str:
    """The id of a new, empty gallery."""
    owner = User.objects.get(username=person)
    return create_gallery(owner=owner, title=title, retention="7d", now=timezone.now()).hex


def new_link(gallery: str) -> str:
    """The path of a new link for looking and downloading."""
    now = timezone.now()
    shared = Gallery.objects.get(id=gallery)
    return create_link(shared, kind="download", ends_at=now + timedelta(days=7), now=now).path


def fill_gallery(person: str, count: int) -> dict[str, str]:
    """A gallery with ``count`` rows without objects, as after a long life; its id and the address of a deep page."""
    now = timezone.now()
    gallery = Gallery.objects.get(id=new_gallery(person))
    _insert_rows(gallery, count, now)
    _count(gallery, count, count * 3_000_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return {"gallery": gallery.hex, "deep": _deep_page(gallery, count, now)}


def add_due(person: str, count: int) -> dict[str, Any]:
    """A gallery whose ``count`` images are over since two hours, with their objects; ids and how many files there
    are."""
    now = timezone.now()
    gallery = Gallery.objects.get(id=new_gallery(person, "Over"))
    images = [
        _image(gallery, number, created_at=now - timedelta(days=2), expires_at=now - timedelta(hours=2))
        for number in range(count)
    ]
    files = _keep(gallery, images)
    return {"gallery": gallery.hex, "files": files}


def add_live(person: str, count: int) -> dict[str, Any]:
    """The same, alive."""
    now = timezone.now()
    gallery = Gallery.objects.get(id=new_gallery(person, "Alive"))
    images = [_image(gallery, n, created_at=now, expires_at=now + timedelta(days=7)) for n in range(count)]
    _keep(gallery, images)
    return {"gallery": gallery.hex, "ids": [image.hex for image in images]}


def add_originals(people: list[str], photo: str, count: int) -> dict[str, list[str]]:
    """For each person a gallery with ``count`` originals, all with the bytes of the file ``photo``; (gallery id,
    session) by name."""
    content = Path(photo).read_bytes()
    facts = {"bytes": len(content), "crc32": zlib.crc32(content), "stored_sha256": hashlib.sha256(content).hexdigest()}
    now = timezone.now()
    made = {}
    for person in people:
        gallery = Gallery.objects.get(id=new_gallery(person))
        images = [_image(gallery, n, created_at=now, expires_at=now + timedelta(days=7), **facts) for n in range(count)]
        Image.objects.bulk_create(images)
        for image in images:
            path = Path(default_storage.path(image.original_key))
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(photo, path)  # read only; a gigabyte need not be written for it
        _count(gallery, count, count * len(content))
        made[person] = [gallery.hex, sign_in(person)]
    return made


def _keep(gallery: Gallery, images: list[Image]) -> int:
    Image.objects.bulk_create(images)
    for image in images:
        _write(image.original_key, bytes(OBJECT_BYTES["original"]))
        for spec in image.rendition_sizes:
            _write(image.rendition_key(spec), bytes(OBJECT_BYTES[spec]))
    _count(gallery, len(images), sum(image.bytes for image in images))
    return sum(len(image.keys) for image in images)


def _write(key: str, content: bytes) -> None:
    path = Path(default_storage.path(key))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _count(gallery: Gallery, count: int, size: int) -> None:
    """The stored counts, as uploads keep them."""
    Gallery.objects.filter(id=gallery.id).update(image_count=count, bytes=size)
    Usage.objects.get_or_create(owner_id=gallery.owner_id)
    Usage.objects.filter(owner_id=gallery.owner_id).update(bytes=F("bytes") + size, images=F("images") + count)


def _image(gallery: Gallery, number: int, *, created_at: datetime, expires_at: datetime, **facts: Any) -> Image:
    sha256 = secrets.token_hex(32)
    given: dict[str, Any] = {
        "bytes": sum(OBJECT_BYTES.values()),
        "crc32": 0,
        "stored_sha256": sha256,
        "sort_at": created_at - number * BETWEEN,
        **facts,
    }
    return Image(
        gallery=gallery,
        state=State.READY,
        version=1,
        expires_at=expires_at,
        due_at=expires_at,
        touched_at=created_at,
        created_at=created_at,
        filename=f"DSC_{number:06d}.jpg",
        content_type="image/jpeg",
        extension="jpg",
        renditions=RENDITIONS,
        width=4000,
        height=3000,
        sha256=sha256,
        dedup_key=sha256,
        placeholder=PLACEHOLDER,
        colour="#446688",
        **given,
    )


def _insert_rows(gallery: Gallery, count: int, now: datetime) -> None:
    """``count`` rows by one statement: each a copy of one picture but for what differs among pictures."""
    model = _image(gallery, 0, created_at=now, expires_at=now + timedelta(days=7), bytes=3_000_000)
    columns = {str(field.column): _stored(field, model) for field in Image._meta.concrete_fields}
    varying = {
        "id": "printf('%012x7%03x8%015x', :ms + n, n % 4096, n)",
        "filename": "printf('DSC_%07d.jpg', n)",
        "sha256": "printf('%064x', n)",
        "stored_sha256": "printf('%064x', n)",
        "dedup_key": "printf('%064x', n)",
        "sort_at": f"strftime('%Y-%m-%d %H:%M:%S', :now, '-' || (n * {BETWEEN.seconds}) || ' seconds')",
        # Upright ones among the others.
        "width": "CASE n % 3 WHEN 0 THEN 3000 ELSE 4000 END",
        "height": "CASE n % 3 WHEN 0 THEN 4000 ELSE 3000 END",
        "renditions": "CASE n % 3 WHEN 0 THEN 'preview.jpg 1200x1600 thumbnail.webp 300x400' ELSE :renditions END",
    }
    values = [varying.get(column, f":{column}") for column in columns]
    statement = (
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)"  # noqa: S608
        f" INSERT INTO {Image._meta.db_table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM numbers"
    )
    milliseconds = int((now - timedelta(seconds=count / 1000)).timestamp() * 1000)
    given = {**columns, "ms": milliseconds, "count": count, "now": now.strftime("%Y-%m-%d %H:%M:%S")}
    connection.ensure_connection()
    database = connection.connection
    # Nobody else has it open, and a run that is cut short throws it away: nothing needs to be safe here.
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
        database.execute(f"PRAGMA {pragma}")
    database.execute(statement, given)
    database.execute("PRAGMA journal_mode=WAL")


def _stored(field: Field[Any, Any], image: Image) -> Any:
    return field.get_db_prep_save(getattr(image, field.attname), connection)


def _deep_page(gallery: Gallery, count: int, now: datetime) -> str:
    """The address of the page after nine tenths of the gallery."""
    before = live_images(gallery, now).order_by("-sort_at", "-id")[count * 9 // 10 : count * 9 // 10 + 1].first()
    if before is None or count < 1_000:
        return ""
    return f"{gallery.get_absolute_url()}?sort=taken&after={write_cursor(before)}"
