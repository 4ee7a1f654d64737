"""Objects in S3, as far as a sweep needs them: it deletes, and can do nothing else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from cleanup_lambda.keys import parse_key

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TRIES = 3  # for what S3 was too busy to delete
PAUSE = 0.2  # seconds before the second try, doubled with each
BUSY = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"}
GONE = {"NoSuchKey", "404"}


class BucketObjects:
    """The objects of one bucket. ``errors`` counts failures by their code."""

    def __init__(self, client: S3Client, bucket: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.client, self.bucket, self.sleep = client, bucket, sleep
        self.errors: Counter[str] = Counter()

    def delete_objects(self, keys: Sequence[str]) -> dict[str, str]:
        """Delete ``keys`` (at most 1,000); a missing one counts as deleted. Returns what failed, with the reason."""
        failed = {key: "not one of our keys" for key in keys if parse_key(key) is None}
        left = [key for key in keys if key not in failed]
        errors: dict[str, str] = {}
        for attempt in range(TRIES):
            if not left:
                break
            if attempt:
                self.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                errors = delete_once(self.client, self.bucket, left)
            except (ClientError, BotoCoreError) as error:  # boto3 has tried that again by itself
                errors, left = dict.fromkeys(left, _code(error)), []
            else:
                left = [key for key, code in errors.items() if code in BUSY]
            failed |= {key: code for key, code in errors.items() if key not in left}
        failed |= {key: errors[key] for key in left}
        self.errors.update(failed.values())
        return failed


def delete_once(client: S3Client, bucket: str, keys: Sequence[str]) -> dict[str, str]:
    """One DeleteObjects, for at most 1,000 keys; a missing one counts as deleted. Returns the codes of what failed: the
    answer is 200 also then.

    Raises:
        ClientError, BotoCoreError: nothing is known about any of them.
    """
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True})
    errors = {error.get("Key", ""): error.get("Code", "failed") for error in answer.get("Errors", [])}
    return {key: code for key, code in errors.items() if code not in GONE}


def _code(error: ClientError | BotoCoreError) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
