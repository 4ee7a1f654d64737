"""The real site on the template's stack, with the credentials of its instance: a photo's life over HTTP, pictures from
the edge. Signatures and permissions are verified there."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from galleries.bucket import BucketMediaStorage
from galleries.storage import StorageError
from tests.faults.web import Answer, ask, form_data
from tests.live import LiveSite
from tests.pictures import jpeg

if TYPE_CHECKING:
    from deploy.emulator.cloud import Cloud

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud")]


# What was removed was removed two hours ago, and its record says so.
TWO_HOURS_LATER = """
from datetime import timedelta
from django.db.models import F
from django.utils import timezone
from galleries.metadata import records
from galleries.models import Image
from galleries.outbox import drain_outbox
now = timezone.now()
removed = Image.objects.filter(removed_at__isnull=False)
removed.update(removed_at=now - timedelta(hours=2), due_at=now - timedelta(hours=2), version=F("version") + 1)
records().enqueue([image.id for image in removed], now)
assert drain_outbox(now + timedelta(minutes=1))[1] == 0
"""


class Program:
    """Alice's program."""

    def __init__(self, site: LiveSite) -> None:
        self.root = f"{site.address}/api/v1"
        self.token = site.token("alice")

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return ask(f"{self.root}{path}", method, token=self.token, body=data, headers=headers)

    def gallery(self, retention: str = "7d") -> str:
        return str(self.send("POST", "/galleries", {"title": "Summer", "retention": retention}).json["id"])

    def upload(self, gallery: str, photo: bytes) -> dict[str, Any]:
        body, content_type = form_data({}, photo)
        path = f"{self.root}/galleries/{gallery}/images"
        answer = ask(path, "POST", token=self.token, body=body, headers={"Content-Type": content_type})
        assert answer.status == 201, answer.body
        image: dict[str, Any] = answer.json
        return image


@pytest.fixture(scope="module")
def program(site: LiveSite) -> Program:
    return Program(site)


@pytest.fixture
def edge_clock(cloud: Cloud) -> Iterator[list[float]]:
    """The edge's clock: what is in the list, or the real one while it is empty."""
    moved: list[float] = []
    cloud.edge.clock = lambda: moved[-1] if moved else time.time()
    yield moved
    cloud.edge.clock = time.time


def _stored(cloud: Cloud, gallery: str) -> set[str]:
    listed = cloud.emulator.root("s3").list_objects_v2(Bucket=cloud.stack.outputs["GalleryBucket"])
    return {each["Key"] for each in listed.get("Contents", []) if gallery in each["Key"]}


def test_a_photo_is_added_shown_extended_removed_restored_and_swept(
    cloud: Cloud, site: LiveSite, program: Program
) -> None:
    gallery = program.gallery()
    photo = jpeg(1, (320, 240))
    image = program.upload(gallery, photo)
    assert len(_stored(cloud, gallery)) == 3

    thumbnail = image["renditions"]["thumbnail"]["url"]
    assert thumbnail.startswith(f"{cloud.edge.base}/media/")
    seen = [ask(thumbnail) for _ in range(2)]
    assert [answer.status for answer in seen] == [200, 200]
    assert [answer.headers["x-cache"][:4] for answer in seen] == ["Miss", "Hit "]
    original = ask(image["original_url"])
    assert (original.status, original.body) == (200, photo)
    assert original.headers["content-disposition"] == 'attachment; filename="photo.jpg"'

    later = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    assert program.send("PATCH", f"/images/{image['id']}", {"expires_at": later}).status == 200
    assert program.send("DELETE", f"/images/{image['id']}").status == 204
    assert program.send("GET", f"/images/{image['id']}").status == 404
    assert program.send("POST", f"/images/{image['id']}/restore").status == 200
    packed = program.send("GET", f"/galleries/{gallery}/zip")
    assert photo in packed.body

    assert program.send("DELETE", f"/images/{image['id']}").status == 204
    site.manage("shell", "-v0", "-c", TWO_HOURS_LATER)
    function = cloud.stack.outputs["SweepFunctionName"]
    swept = json.loads(cloud.emulator.root("lambda").invoke(FunctionName=function, Payload=b"{}")["Payload"].read())
    assert swept["deleted"] in {0, 1}, swept  # the site's own timer may have been first
    assert swept["failed"] == 0, swept
    assert _stored(cloud, gallery) == set()
    finished = site.manage("sweep_expired", "--apply", "--older-than", "1h", "--gallery", gallery, "--json")
    assert json.loads(finished.stdout)["failed"] == 0
    receipts = program.send("GET", "/receipts").json["items"]
    assert [receipt["image_id"] for receipt in receipts].count(image["id"]) == 1


def test_nothing_is_served_without_its_signature(cloud: Cloud, program: Program) -> None:
    image = program.upload(program.gallery(), jpeg(2))
    address = image["renditions"]["preview"]["url"]
    path, _, query = address.partition("?")
    bucket = cloud.stack.outputs["GalleryBucket"]
    for refused in (
        path,
        f"{path}?{query[:-1]}",
        address.replace("Signature=", "Signature=A"),
        address.replace("/r/", "/o/"),
        f"{cloud.edge.base}/media/../media{path.partition('/media')[2]}?{query}",
        f"{cloud.edge.base}/other?{query}",
    ):
        assert ask(refused).status == 403, refused
    assert ask(address).status == 200
    plain = f"{cloud.emulator.endpoint}/{bucket}{path.partition(cloud.edge.base)[2]}"
    assert _fetch(cloud, plain) == 403


def _fetch(cloud: Cloud, address: str) -> int:
    context = ssl.create_default_context(cafile=str(cloud.emulator.certificate))
    try:
        with urllib.request.urlopen(address, context=context) as answer:  # noqa: S310 (loopback)
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_edge_refuses_what_it_has_cached_from_the_second_of_the_expiry(
    cloud: Cloud, program: Program, edge_clock: list[float]
) -> None:
    gallery = program.gallery()
    image = program.upload(gallery, jpeg(3))
    ends = (datetime.now(UTC) + timedelta(minutes=5)).replace(microsecond=0)
    changed = program.send("PATCH", f"/images/{image['id']}", {"expires_at": ends.isoformat()}).json
    for address in (changed["renditions"]["preview"]["url"], changed["original_url"]):
        assert ask(address).status == 200
        edge_clock.append(ends.timestamp() - 0.5)
        last = ask(address)
        assert (last.status, last.headers["x-cache"][:3]) == (200, "Hit")
        edge_clock.append(ends.timestamp())
        assert ask(address).status == 403
        edge_clock.clear()


def test_the_site_is_ready_with_the_credentials_of_its_instance_alone(site: LiveSite) -> None:
    assert not any(name.startswith("AWS_ACCESS") for name in site.environ())
    answer = ask(f"{site.address}/readyz")
    assert (answer.status, answer.json["reasons"]) == (200, {})


def test_credentials_that_are_not_good_are_named(cloud: Cloud) -> None:
    outputs = cloud.stack.outputs
    options = {"region_name": outputs["AwsRegion"], "endpoint_url": cloud.emulator.endpoint}
    options["verify"] = str(cloud.emulator.certificate)
    good = cloud.assume_site_role()
    keys = {"access_key": good["AccessKeyId"], "secret_key": good["SecretAccessKey"]}
    keys["security_token"] = good["SessionToken"]
    for changed, sentence in (
        ({"bucket_name": "no-such-bucket"}, "GALLERY_BUCKET"),
        ({"secret_key": "wrong"}, "credentials are not accepted"),
        ({"access_key": "AKIANOBODY"}, "credentials are not accepted"),
        ({"endpoint_url": "https://127.0.0.1:9"}, "nothing answers there"),
        ({"verify": True}, "not trusted"),
    ):
        store = BucketMediaStorage(**{"bucket_name": outputs["GalleryBucket"], **options, **keys, **changed})
        with pytest.raises(StorageError, match=sentence):
            store.check()
