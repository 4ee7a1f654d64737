"""A site of this process whose records are in a table on the loopback; objects lie in a folder, decoding is quick."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cleanup_lambda import handler
from cleanup_lambda.objects import BucketObjects
from tests.core.world import QuickDecoder
from tests.records.due import GRACE, NOW, Run
from tests.records.service import CREDENTIALS, Service
from tests.records.table import Table

if TYPE_CHECKING:
    from pytest_django import Settings

    from galleries.models import Gallery
    from galleries.outbox import Drain
    from galleries.table import TableRecords
    from gallery_site.accounts.models import User


@pytest.fixture(scope="session")
def one_service() -> Iterator[Service]:
    """One for all tests: building a client takes as long as what a test does with it."""
    with Service() as service:
        yield service


@pytest.fixture
def service(one_service: Service, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Empty and in order, its bucket in this test's folder; who retries does not wait."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    fresh = Service()
    for name, value in vars(fresh).items():
        setattr(one_service, name, value)
    one_service.objects.folder = data_dir
    monkeypatch.setattr("botocore.retries.standard.time.sleep", lambda seconds: None, raising=False)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    return one_service


@pytest.fixture
def table(service: Service) -> Table:
    return service.table


@pytest.fixture(autouse=True)
def quick_decoder(monkeypatch: pytest.MonkeyPatch) -> QuickDecoder:
    """Any bytes are a picture of 64 x 48."""
    decoder = QuickDecoder()
    monkeypatch.setattr("galleries.uploads.decoder", lambda: decoder)
    monkeypatch.setattr("galleries.renditions.decoder", lambda: decoder)
    return decoder


@pytest.fixture
def store(service: Service, settings: Settings) -> TableRecords:
    """The site keeps records, and this is its store of them."""
    from galleries.metadata import records
    from galleries.table import TableRecords

    settings.GALLERY_TABLE = service.table.name
    settings.AWS_REGION = CREDENTIALS["AWS_REGION"]
    settings.AWS_ENDPOINT_URL = service.address
    found = records()
    assert isinstance(found, TableRecords)
    found.paused_until = found.agreed_until = float("-inf")
    found.introduced = True  # so that requests can be counted; tests/records/test_grace.py looks at the first one
    found.sleep = lambda seconds: None
    return found


@pytest.fixture
def drain(store: TableRecords) -> Drain:
    """A drain that knows nothing of those of other tests, and always backs off by the whole interval."""
    import random

    from galleries.outbox import Drain

    class Longest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    return Drain(Longest())


@pytest.fixture
def gallery(store: TableRecords, alice: User) -> Gallery:
    """Alice's gallery, kept for 7 days; its record is still in the outbox."""
    from django.utils import timezone

    from galleries.galleries import create_gallery

    return create_gallery(alice, title="Summer", retention="7d", now=timezone.now())


@pytest.fixture
def sweep(service: Service) -> Run:
    """One run of the Lambda, by default at NOW, with clients of its own process's cache."""
    settings = handler.Settings(service.table.name, service.objects.name, "eu-central-1", service.address, GRACE)
    table, bucket = handler._clients(settings)
    service.now = lambda: NOW

    def sweep_once(now: float = NOW, **arguments: Any) -> dict[str, int | bool]:
        store = BucketObjects(bucket, service.objects.name, sleep=lambda seconds: None)
        return handler.run(settings, table, store, clock=lambda: now, **arguments)

    return sweep_once


@pytest.fixture
def folder(data_dir: Path) -> Path:
    return data_dir


@pytest.fixture
def small_masses(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than 20 are a mass."""
    for module in ("sweep", "visits"):
        monkeypatch.setattr(f"cleanup_lambda.{module}.MASS_FLOOR", 20)
