"""Stores in S3 for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import storages
from moto import mock_aws

from gallery_site.runner.emulator import emulator_environment
from tests.live import ROOT, LiveSite

if TYPE_CHECKING:
    from pytest_django import Settings

    from deploy.emulator.cloud import Cloud
    from galleries.bucket import BucketMediaStorage

REGION: Any = "eu-central-1"
# What the SDK reads by itself.
FROM_THE_ENVIRONMENT = (
    "AWS_CA_BUNDLE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
)


@pytest.fixture(scope="session")
def moto_store() -> BucketMediaStorage:
    """A store whose client moto can answer. One for all: building it takes as long as what a test does with it."""
    from galleries.bucket import BucketMediaStorage

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        store = BucketMediaStorage(bucket_name="photos", region_name=REGION)
        assert store.client.meta.region_name == REGION  # it is built now, with these credentials
    return store


@pytest.fixture
def store(moto_store: BucketMediaStorage, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketMediaStorage]:
    """An empty bucket, and none of the faults that the test before injected, nor what the store learnt by them."""
    monkeypatch.setattr(moto_store, "_elsewhere", False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # botocore's back-off
    events = moto_store.client.meta.events
    registered: list[tuple[str, Any]] = []

    def remembering(act: Any) -> Any:
        def register(event: str, handler: Any, **rest: Any) -> None:
            registered.append((event, handler))
            act(event, handler, **rest)

        return register

    for name in ("register", "register_first"):
        monkeypatch.setattr(events, name, remembering(getattr(events, name)))
    # For this test alone: moto answers whatever calls AWS in this process, and puts credentials into its environment.
    with mock_aws():
        moto_store.client.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield moto_store
    for event, handler in registered:
        events.unregister(event, handler)


@pytest.fixture
def site_in_s3(store: BucketMediaStorage, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> BucketMediaStorage:
    """The site of this process keeps its objects in that bucket."""
    handler: Any = storages
    monkeypatch.setattr(handler, "_storages", {**handler._storages, "default": store})
    return store


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The template's stack in the independent emulator, permissions enforced; one for each test process."""
    from deploy.emulator.cloud import Cloud

    emulator = emulator_environment(ROOT)
    emulator.ensure()
    with Cloud(emulator.python, tmp_path_factory.mktemp("cloud"), {"GraceSeconds": "3600"}) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def site(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """The real site on that cloud, with the credentials of its instance and no others."""
    folder: Path = tmp_path_factory.mktemp("site")
    site = LiveSite(folder, cloud.environment())
    site.set_up()
    site.add_person("alice")
    site.start()
    yield site
    site.stop()


def become_the_instance(environment: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    """What the SDK reads by itself is as on the instance: no key, and a role to ask for."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        environment.delenv(name, raising=False)
    for name in FROM_THE_ENVIRONMENT:
        environment.setenv(name, variables[name])


@pytest.fixture(scope="session")
def cloud_store(cloud: Cloud) -> BucketMediaStorage:
    from galleries.bucket import BucketMediaStorage

    variables = cloud.environment()
    with pytest.MonkeyPatch.context() as environment:
        become_the_instance(environment, variables)
        store = BucketMediaStorage(
            bucket_name=variables["GALLERY_BUCKET"],
            region_name=REGION,
            endpoint_url=variables["AWS_ENDPOINT_URL"],
        )
        assert store.client.meta.region_name == REGION  # it is built now, with these credentials
    return store


@pytest.fixture
def on_cloud(
    cloud: Cloud,
    cloud_store: BucketMediaStorage,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[BucketMediaStorage]:
    """The site of this process runs on the cloud, with the credentials of its instance."""
    from galleries.distribution import client
    from galleries.metadata import records

    variables = cloud.environment()
    become_the_instance(monkeypatch, variables)
    client.cache_clear()
    for name in ("AWS_ENDPOINT_URL", "AWS_REGION", "CLOUDFRONT_DISTRIBUTION_ID", "CLOUDFRONT_KEY_ID", "GALLERY_TABLE"):
        setattr(settings, name, variables[name])
    settings.GRACE = timedelta(seconds=int(variables["GALLERY_GRACE_SECONDS"]))
    settings.RESTORE_WINDOW = settings.GRACE - timedelta(minutes=15)
    records().check()
    settings.CLOUDFRONT_BASE = cloud.edge.base
    settings.CLOUDFRONT_PRIVATE_KEY = Path(variables["CLOUDFRONT_PRIVATE_KEY_FILE"]).read_text()
    handler: Any = storages
    monkeypatch.setattr(handler, "_storages", {**handler._storages, "default": cloud_store})
    yield cloud_store
    client.cache_clear()
