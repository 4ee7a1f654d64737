"""Statements that are compiled once say and do what Django's own querysets do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Model, QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from galleries.models import ApiToken, Gallery, Image, Usage
from galleries.prepared import A_NUMBER, A_TIME, AN_ID, Prepared, PreparedUpdate
from gallery_site.accounts.models import User
from tests.core.world import add

pytestmark = pytest.mark.django_db

GOOD_UNTIL = datetime(2027, 3, 1, 8, 30, 15, 123_456, tzinfo=UTC)


def tokens_until(owner: UUID, after: datetime) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(owner=owner, expires_at__gt=after).select_related("owner")


TOKENS = Prepared(tokens_until, owner=AN_ID, after=A_TIME)


def values(instance: Model) -> dict[str, Any]:
    return {name: value for name, value in vars(instance).items() if name != "_state"}


def test_a_joined_row_is_the_instance_that_django_makes(alice: User, bob: User) -> None:
    now = GOOD_UNTIL - timedelta(days=1)
    for owner in (alice, bob):
        ApiToken.issue(owner, "phone", now=now, lifetime=timedelta(days=1))
    with CaptureQueriesContext(connection) as queries:
        [token] = TOKENS.fetch(owner=bob.id, after=now)
        owner = token.owner
    assert len(queries) == 1
    plain = tokens_until(bob.id, now).get()
    assert values(token) == values(plain)
    assert values(owner) == values(plain.owner)
    assert (owner._state.adding, owner._state.db) == (False, "default")
    assert TOKENS.first(owner=bob.id, after=GOOD_UNTIL) is None


def test_annotations_stand_before_what_is_joined(gallery: Gallery) -> None:
    counted = Prepared(
        lambda gallery: Gallery.objects.filter(id=gallery).annotate(next=F("image_count") + 1).select_related("owner"),
        gallery=AN_ID,
    )
    [found] = counted.fetch(gallery=gallery.id)
    assert (vars(found)["next"], found.title, found.owner) == (1, gallery.title, gallery.owner)


def test_a_key_that_may_be_empty_is_not_joined(gallery: Gallery) -> None:
    with_cover = Prepared(lambda gallery: Gallery.objects.filter(id=gallery).select_related("cover"), gallery=AN_ID)
    with pytest.raises(AssertionError):
        with_cover.fetch(gallery=gallery.id)


def test_an_argument_that_does_not_reach_the_sql_is_found_out(gallery: Gallery) -> None:
    heedless = Prepared(lambda gallery, now: Gallery.objects.filter(id=gallery), gallery=AN_ID, now=A_TIME)
    with pytest.raises(AssertionError):
        heedless.fetch(gallery=gallery.id, now=timezone.now())


def test_an_update_changes_what_it_names_and_counts_it(gallery: Gallery) -> None:
    images = [add(gallery, number) for number in range(3)]
    moved = PreparedUpdate(
        lambda image, **_: Image.objects.filter(id=image, upload_key=None),
        lambda size, until, key, **_: {"bytes": F("bytes") + size, "expires_at": until, "upload_key": key},
        image=AN_ID,
        size=A_NUMBER,
        until=A_TIME,
        key="its key",
    )
    assert moved.run(image=images[0].id, size=5, until=GOOD_UNTIL, key=None) == 1
    assert moved.run(image=images[1].id, size=7, until=GOOD_UNTIL, key="once") == 1
    assert moved.run(image=images[1].id, size=9, until=GOOD_UNTIL, key="twice") == 0
    changed = [Image.objects.get(id=image.id) for image in images]
    assert [image.bytes - before.bytes for image, before in zip(changed, images, strict=True)] == [5, 7, 0]
    assert [image.expires_at for image in changed] == [GOOD_UNTIL, GOOD_UNTIL, images[2].expires_at]
    assert [image.upload_key for image in changed] == [None, "once", None]
    with pytest.raises(IntegrityError), transaction.atomic():
        moved.run(image=images[2].id, size=1, until=GOOD_UNTIL, key="once")
    assert Image.objects.get(id=images[2].id).bytes == images[2].bytes


def test_a_quota_is_the_one_of_now(alice: User, settings: Any) -> None:
    """The site's limits are arguments of the statement: it outlives a change of them, and a person's own go before."""
    settings.GALLERY_QUOTA_BYTES = 100
    assert Usage.charge(alice.id, 100)
    assert not Usage.charge(alice.id, 1)
    settings.GALLERY_QUOTA_BYTES = 101
    assert Usage.charge(alice.id, 1)
    settings.GALLERY_QUOTA_IMAGES = 2
    assert not Usage.charge(alice.id, 0)
    Usage.objects.update(max_images=3, max_bytes=101)
    assert Usage.charge(alice.id, 0)
    assert (Usage.objects.get().bytes, Usage.objects.get().images) == (101, 3)


def test_on_sqlite_what_never_changes_is_written_into_the_statement(gallery: Gallery) -> None:
    """A bound value that a partial index depends on lets SQLite plan the statement anew each time."""
    odd = "100 % 'sure' %s"
    image = add(gallery, 1, filename=odd)
    named = Prepared(
        lambda gallery: Image.objects.live(image.created_at).filter(gallery=gallery, filename=odd, animated=False),
        gallery=AN_ID,
    )
    with CaptureQueriesContext(connection) as queries:
        assert named.fetch(gallery=gallery.id) == [image]
    if connection.vendor == "sqlite":
        [[statement, _]] = named._compiled.values()
        assert statement.params == (AN_ID.hex,)
        assert "= 'ready'" in queries[0]["sql"]
