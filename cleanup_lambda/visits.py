"""What a sweep without a memory of its own asks the table before it deletes: is my clock right, is my grace the site's,
and was I here before.

The site lets people bring back what was removed for nearly as long as its grace, so a sweep with a shorter one would
delete the objects of what is live again. A sweep of very many images needs two visits at least an hour apart (the mass
rule). All of that is in one item beside the records; the service's own clock, from the Date of its answers, stands
beside ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cleanup_lambda.due import DueRecords
from cleanup_lambda.records import STATE_KEY, grace_of
from cleanup_lambda.sweep import CLOCK_TOLERANCE, MASS_FLOOR, MASS_SHARE, Visit, is_mass, is_same_wait, may_proceed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SERVICE = "service"  # whose clock a visit's second time is: it never restarts


class SweepRefused(Exception):
    """Nothing may be deleted now; the message says why."""


class ClockWrong(SweepRefused):
    """Our clock and the service's differ by more than the tolerance; whatever seems due may not be."""


class GraceDiffers(SweepRefused):
    """The site waits longer, or shorter, than this sweep was told to."""


@dataclass(frozen=True)
class Visits:
    """This visit, and the one that saw a mass first, if the table remembers one."""

    client: DynamoDBClient
    table: str
    now: Visit
    first: Visit | None
    grace: int | None  # what the sites agreed on, in seconds

    @classmethod
    def begin(cls, client: DynamoDBClient, table: str, now: float) -> Visits:
        """Look at the clocks and at what is remembered: one strongly consistent read.

        Raises:
            ClockWrong
        """
        answer = client.get_item(TableName=table, Key=STATE_KEY, ConsistentRead=True)
        service = _service_time(answer["ResponseMetadata"]["HTTPHeaders"])
        if abs(service - now) > CLOCK_TOLERANCE:
            raise ClockWrong(f"our clock is {now - service:+.0f} s from that of DynamoDB")
        state = answer.get("Item") or {}
        return cls(client, table, Visit(now, service, SERVICE), _parse(state), grace_of(state))

    def check_grace(self, ours: int) -> None:
        """Ours must be the site's, in seconds. A site says its own before it writes its first record, so where nobody
        did the records are another program's, and ours is the one that counts.

        Raises:
            GraceDiffers
        """
        if self.grace not in {None, ours}:
            raise GraceDiffers(f"GALLERY_GRACE_SECONDS is {ours} here and {self.grace} on the site")

    def held(self, source: DueRecords) -> int:
        """How many due images must wait for a second visit; 0 when the sweep may go on.

        Up to the floor nothing but the pages that the sweep needs anyway is read. The size of the table is what
        DescribeTable says, some hours old; where it may not be asked, the floor alone counts.
        """
        due = self._mass(source)
        if due == 0:
            self._forget()
            return 0
        if may_proceed(self.first, self.now):  # what is remembered stays until the mass is gone: a run may be cut short
            return 0
        if self.first is None or not is_same_wait(self.first, self.now):
            self._remember(due)
        return due

    def _mass(self, source: DueRecords) -> int:
        if not source.exceeds(MASS_FLOOR):
            return 0
        total = self._total()
        due = source.count(max(MASS_FLOOR, MASS_SHARE * total))
        return due if is_mass(due, total) else 0

    def _total(self) -> int:
        try:
            return self.client.describe_table(TableName=self.table)["Table"].get("ItemCount", 0)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            return 0

    def _remember(self, due: int) -> None:
        values = {":seen": self.now.time, ":service": self.now.uptime, ":due": due}
        self.client.update_item(
            TableName=self.table,
            Key=STATE_KEY,
            UpdateExpression="SET first_seen_at = :seen, service_time = :service, due = :due",
            ExpressionAttributeValues={name: {"N": str(round(value))} for name, value in values.items()},
        )

    def _forget(self) -> None:
        """The next mass waits for its own second visit."""
        if self.first is not None:
            expression = "REMOVE first_seen_at, service_time, due"
            self.client.update_item(TableName=self.table, Key=STATE_KEY, UpdateExpression=expression)


def _parse(item: Mapping[str, Any]) -> Visit | None:
    try:
        seen, service = (float(Decimal(item[name]["N"])) for name in ("first_seen_at", "service_time"))
    except (KeyError, TypeError, ValueError, InvalidOperation):
        return None
    return Visit(seen, service, SERVICE)


def _service_time(headers: Mapping[str, str]) -> float:
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        raise ClockWrong("DynamoDB's answer has no readable date") from None
