"""boto3's clients without a network between: the same methods and errors, straight into the strict table. Where
thousands of requests are counted, or a schedule wants to step between them."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from tests.records.table import Refused, Table


def _operation(method: str) -> str:
    return "".join(word.capitalize() for word in method.split("_"))


class DirectTable:
    """A DynamoDB client. ``around`` gets each operation, its request and the act that does it, and may do it twice,
    later, or never."""

    def __init__(self, table: Table, now: Callable[[], float]) -> None:
        self.table, self.now = table, now
        self.around: Callable[[str, Any, Callable[[], Any]], Any] = lambda operation, request, act: act()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = _operation(method)

        def ask(**request: Any) -> Any:
            request = json.loads(json.dumps(request))  # nobody shares objects with a service
            return self.around(operation, request, lambda: self._ask(operation, request))

        return ask

    def _ask(self, operation: str, request: Any) -> Any:
        headers = {"date": formatdate(self.now(), usegmt=True)}
        try:
            answer = json.loads(json.dumps(self.table.ask(operation, request)))
        except Refused as refused:
            error = {"Code": refused.code, "Message": refused.message}
            shown = {} if refused.item is None else {"Item": refused.item}
            response: Any = {"Error": error, "ResponseMetadata": {"HTTPHeaders": headers, "RetryAttempts": 0}, **shown}
            raise ClientError(response, operation) from None
        return {"ResponseMetadata": {"HTTPHeaders": headers}, **answer}


def no_answer() -> ReadTimeoutError:
    """What a client raises when nothing came."""
    return ReadTimeoutError(endpoint_url="somewhere")


class DirectBucket:
    """The one method of S3 that a sweep uses; ``folder`` (None: no objects) is the bucket."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.calls: list[int] = []  # keys in each

    def delete_objects(self, Bucket: str, Delete: Any) -> Any:  # noqa: N803 (boto3's names)
        keys = [each["Key"] for each in Delete["Objects"]]
        assert 0 < len(keys) <= 1_000, "MalformedXML"
        self.calls.append(len(keys))
        for key in keys if self.folder is not None else ():
            (self.folder / key).unlink(missing_ok=True)
        return {}
