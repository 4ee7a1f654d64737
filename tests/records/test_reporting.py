"""What CloudWatch is told about the outbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from django.utils import timezone
from moto import mock_aws

from cleanup_lambda import handler
from galleries import reporting
from galleries.models import Gallery, OutboxEntry
from galleries.reporting import report_backlog
from galleries.table import TableRecords
from gallery_site import timers
from tests.core.world import add
from tests.records.service import Service

if TYPE_CHECKING:
    from pytest_django import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def watch(store: TableRecords, settings: Settings) -> Iterator[Any]:
    """CloudWatch, as moto plays it."""
    settings.AWS_ENDPOINT_URL = ""
    reporting.client.cache_clear()
    with mock_aws():
        yield boto3.client("cloudwatch", region_name=settings.AWS_REGION)
    reporting.client.cache_clear()


def _most(watch: Any, table: str, metric: str) -> float:
    now = timezone.now()
    (point,) = watch.get_metric_statistics(
        Namespace="ImageGallery",
        MetricName=metric,
        Dimensions=[{"Name": "Table", "Value": table}],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Maximum"],
    )["Datapoints"]
    return float(point["Maximum"])


def test_depth_age_and_attempts_are_told(watch: Any, gallery: Gallery, settings: Settings) -> None:
    add(gallery, 1)
    now = timezone.now()
    OutboxEntry.objects.update(since=now - timedelta(minutes=20), attempts=21)
    assert report_backlog(now)
    found = {name: _most(watch, settings.GALLERY_TABLE, name) for name in reporting.METRICS}
    assert found == {"OutboxDepth": 2, "OutboxAge": 1200, "OutboxAttempts": 21}


def test_it_stands_beside_what_the_sweep_tells() -> None:
    assert (reporting.NAMESPACE, reporting.DIMENSION) == (handler.NAMESPACE, handler.DIMENSION)
    assert not reporting.METRICS.keys() & handler.METRICS.keys()


def test_an_endpoint_without_cloudwatch_is_no_failure(store: TableRecords, service: Service) -> None:
    timers.report()
    service.fail("POST", "AccessDenied", times=10)
    assert not report_backlog(timezone.now())
