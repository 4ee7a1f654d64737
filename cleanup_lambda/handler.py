"""The Lambda's entry: reads its configuration, sweeps what is due by the records, says what it did.

Runs from a schedule, at least once each time, perhaps twice at once; ends by itself before its time is over, and the
next run goes on. Nothing here decides what is due: that is ``sweep`` with ``due``.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config

from cleanup_lambda.due import SIDE_BY_SIDE, DueRecords
from cleanup_lambda.objects import BucketObjects
from cleanup_lambda.sweep import ObjectStore, Report, sweep
from cleanup_lambda.visits import SweepRefused, Visits

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_s3.client import S3Client

RESERVE = 10_000  # milliseconds that are left when a run stops by itself
BATCH = 1_000  # images at a time: 2,000 to 3,000 keys, so that DeleteObjects calls are full
LEAST_GRACE = 3_600  # seconds; LIFECYCLE rule 5
NAMESPACE = "ImageGallery"
DIMENSION = "Table"
METRICS = {  # name -> unit
    "Due": "Count",
    "Deleted": "Count",
    "Bytes": "Bytes",
    "Failed": "Count",
    "Skipped": "Count",
    "Malformed": "Count",
    "Held": "Count",
    "OldestDueAge": "Seconds",
}


class Context(Protocol):
    """What the runtime says about this invocation."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


class NotConfigured(Exception):
    """A variable of the environment is missing or cannot be; the message names it."""


@dataclass(frozen=True)
class Settings:
    """The environment. ``grace`` in seconds."""

    table: str
    bucket: str
    region: str
    endpoint: str
    grace: int

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Parse ``environ``.

        Raises:
            NotConfigured
        """
        for name in ("GALLERY_TABLE", "GALLERY_BUCKET", "GALLERY_GRACE_SECONDS", "AWS_REGION"):
            if not environ.get(name):
                raise NotConfigured(f"{name} is missing.")
        grace = environ["GALLERY_GRACE_SECONDS"]
        if not grace.isdecimal() or int(grace) < LEAST_GRACE:
            raise NotConfigured(f"GALLERY_GRACE_SECONDS must be a whole number of at least {LEAST_GRACE}.")
        endpoint = environ.get("AWS_ENDPOINT_URL", "")
        return cls(environ["GALLERY_TABLE"], environ["GALLERY_BUCKET"], environ["AWS_REGION"], endpoint, int(grace))


def lambda_handler(event: Any, context: Context | None) -> dict[str, int | bool]:
    """Sweep once; ``{"allow_mass": true}`` skips the second visit. What it answers is in DESIGN section 6.

    Raises:
        NotConfigured, SweepRefused: nothing was deleted. Other errors are botocore's own: nothing could be listed.
    """
    settings = Settings.read(os.environ)
    table, bucket = _clients(settings)
    return run(
        settings,
        table,
        BucketObjects(bucket, settings.bucket),
        allow_mass=isinstance(event, dict) and event.get("allow_mass") is True,
        run_id=getattr(context, "aws_request_id", "") or uuid.uuid4().hex,
        clock=time.time,
        time_left=_time_left_of(context),
    )


def _time_left_of(context: Context | None) -> Callable[[], bool]:
    """Whether there is time left; always, where nobody says how much (called by hand, without a context)."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return lambda: remaining is None or remaining() > RESERVE


def run(
    settings: Settings,
    client: DynamoDBClient,
    objects: ObjectStore,
    *,
    allow_mass: bool = False,
    run_id: str = "run",
    clock: Callable[[], float] = time.time,
    time_left: Callable[[], bool] = lambda: True,
    point: Callable[[str], None] = lambda name: None,
) -> dict[str, int | bool]:
    """One sweep with its clients and its clock as arguments."""
    now = clock()
    source = DueRecords(client, settings.table, run=run_id, now=now, cutoff=now - settings.grace, time_left=time_left)
    try:
        visits = Visits.begin(client, settings.table, now)
        visits.check_grace(settings.grace)
    except SweepRefused as error:
        _say({"message": "sweep refused", "run": run_id, "reason": str(error)})
        raise
    held = 0 if allow_mass else visits.held(source)
    if held:
        report = Report(due=held, held=held, remaining=True)
    else:
        report = sweep(source, objects, batch_size=BATCH, time_left=time_left, point=point)
        report.due += source.malformed
        report.skipped += source.malformed
        report.remaining = report.remaining or source.unread > 0
    _tell(report, source, objects, run_id, now, clock())
    answer = report.as_dict()
    del answer["held"]
    return answer


@cache
def _clients(settings: Settings) -> tuple[DynamoDBClient, S3Client]:
    """Kept from one invocation to the next (SAFETY 5.7)."""
    session = boto3.session.Session(region_name=settings.region)
    config = Config(
        connect_timeout=2,
        read_timeout=10,
        retries={"mode": "standard", "total_max_attempts": 6},
        max_pool_connections=SIDE_BY_SIDE,
        s3={"addressing_style": "path" if settings.endpoint else "virtual"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    place = settings.endpoint or None
    return (
        session.client("dynamodb", config=config, endpoint_url=place),
        session.client("s3", config=config, endpoint_url=place),
    )


def _tell(report: Report, source: DueRecords, objects: ObjectStore, run_id: str, now: float, end: float) -> None:
    """One line of JSON that is the log of the run and, in CloudWatch's embedded format, its metrics: of the table, so
    that two sites of one account do not share them."""
    # A shard that cannot be read hides what is due in it: it is a failure that somebody has to hear of.
    values = (report.due, report.deleted, report.bytes, report.failed + source.unread, report.skipped)
    definition = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in METRICS.items()],
    }
    _say(
        {
            "_aws": {"Timestamp": round(now * 1000), "CloudWatchMetrics": [definition]},
            DIMENSION: source.table,
            **dict(zip(METRICS, (*values, source.malformed, report.held, source.overdue(now)), strict=True)),
            "message": "sweep held" if report.held else "sweep",
            "run": run_id,
            "seconds": round(end - now, 3),
            "remaining": report.remaining,
            "errors": {**source.errors, **getattr(objects, "errors", {})},
            "malformed": source.examples,
        }
    )


def _say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
