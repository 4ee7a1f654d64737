"""How far records are behind their rows, as metrics in CloudWatch beside those of the sweep: the template's alarms
watch them. Each process says what it sees; that is the same for all."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from django.conf import settings

from galleries.amazon import explain
from galleries.outbox import measure_backlog

log = logging.getLogger(__name__)

NAMESPACE, DIMENSION = "ImageGallery", "Table"  # as the sweep's (cleanup_lambda/handler.py)
METRICS = {"OutboxDepth": "Count", "OutboxAge": "Seconds", "OutboxAttempts": "Count"}  # name -> unit


@cache
def client(region: str, endpoint: str) -> Any:
    """The client of this process; nobody waits for it, and what was not said is said again some minutes later."""
    config = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
    session: Any = boto3.session.Session(region_name=region)
    return session.client("cloudwatch", config=config, endpoint_url=endpoint or None)


def report_backlog(now: datetime) -> bool:
    """Say depth and age of the outbox and the most often tried of its entries; returns whether CloudWatch took it."""
    backlog = measure_backlog(now)
    values = (backlog.depth, backlog.age(now).total_seconds(), backlog.attempts)
    place = [{"Name": DIMENSION, "Value": settings.GALLERY_TABLE}]
    data = [
        {"MetricName": name, "Unit": unit, "Value": float(value), "Dimensions": place, "Timestamp": now}
        for (name, unit), value in zip(METRICS.items(), values, strict=True)
    ]
    try:
        client(settings.AWS_REGION, settings.AWS_ENDPOINT_URL).put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except (ClientError, BotoCoreError) as error:
        return _unheard(explain(error, "CloudWatch"))
    except ResponseParserError:  # what answers at AWS_ENDPOINT_URL is no CloudWatch
        return _unheard("CloudWatch: an answer that is none.")
    return True


def _unheard(reason: str) -> bool:
    log.info("the outbox is not reported", extra={"fields": {"reason": reason}})
    return False
