"""The CloudFront distribution as its owner sees it: what the site asks of CloudFront's own interface. Loaded by what
asks, because the SDK takes a tenth of a second that other sites need not spend."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives import serialization
from django.conf import settings

from galleries.amazon import explain
from galleries.cloudfront import load_private_key

REGION = "us-east-1"  # where the interface is, wherever the site is
_ANSWERS_ABOUT_THE_KEY = {"NoSuchPublicKey", "AccessDenied"}
_good: set[tuple[str, str]] = set()


@cache
def client() -> Any:
    """The client of this process; patient, since nobody waits for it."""
    config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    session: Any = boto3.session.Session(region_name=REGION)
    return session.client("cloudfront", config=config, endpoint_url=settings.AWS_ENDPOINT_URL or None)


def invalidate(paths: Sequence[str], reference: str) -> str:
    """Have the edge forget ``paths``; ``reference`` makes a retry the same request. Why not, or ""."""
    batch = {"Paths": {"Quantity": len(paths), "Items": [*paths]}, "CallerReference": reference}
    try:
        client().create_invalidation(DistributionId=settings.CLOUDFRONT_DISTRIBUTION_ID, InvalidationBatch=batch)
    except (ClientError, BotoCoreError) as error:
        return explain(error, "CLOUDFRONT_DISTRIBUTION_ID")
    return ""


def key_problem() -> str:
    """Why CloudFront would refuse every pass of this site, or "" when it would not or cannot be asked now.

    Once the two halves of the key have been seen to fit, it is not asked again.
    """
    pair = (settings.CLOUDFRONT_KEY_ID, settings.CLOUDFRONT_PRIVATE_KEY)
    if pair in _good:
        return ""
    try:
        known = client().get_public_key(Id=settings.CLOUDFRONT_KEY_ID)["PublicKey"]["PublicKeyConfig"]["EncodedKey"]
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        return explain(error, "CLOUDFRONT_KEY_ID") if code in _ANSWERS_ABOUT_THE_KEY else ""
    except BotoCoreError:
        return ""
    public = load_private_key(settings.CLOUDFRONT_PRIVATE_KEY).public_key()
    if serialization.load_pem_public_key(known.encode()) != public:
        return "CLOUDFRONT_PRIVATE_KEY does not belong to CLOUDFRONT_KEY_ID."
    _good.add(pair)
    return ""
