"""The strict table is what DynamoDB is, as far as moto knows it: the same requests, the same answers and errors."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cleanup_lambda import records
from cleanup_lambda.keys import original_key
from cleanup_lambda.records import ImageRecord
from tests.records.service import CREDENTIALS, Service

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NAME = "images"
HASH: Any = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
DUE: Any = [{"AttributeName": "shard", "KeyType": "HASH"}, {"AttributeName": "due_at", "KeyType": "RANGE"}]
TYPES: Any = [
    {"AttributeName": name, "AttributeType": "N" if name == "due_at" else "S"}
    for name in ("pk", "sk", "shard", "due_at")
]


@pytest.fixture(scope="module")
def moto_client() -> Iterator[DynamoDBClient]:
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        client = boto3.client("dynamodb", region_name="eu-central-1")
        index: Any = {"IndexName": records.INDEX, "KeySchema": DUE, "Projection": {"ProjectionType": "ALL"}}
        client.create_table(
            TableName=NAME, BillingMode="PAY_PER_REQUEST", KeySchema=HASH, AttributeDefinitions=TYPES,
            GlobalSecondaryIndexes=[index],
        )  # fmt: skip
        yield client


@pytest.fixture(scope="module")
def our_client(one_service: Service) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        region_name="eu-central-1",
        endpoint_url=one_service.address,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.fixture(params=["ours", "moto"])
def client(request: pytest.FixtureRequest, service: Service) -> DynamoDBClient:
    found: DynamoDBClient = request.getfixturevalue("our_client" if request.param == "ours" else "moto_client")
    return found


def make_record(version: int = 1, due_at: int | None = 1_000, digit: str = "0") -> ImageRecord:
    owner, gallery, image = (uuid.uuid4().hex for _ in range(3))
    image = image[:-1] + digit
    keys = (original_key(owner, gallery, image, "jpg"),)
    return ImageRecord(owner, gallery, image, keys, 12, "image/jpeg", 4, 3, "a.jpg", 900, due_at, due_at, version)


def later(record: ImageRecord, version: int, due_at: int | None) -> ImageRecord:
    """The same image with another version and end."""
    return ImageRecord(**vars(record) | {"version": version, "expires_at": due_at, "due_at": due_at})


def refusal(act: Any, **request: Any) -> tuple[str, Any]:
    """(code, what the answer shows) of a refused request."""
    with pytest.raises(ClientError) as caught:
        act(TableName=NAME, **request)
    return caught.value.response["Error"]["Code"], caught.value.response.get("Item")


def there(client: DynamoDBClient, record: ImageRecord) -> ImageRecord | None:
    item = client.get_item(TableName=NAME, Key=record.key).get("Item")
    return None if item is None else records.parse_image(item)


def test_r_put_writes_over_older_records_only(client: DynamoDBClient) -> None:
    first = make_record(version=3)
    client.put_item(TableName=NAME, **records.put(first))
    assert there(client, first) == first
    for version in (2, 3):
        assert refusal(client.put_item, **records.put(later(first, version, 5)))[0] == "ConditionalCheckFailedException"
    newer = later(first, 4, None)
    client.put_item(TableName=NAME, **records.put(newer))
    assert there(client, first) == newer


def test_r_len_needs_an_open_older_record_and_shows_what_is_there(client: DynamoDBClient) -> None:
    record = make_record(version=3)
    request = records.lengthen(record.gallery, record.image, 4, 2_000, 2_000)
    assert refusal(client.update_item, **request) == ("ConditionalCheckFailedException", None)
    client.put_item(TableName=NAME, **records.put(record))
    client.update_item(TableName=NAME, **request)
    assert there(client, record) == later(record, 4, 2_000)
    code, shown = refusal(client.update_item, **request)
    assert (code, records.version_of(shown)) == ("ConditionalCheckFailedException", 4)
    client.update_item(TableName=NAME, **records.lengthen(record.gallery, record.image, 5, None, None))
    assert there(client, record) == later(record, 5, None)
    assert "shard" not in client.get_item(TableName=NAME, Key=record.key)["Item"]
    client.update_item(TableName=NAME, **records.lengthen(record.gallery, record.image, 6, None, 3_000))
    found = there(client, record)
    assert found is not None
    assert (found.expires_at, found.due_at) == (None, 3_000)


def test_r_claim_asks_the_base_table_and_nothing_writes_over_it(client: DynamoDBClient) -> None:
    record = make_record(due_at=1_000)
    claim = records.claim(record.key, "run", 1_100, 999)
    assert refusal(client.update_item, **claim)[0] == "ConditionalCheckFailedException", "never makes a record"
    assert there(client, record) is None
    client.put_item(TableName=NAME, **records.put(record))
    assert refusal(client.update_item, **claim)[0] == "ConditionalCheckFailedException", "not due"
    assert refusal(client.delete_item, **records.drop_claimed(record.key))[0] == "ConditionalCheckFailedException"
    client.update_item(TableName=NAME, **records.claim(record.key, "run", 1_100, 1_000))
    client.update_item(TableName=NAME, **records.claim(record.key, "another", 1_101, 1_000))
    found = there(client, record)
    assert found is not None
    assert found.claim == "another"
    for request, act in (
        (records.put(later(record, 9, None)), client.put_item),
        (records.lengthen(record.gallery, record.image, 9, None, None), client.update_item),
    ):
        assert refusal(act, **request)[0] == "ConditionalCheckFailedException"
    client.delete_item(TableName=NAME, **records.drop_claimed(record.key))
    assert there(client, record) is None


def test_the_index_holds_what_is_due_oldest_first_in_pages(client: DynamoDBClient) -> None:
    digit, shard = "b", "11"
    mine = [make_record(due_at=due_at, digit=digit) for due_at in (700, 500, 600, 900, None)]
    for record in [*mine, make_record(due_at=500, digit="3")]:
        client.put_item(TableName=NAME, **records.put(record))
    page = client.query(TableName=NAME, **records.due_query(shard, 800.9, limit=2))
    assert [records.parse_image(item).due_at for item in page["Items"]] == [500, 600]
    rest = client.query(TableName=NAME, **records.due_query(shard, 800.9, limit=2, after=page["LastEvaluatedKey"]))
    assert [records.parse_image(item).due_at for item in rest["Items"]] == [700]
    assert client.query(TableName=NAME, **records.due_count(shard, 800.9))["Count"] == 3
    for record in mine:
        client.delete_item(TableName=NAME, Key=record.key)


@pytest.mark.parametrize(
    "change",
    [
        {"due_at": {"S": "1000"}},
        {"due_at": {"N": "NaN"}},
        {"shard": {"N": "1"}},
        {"pk": {"N": "1"}},
    ],
)
def test_what_dynamodb_would_refuse_is_refused(
    our_client: DynamoDBClient, change: dict[str, Any], service: Service
) -> None:
    request = records.put(make_record())
    request["Item"] = request["Item"] | change
    assert refusal(our_client.put_item, **request)[0] == "ValidationException"
    assert service.table.items == {}


def test_reserved_words_need_placeholders(our_client: DynamoDBClient, service: Service) -> None:
    request = records.put(make_record())
    request["ConditionExpression"] = "attribute_not_exists(version)"
    assert refusal(our_client.put_item, **request)[0] == "ValidationException"
    request = records.put(make_record())
    request["ExpressionAttributeNames"]["#spare"] = "spare"
    assert refusal(our_client.put_item, **request)[0] == "ValidationException"
