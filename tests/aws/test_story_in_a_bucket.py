"""A photo's life with its objects in S3 and delivery by the site itself: what the disk's tests show, over a network."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from galleries.models import Gallery, Image, State, Usage
from galleries.reconciling import compare_stores, delete_orphans
from galleries.removal import delete_for_good, remove_images, restore_image
from galleries.renditions import is_complete, rebuild_shown
from galleries.storage import StorageError
from galleries.sweeping import finish_deleting, make_plan, run_sweep
from tests.core.world import DAY, fetch, reload
from tests.pictures import jpeg, store, store_image

if TYPE_CHECKING:
    from galleries.bucket import BucketMediaStorage

pytestmark = pytest.mark.django_db


def _keys(bucket: BucketMediaStorage) -> set[str]:
    return {each.key for each in bucket.walk()}


def test_a_photo_is_added_shown_packed_removed_restored_and_swept(
    site_in_s3: BucketMediaStorage, gallery: Gallery, alice_client: Client
) -> None:
    body = jpeg(1)
    image = store(gallery, body).image
    assert _keys(site_in_s3) == set(image.keys)
    address = alice_client.get(f"{image.get_absolute_url()}original/")["Location"]
    assert fetch(alice_client, address).body == body
    part = fetch(alice_client, address, headers={"Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, body[10:20])
    assert fetch(alice_client, address, "HEAD").headers["Content-Length"] == str(len(body))
    packed = alice_client.get(f"/g/{gallery.hex}/zip/").getvalue()
    with zipfile.ZipFile(io.BytesIO(packed)) as opened:
        assert [opened.read(name) for name in opened.namelist()] == [body]
    remove_images(gallery, [image.id], timezone.now())
    assert fetch(alice_client, address).status == 404
    restore_image(reload(image))
    assert fetch(alice_client, address).body == body
    for later in (8, 9, 10):
        run_sweep(make_plan(timezone.now() + later * DAY))
    assert _keys(site_in_s3) == set()
    assert not Image.objects.exists()


def test_delete_now_leaves_nothing(site_in_s3: BucketMediaStorage, gallery: Gallery) -> None:
    image = store_image(gallery)
    now = timezone.now()
    remove_images(gallery, [image.id], now)
    delete_for_good(gallery, [image.id], now)
    assert finish_deleting(gallery, now).deleted == 1
    assert _keys(site_in_s3) == set()


def test_a_bucket_that_fails_refuses_the_upload_and_gives_its_room_back(
    site_in_s3: BucketMediaStorage, gallery: Gallery, alice_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second object of three fails: the answer says when to try again, and the sweep finds what the first left."""
    puts: list[str] = []

    def fail(params: dict[str, Any], **_: Any) -> None:
        puts.append(params["Key"])
        if len(puts) == 2:
            raise StorageError("injected")

    site_in_s3.client.meta.events.register("before-parameter-build.s3.PutObject", fail)
    file = SimpleUploadedFile("photo.jpg", jpeg(2), "image/jpeg")
    answer = alice_client.post(f"/g/{gallery.hex}/upload/", {"file": file}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (503, "5", "unavailable")
    assert Image.objects.get().state == State.DELETING
    assert len(_keys(site_in_s3)) == 1
    run_sweep(make_plan(timezone.now()))
    assert _keys(site_in_s3) == set()
    assert (Usage.objects.get().bytes, Usage.objects.get().images) == (0, 0)


def test_stores_are_compared_and_renditions_made_again(site_in_s3: BucketMediaStorage, gallery: Gallery) -> None:
    image = store_image(gallery)
    Image.objects.update(created_at=timezone.now() - 2 * DAY)
    orphan = image.original_key.replace(image.hex, "f" * 32)
    site_in_s3.client.put_object(Bucket="photos", Key=orphan, Body=b"nobody's")
    site_in_s3.delete_objects(image.rendition_keys)
    found = compare_stores(timezone.now() + timedelta(days=3))
    assert sorted(found.missing_renditions) == sorted(image.rendition_keys)
    assert [each.key for each in found.orphans] == [orphan]
    delete_orphans(found)
    assert _keys(site_in_s3) == {image.original_key}
    assert not is_complete(image)
    rebuild_shown(image)
    assert is_complete(image)
    assert _keys(site_in_s3) == set(image.keys)


def test_readiness_names_the_variable_to_look_at(
    site_in_s3: BucketMediaStorage, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(site_in_s3, "bucket_name", "nowhere")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["down"] == ["storage"]
    assert answer.json()["reasons"]["storage"] == "GALLERY_BUCKET names nothing that exists in AWS_REGION."
