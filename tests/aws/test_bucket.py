"""The store in S3: the same behaviour as the store on a disk, and what a network adds. Asserted on moto only where moto
can tell; signatures, permissions and races are asked of the independent emulator."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import botocore.awsrequest
import pytest
from botocore.compat import HTTPHeaders

from cleanup_lambda.keys import original_key, rendition_key
from galleries.bucket import BucketMediaStorage, client_config
from galleries.storage import ObjectExists, ObjectMissing, StorageError
from tests.core.test_keys_and_ids import HOSTILE

KEY = original_key("a" * 32, "b" * 32, "c" * 32, "jpg")
BODY = b"the bytes" * 1_000
Handler = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(BODY)
    return path


def _keys(count: int) -> list[str]:
    return [rendition_key("a" * 32, "b" * 32, f"{n:032x}", "preview", "jpg") for n in range(count)]


def _inject(store: BucketMediaStorage, operation: str, *statuses: int, code: str = "SlowDown") -> list[int]:
    """The first requests of ``operation`` get these answers, 0 meaning that they go through; returns what was asked."""
    asked: list[int] = []

    def answer(request: Any, **_: Any) -> Any:
        asked.append(len(asked))
        status = statuses[len(asked) - 1] if len(asked) <= len(statuses) else 0
        if not status:
            return None
        body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        return botocore.awsrequest.AWSResponse(request.url, status, HTTPHeaders(), _Raw(body))

    store.client.meta.events.register_first(f"before-send.s3.{operation}", answer)
    return asked


class _Raw:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.body


class _ElsewhereS3(BaseHTTPRequestHandler):
    """A bucket in eu-west-1: who signs for another region is told where it is."""

    def do_GET(self) -> None:
        if "/eu-west-1/s3/" in self.headers["Authorization"]:
            status, body = 200, b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
        else:
            status = 400
            body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


@pytest.mark.parametrize("region", ["eu-central-1", "eu-west-1"])
def test_a_bucket_in_another_region_is_named_though_the_sdk_finds_it(region: str) -> None:
    """It asks twice for everything then, and DynamoDB has no such second try."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _ElsewhereS3)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    keys = {"access_key": "testing", "secret_key": "testing", "bucket_name": "photos", "region_name": region}
    store = BucketMediaStorage(endpoint_url=f"http://127.0.0.1:{server.server_address[1]}", **keys)
    try:
        for _ in range(2):  # the second time it knows the way
            if region == "eu-west-1":
                store.check()
            else:
                with pytest.raises(StorageError, match="AWS_REGION is not the region of GALLERY_BUCKET"):
                    store.check()
        assert list(store.walk()) == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_object_is_what_was_put_with_what_an_edge_needs_to_know(store: BucketMediaStorage, source: Path) -> None:
    store.put(KEY, source, "image/jpeg")
    with store.open_object(KEY) as stored:
        assert stored.read() == BODY
    head = store.client.head_object(Bucket="photos", Key=KEY, ChecksumMode="ENABLED")
    assert head["ContentType"] == "image/jpeg"
    assert head["CacheControl"] == "max-age=900, s-maxage=86400, immutable"
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(BODY).digest()).decode()


def test_a_key_is_used_once(store: BucketMediaStorage, source: Path) -> None:
    store.put(KEY, source, "image/jpeg")
    source.write_bytes(b"other")
    with pytest.raises(ObjectExists):
        store.put(KEY, source, "image/jpeg")
    with store.open_object(KEY) as stored:
        assert stored.read() == BODY


def test_a_foreign_key_never_reaches_the_store(store: BucketMediaStorage, source: Path) -> None:
    asked = _inject(store, "*")
    for key in [*HOSTILE, "", "media", "other/thing.jpg"]:
        with pytest.raises(ObjectMissing):
            store.put(key, source, "image/jpeg")
        with pytest.raises(ObjectMissing):
            store.open_object(key)
        assert store.delete_objects([key]) == {key: "not one of our keys"}
    assert asked == []


def test_two_refusals_are_waited_out_and_a_third_is_an_error(store: BucketMediaStorage, source: Path) -> None:
    """F5 of SAFETY."""
    asked = _inject(store, "PutObject", 503, 503)
    store.put(KEY, source, "image/jpeg")
    assert len(asked) == 3
    refused = rendition_key("a" * 32, "b" * 32, "c" * 32, "preview", "jpg")
    asked = _inject(store, "PutObject", 503, 503, 503)
    with pytest.raises(StorageError):
        store.put(refused, source, "image/jpeg")
    assert len(asked) == 3


def test_a_put_whose_answer_got_lost_is_not_taken_for_somebody_elses(store: BucketMediaStorage, source: Path) -> None:
    """F7: the retry of a conditional PUT meets its own first attempt."""
    lost = _lose_answers(store, "PutObject", 1)
    store.put(KEY, source, "image/jpeg")
    assert lost == [200, 412]


def test_a_lost_answer_does_not_hide_that_the_key_was_taken(store: BucketMediaStorage, source: Path) -> None:
    store.put(KEY, source, "image/jpeg")
    source.write_bytes(b"other bytes")
    _lose_answers(store, "PutObject", 1)
    with pytest.raises(ObjectExists):
        store.put(KEY, source, "image/jpeg")


def _lose_answers(store: BucketMediaStorage, operation: str, count: int) -> list[int]:
    """The store does what it is asked, and its first ``count`` answers never arrive."""
    seen: list[int] = []

    def lose(response: Any, **_: Any) -> Any:
        seen.append(response[0].status_code if response else 0)
        return 0.0 if len(seen) <= count else None

    store.client.meta.events.register_first(f"needs-retry.s3.{operation}", lose)
    return seen


def test_bytes_that_changed_on_the_way_are_refused(store: BucketMediaStorage, source: Path) -> None:
    """F8: moto does not verify what it is sent, so the ETag has to tell."""

    def corrupt(request: Any, **_: Any) -> None:
        request.body = b"X" + BODY[1:]

    store.client.meta.events.register("before-send.s3.PutObject", corrupt)
    with pytest.raises(StorageError, match="other bytes"):
        store.put(KEY, source, "image/jpeg")


def test_parts_of_an_object_are_asked_for_as_parts(store: BucketMediaStorage, source: Path) -> None:
    store.put(KEY, source, "image/jpeg")
    asked = _inject(store, "GetObject")
    with store.open_object(KEY) as stored:
        assert stored.seek(0, 2) == len(BODY)
        stored.seek(0)
        assert stored.read(4) == BODY[:4]
        assert len(asked) == 1, "the size came with the first answer"
        stored.seek(5_000)
        assert stored.read(4) == BODY[5_000:5_004]
        assert stored.read() == BODY[5_004:]
        assert stored.read() == b""
        assert len(asked) == 2


def test_deleting_sends_at_most_a_thousand_keys_and_a_missing_one_counts(
    store: BucketMediaStorage, source: Path
) -> None:
    store.put(_keys(1)[0], source, "image/jpeg")
    sizes: list[int] = []

    def count(params: dict[str, Any], **_: Any) -> None:
        sizes.append(len(params["Delete"]["Objects"]))

    store.client.meta.events.register("before-parameter-build.s3.DeleteObjects", count)
    assert store.delete_objects(_keys(2_001)) == {}
    assert sizes == [1_000, 1_000, 1]
    assert list(store.walk()) == []
    assert store.delete_objects([]) == {}


def test_a_partial_delete_names_what_failed_after_one_more_try(store: BucketMediaStorage, source: Path) -> None:
    """F10: DeleteObjects answers 200 and carries errors."""
    first, second, third = _keys(3)
    tries: list[int] = []

    def fail(parsed: dict[str, Any], **_: Any) -> None:
        tries.append(1)
        slow = {"Key": second, "Code": "SlowDown"} if len(tries) == 1 else {"Key": "", "Code": ""}
        denied = {"Key": third, "Code": "AccessDenied"} if len(tries) == 1 else {"Key": "", "Code": ""}
        parsed["Errors"] = [each for each in (slow, denied) if each["Key"]]

    store.client.meta.events.register("after-call.s3.DeleteObjects", fail)
    assert store.delete_objects([first, second, third]) == {third: "AccessDenied"}
    assert len(tries) == 2


def test_every_page_of_a_listing_is_read_and_nothing_outside_media(store: BucketMediaStorage, source: Path) -> None:
    client = store.client
    client.meta.events.register("before-parameter-build.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=3))
    for key in [*_keys(10), "elsewhere/file"]:
        client.put_object(Bucket="photos", Key=key, Body=b"12")
    listed = list(store.walk())
    assert sorted(each.key for each in listed) == _keys(10)
    assert {each.size for each in listed} == {2}
    assert all(abs(each.modified_at - datetime.now(UTC)) < timedelta(minutes=5) for each in listed)


def test_one_client_serves_all_threads(store: BucketMediaStorage) -> None:
    clients: list[Any] = []
    threads = [threading.Thread(target=lambda: clients.append(store.client)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in clients}) == 1
    assert clients[0].meta.config.max_pool_connections == 64


def test_the_time_that_a_silent_store_may_take_fits_into_a_request() -> None:
    config: Any = client_config(path_style=True)
    attempts = config.retries["total_max_attempts"]
    assert attempts * config.read_timeout + 3 <= 20, "three attempts and the waits between them (SAFETY 5.7)"
    assert config.s3["addressing_style"] == "path"
    assert config.request_checksum_calculation == "when_required"


def test_a_missing_bucket_is_named(store: BucketMediaStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    store.check()
    monkeypatch.setattr(store, "bucket_name", "nowhere")
    with pytest.raises(StorageError, match="GALLERY_BUCKET names nothing"):
        store.check()
    monkeypatch.setattr(store, "bucket_name", "No Bucket!")
    with pytest.raises(StorageError, match="GALLERY_BUCKET is not a name"):
        store.check()


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, "ExpiredToken", "credentials have expired"),
        (403, "InvalidAccessKeyId", "credentials are not accepted"),
        (403, "AccessDenied", "do not allow to use GALLERY_BUCKET"),
        (301, "PermanentRedirect", "AWS_REGION"),
        (400, "AuthorizationHeaderMalformed", "AWS_REGION"),
        (403, "RequestTimeTooSkewed", "clock is wrong"),
    ],
)
def test_a_refusal_names_what_the_operator_has_to_look_at(
    store: BucketMediaStorage, status: int, code: str, sentence: str
) -> None:
    _inject(store, "ListObjectsV2", status, status, status, code=code)
    with pytest.raises(StorageError, match=sentence):
        store.check()
