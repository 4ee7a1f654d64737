"""The sweep on the template's stack: run by Lambda under its role, and able to do nothing that it need not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from django.db.models import F
from django.utils import timezone

from cleanup_lambda import handler
from cleanup_lambda.objects import BucketObjects
from cleanup_lambda.records import STATE_KEY
from galleries.metadata import records
from galleries.models import Gallery, Image
from galleries.outbox import drain_outbox
from galleries.sweeping import make_plan, run_sweep
from tests.aws.policies import Policy
from tests.core.world import receipts
from tests.pictures import store_image

if TYPE_CHECKING:
    from deploy.emulator.cloud import Cloud
    from galleries.bucket import BucketMediaStorage

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cloud"), pytest.mark.django_db(transaction=True)]
HOUR = timedelta(hours=1)
# Needed by Lambda itself, for what it does in the function's name; the emulator does it without asking.
BY_THE_RUNTIME = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}


def _make_due(*images: Image) -> None:
    """As if they had ended two hours ago, grace 1 h; their records say so."""
    ended = timezone.now() - 2 * HOUR
    rows = Image.objects.filter(id__in=[image.id for image in images])
    rows.update(expires_at=ended, due_at=ended, version=F("version") + 1)
    records().enqueue([image.id for image in images], timezone.now())
    assert drain_outbox(timezone.now() + HOUR)[1] == 0


def _keys(store: BucketMediaStorage) -> set[str]:
    return {each.key for each in store.walk()}


def test_lambda_deletes_what_is_due_and_the_site_finishes_the_row(
    cloud: Cloud, on_cloud: BucketMediaStorage, gallery: Gallery
) -> None:
    due, live = store_image(gallery, 1), store_image(gallery, 2)
    _make_due(due)
    function = cloud.stack.outputs["SweepFunctionName"]
    answer = cloud.emulator.root("lambda").invoke(FunctionName=function, Payload=b"{}")
    report = json.loads(answer["Payload"].read())
    assert (report["deleted"], report["failed"], report["remaining"]) == (1, 0, False), report
    assert report["bytes"] == due.bytes
    there = _keys(on_cloud)
    assert there.isdisjoint(due.keys)
    assert there.issuperset(live.keys)
    run_sweep(make_plan(timezone.now(), older_than=HOUR))
    assert receipts() == [("photo.jpg", "expired")]
    assert Image.objects.get(state="ready") == live


def test_lambda_deletes_nothing_while_its_grace_is_not_the_sites(
    cloud: Cloud, on_cloud: BucketMediaStorage, gallery: Gallery
) -> None:
    """As when one of the two was given another value and the other was not."""
    due = store_image(gallery, 1)
    _make_due(due)
    function = cloud.stack.outputs["SweepFunctionName"]
    ours: Any = records()
    agreed, ours.grace = ours.grace, 7_200
    ours.set_grace()
    try:
        answer = cloud.emulator.root("lambda").invoke(FunctionName=function, Payload=b"{}")
        failure = json.loads(answer["Payload"].read())
        assert answer["FunctionError"] == "Unhandled", "Lambda counts it as an error, and its alarm hears of it"
        assert failure["errorMessage"] == "GALLERY_GRACE_SECONDS is 3600 here and 7200 on the site"
        assert _keys(on_cloud).issuperset(due.keys)
    finally:
        ours.grace = agreed
        ours.set_grace()
    answer = cloud.emulator.root("lambda").invoke(FunctionName=function, Payload=b"{}")
    assert json.loads(answer["Payload"].read())["deleted"] == 1


class Sweeper:
    """The sweep with the credentials of its role, in this process; limits as given."""

    def __init__(self, cloud: Cloud) -> None:
        role = cloud.stack.resources["SweepRole"]
        answer = cloud.emulator.root("sts").assume_role(
            RoleArn=f"arn:aws:iam::000000000000:role/{role}", RoleSessionName="sweep"
        )
        credentials = answer["Credentials"]
        self.table = cloud.emulator.client("dynamodb", credentials)
        outputs = cloud.stack.outputs
        bucket = outputs["GalleryBucket"]
        self.objects = BucketObjects(cloud.emulator.client("s3", credentials), bucket)
        self.settings = handler.Settings(outputs["GalleryTable"], bucket, outputs["AwsRegion"], "", 3600)

    def run(self) -> dict[str, int | bool]:
        return handler.run(self.settings, self.table, self.objects)


def _sweeps(sweeper: Sweeper) -> bool:
    report = sweeper.run()
    return (report["deleted"], report["failed"]) == (2, 0)


def _holds_a_mass(sweeper: Sweeper) -> bool:
    """Two are a mass here; they wait for a second visit, which the table remembers."""
    with pytest.MonkeyPatch.context() as limits:
        limits.setattr("cleanup_lambda.visits.MASS_FLOOR", 1)
        limits.setattr("cleanup_lambda.sweep.MASS_FLOOR", 1)
        limits.setattr("cleanup_lambda.visits.MASS_SHARE", 0.0)
        limits.setattr("cleanup_lambda.sweep.MASS_SHARE", 0.0)
        return sweeper.run()["deleted"] == 0


def _knows_that_a_share_of_a_large_table_is_no_mass(sweeper: Sweeper) -> bool:
    with pytest.MonkeyPatch.context() as limits:
        limits.setattr("cleanup_lambda.visits.MASS_FLOOR", 1)
        limits.setattr("cleanup_lambda.sweep.MASS_FLOOR", 1)
        return sweeper.run()["deleted"] == 2


def test_a_mass_is_remembered_beside_what_was_agreed(
    cloud: Cloud, on_cloud: BucketMediaStorage, gallery: Gallery
) -> None:
    _make_due(store_image(gallery, 1), store_image(gallery, 2))
    sweeper = Sweeper(cloud)
    assert _holds_a_mass(sweeper)
    state = sweeper.table.get_item(TableName=sweeper.settings.table, Key=STATE_KEY)["Item"]
    assert (state["grace"], state["due"]) == ({"N": "3600"}, {"N": "2"})
    assert handler.run(sweeper.settings, sweeper.table, sweeper.objects, allow_mass=True)["deleted"] == 2
    assert _sweeps_nothing(sweeper)
    assert sweeper.table.get_item(TableName=sweeper.settings.table, Key=STATE_KEY)["Item"] == STATE_KEY | {
        "grace": {"N": "3600"}
    }


def _sweeps_nothing(sweeper: Sweeper) -> bool:
    return sweeper.run()["due"] == 0


# Each action of the template's SweepPolicy -> what the sweep cannot do without it.
FEATURES: dict[str, Callable[[Sweeper], bool]] = {
    "s3:DeleteObject": _sweeps,
    "dynamodb:Query": _sweeps,
    "dynamodb:UpdateItem": _sweeps,
    "dynamodb:DeleteItem": _sweeps,
    "dynamodb:GetItem": _sweeps,
    "dynamodb:DescribeTable": _knows_that_a_share_of_a_large_table_is_no_mass,
}


@pytest.fixture
def policy(cloud: Cloud) -> Policy:
    return Policy(cloud, "SweepRole", "sweep")


@pytest.fixture
def filled(cloud: Cloud) -> Iterator[None]:
    """A table in which two are less than a fifth; and no visit is remembered."""
    table, client = cloud.stack.outputs["GalleryTable"], cloud.emulator.root("dynamodb")
    for number in range(20):
        client.put_item(TableName=table, Item={"pk": {"S": "FILLER"}, "sk": {"S": str(number)}})
    yield
    for number in range(20):
        client.delete_item(TableName=table, Key={"pk": {"S": "FILLER"}, "sk": {"S": str(number)}})
    client.delete_item(TableName=table, Key=STATE_KEY)


def test_every_permission_of_the_sweep_is_known_here(policy: Policy) -> None:
    assert policy.actions == FEATURES.keys() | BY_THE_RUNTIME


@pytest.mark.usefixtures("on_cloud", "filled")
@pytest.mark.parametrize("action", FEATURES)
def test_without_a_permission_the_sweep_leaves_everything_for_the_next(
    cloud: Cloud, policy: Policy, gallery: Gallery, action: str
) -> None:
    _make_due(store_image(gallery, 1), store_image(gallery, 2))
    sweeper = Sweeper(cloud)
    with policy.without(action):
        assert not _works(FEATURES[action], sweeper)
    assert _works(FEATURES[action], sweeper)
    handler.run(sweeper.settings, sweeper.table, sweeper.objects, allow_mass=True)


def _works(feature: Callable[[Sweeper], bool], sweeper: Sweeper) -> bool:
    try:
        return feature(sweeper)
    except ClientError as error:
        assert "AccessDenied" in error.response["Error"]["Code"]  # noqa: PT017 (anything else is not what was taken)
        return False
