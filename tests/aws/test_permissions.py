"""What the template lets the site do is what the site needs: without any one of its permissions a feature breaks, and
nothing is spare. On the emulator that enforces them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from galleries.distribution import _good, key_problem
from galleries.expiry import set_expiry
from galleries.invalidating import forget, send_invalidations
from galleries.metadata import RecordsUnavailable, records
from galleries.models import Gallery, Image, Invalidation, OutboxEntry
from galleries.outbox import drain_outbox
from galleries.problems import Problem
from galleries.reporting import report_backlog
from galleries.storage import StorageError, media_storage
from galleries.table import TableRecords
from tests.aws.policies import Policy
from tests.pictures import jpeg, store, store_image

if TYPE_CHECKING:
    from deploy.emulator.cloud import Cloud

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud"), pytest.mark.django_db(transaction=True)]


def _uploads(gallery: Gallery, image: Image) -> bool:
    return not store(gallery, jpeg(77)).duplicate


def _reads_an_original(gallery: Gallery, image: Image) -> bool:
    with media_storage().open_object(image.original_key) as stored:
        return bool(stored.read())


def _deletes_objects(gallery: Gallery, image: Image) -> bool:
    return media_storage().delete_objects(image.rendition_keys) == {}


def _compares_stores(gallery: Gallery, image: Image) -> bool:
    return bool(list(media_storage().walk()))


def _writes_records(gallery: Gallery, image: Image) -> bool:
    records().enqueue([image.id], timezone.now())
    drain_outbox(timezone.now() + timedelta(hours=1))
    return not OutboxEntry.objects.exists()


def _extends(gallery: Gallery, image: Image) -> bool:
    later = timezone.now() + timedelta(days=40)
    return set_expiry(image, later, timezone.now()).expires_at == later


def _drops_records(gallery: Gallery, image: Image) -> bool:
    return records().drop([image]) == set()


def _answers_readiness(gallery: Gallery, image: Image) -> bool:
    records().check()
    return True


def _looks_through_the_table(gallery: Gallery, image: Image) -> bool:
    return bool(list(_table().walk()))


def _reads_records(gallery: Gallery, image: Image) -> bool:
    return list(_table().read([{"pk": {"S": "A"}, "sk": {"S": "B"}}])) == []


def _invalidates(gallery: Gallery, image: Image) -> bool:
    forget([gallery.id], timezone.now())
    sent = send_invalidations(timezone.now() + timedelta(days=1))
    return bool(sent) and not Invalidation.objects.exists()


def _says_how_far_records_are_behind(gallery: Gallery, image: Image) -> bool:
    return report_backlog(timezone.now())


def _compares_its_keys(gallery: Gallery, image: Image) -> bool:
    _good.clear()
    return key_problem() == ""


def _table() -> TableRecords:
    table = records()
    assert isinstance(table, TableRecords)
    return table


def _works(feature: Callable[[Gallery, Image], bool], gallery: Gallery, image: Image) -> bool:
    """Whether it does; a refusal must be one of the site's own errors."""
    try:
        return feature(gallery, image)
    except (Problem, StorageError, RecordsUnavailable):
        return False


# Each action of the template's SitePolicy -> what the site cannot do without it.
FEATURES: dict[str, Callable[[Gallery, Image], bool]] = {
    "s3:PutObject": _uploads,
    "s3:GetObject": _reads_an_original,
    "s3:DeleteObject": _deletes_objects,
    "s3:ListBucket": _compares_stores,
    "dynamodb:PutItem": _writes_records,
    "dynamodb:UpdateItem": _extends,
    "dynamodb:BatchWriteItem": _drops_records,
    "dynamodb:GetItem": _answers_readiness,
    "dynamodb:Scan": _looks_through_the_table,
    "dynamodb:BatchGetItem": _reads_records,
    "cloudfront:CreateInvalidation": _invalidates,
    "cloudfront:GetPublicKey": _compares_its_keys,
    "cloudwatch:PutMetricData": _says_how_far_records_are_behind,
}


@pytest.fixture
def policy(cloud: Cloud) -> Policy:
    return Policy(cloud, "SiteRole", "site")


def test_every_permission_of_the_site_is_known_here(policy: Policy) -> None:
    assert policy.actions == set(FEATURES)


@pytest.mark.usefixtures("on_cloud")
@pytest.mark.parametrize("action", FEATURES)
def test_without_a_permission_its_feature_breaks_and_comes_back(policy: Policy, gallery: Gallery, action: str) -> None:
    image = store_image(gallery)
    _settle()
    feature = FEATURES[action]
    with policy.without(action):
        assert not _works(feature, gallery, image)
    _settle()
    assert _works(feature, gallery, image)


def _settle() -> None:
    """Nothing waits in the outbox, and the table is not left alone after a refusal."""
    _table().paused_until = 0.0
    drain_outbox(timezone.now() + timedelta(hours=1))
