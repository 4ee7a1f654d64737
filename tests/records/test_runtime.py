"""The packed Lambda in the runtime that AWS runs it in: its import, its memory, its requests, and how it is killed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from cleanup_lambda.records import ImageRecord
from gallery_site.runner.packaging import pack_lambda
from tests.live import ROOT
from tests.records.due import GRACE, HOUR, keep, make_record, objects, store_objects
from tests.records.service import Service

PATIENCE = 30.0  # seconds
MEMORY = 256 * 1024  # kB: what the template gives it
API = "/2018-06-01/runtime/invocation"


@dataclass
class RuntimeApi:
    """Lambda's Runtime API: hands out events, takes answers and errors."""

    events: Queue[tuple[str, Any, float]] = field(default_factory=Queue)  # request id, event, deadline
    answers: Queue[tuple[str, Any]] = field(default_factory=Queue)  # "response" or "error", what was sent
    ready: Queue[float] = field(default_factory=Queue)  # when the runtime asked for an event

    def __enter__(self) -> RuntimeApi:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                api.ready.put(time.monotonic())
                request_id, event, deadline = api.events.get()
                body = json.dumps(event).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", request_id)
                self.send_header("Lambda-Runtime-Deadline-Ms", str(round(deadline * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:1:function:sweep")
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                api.answers.put((self.path.rpartition("/")[2], body))

            def log_message(self, format: str, *args: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def invoke(self, event: Any = None, *, seconds: float = 300.0, request_id: str = "one") -> tuple[str, Any]:
        """Hand out one event with so many seconds; (kind, body) of what came back."""
        self.events.put((request_id, event or {}, time.time() + seconds))
        return self.answers.get(timeout=PATIENCE)


@dataclass
class Function:
    """The running function."""

    api: RuntimeApi
    process: subprocess.Popen[bytes]
    started: float
    log: Path

    def memory(self) -> int:
        """The most that it held, in kB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])

    def last_line(self) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.log.read_text().splitlines()[-1])
        return line


@pytest.fixture
def function(service: Service, tmp_path: Path) -> Iterator[Function]:
    """The zip, unpacked as AWS does it, under the runtime's own loop; the site is not there to be imported."""
    with zipfile.ZipFile(io.BytesIO(pack_lambda(ROOT))) as archive:
        archive.extractall(tmp_path / "task")
    environment = service.environment | {
        "PATH": os.environ["PATH"],
        "GALLERY_TABLE": service.table.name,
        "GALLERY_BUCKET": service.objects.name,
        "GALLERY_GRACE_SECONDS": str(GRACE),
        "PYTHONPATH": str(tmp_path / "task"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    log = tmp_path / "log"
    with RuntimeApi() as api, log.open("wb") as output:
        environment["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{api.server.server_address[1]}"
        command = [sys.executable, "-m", "awslambdaric", "cleanup_lambda.handler.lambda_handler"]
        started = time.monotonic()
        process = subprocess.Popen(command, env=environment, cwd=tmp_path / "task", stdout=output, stderr=output)
        try:
            yield Function(api, process, started, log)
        finally:
            process.kill()
            process.wait()


def fill(service: Service, count: int) -> list[ImageRecord]:
    """So many due images with their objects."""
    due = [make_record(round(time.time()) - GRACE - HOUR) for _ in range(count)]
    keep(service.table, *due)
    assert service.objects.folder is not None
    store_objects(service.objects.folder, *due)
    return due


@pytest.mark.slow
def test_the_packed_function_sweeps_in_its_runtime(function: Function, service: Service) -> None:
    assert service.objects.folder is not None
    fill(service, 50)
    init = function.api.ready.get(timeout=PATIENCE) - function.started
    kind, answer = function.api.invoke()
    assert (kind, answer) == (
        "response",
        {"due": 50, "deleted": 50, "failed": 0, "skipped": 0, "bytes": 350, "remaining": False},
    )
    assert not service.table.records
    assert not objects(service.objects.folder)
    assert service.calls == {"GetItem": 1, "Query": 16, "UpdateItem": 50, "DeleteItem": 50, "DeleteObjects": 1}
    line = function.last_line()
    assert (line["run"], line["Deleted"]) == ("one", 50)
    assert function.memory() < MEMORY
    assert init < 10, "the limit of AWS for an import"

    fill(service, 5)
    late = function.api.invoke(seconds=9.9, request_id="two")
    assert late == ("response", {"due": 0, "deleted": 0, "failed": 0, "skipped": 0, "bytes": 0, "remaining": True})
    for request_id in ("three", "three"):  # the same event twice
        kind, answer = function.api.invoke(request_id=request_id)
        assert kind == "response"
    assert not service.table.records

    service.fail("GetItem", "ResourceNotFoundException", times=1)
    kind, answer = function.api.invoke()
    assert (kind, answer["errorType"]) == ("error", "ResourceNotFoundException")


@pytest.mark.slow
def test_a_function_killed_in_the_middle_is_finished_by_the_next(
    function: Function, service: Service, tmp_path: Path
) -> None:
    """SIGKILL at the first DeleteItem, as a time-out or lack of memory does it."""
    assert service.objects.folder is not None
    due = fill(service, 30)

    def kill(operation: str, request: Any) -> None:
        if operation == "DeleteItem":
            function.process.kill()

    service.before = kill
    function.api.events.put(("one", {}, time.time() + 300))
    assert function.process.wait(PATIENCE) != 0
    service.before = lambda operation, request: None
    left = list(service.table.images())
    assert left
    assert all("claim" in item for item in left)
    from cleanup_lambda.handler import Settings, _clients, run
    from cleanup_lambda.objects import BucketObjects

    settings = Settings(service.table.name, service.objects.name, "eu-central-1", service.address, GRACE)
    table, bucket = _clients(settings)
    again = run(settings, table, BucketObjects(bucket, service.objects.name))
    assert again["deleted"] == len(left) <= len(due)
    assert not service.table.records
    assert not objects(service.objects.folder)


def test_the_package_is_the_same_on_every_machine_and_holds_nothing_else() -> None:
    packed = pack_lambda(ROOT)
    assert packed == pack_lambda(ROOT)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert "cleanup_lambda/handler.py" in names
    assert names == sorted(names)
    assert all(name.startswith("cleanup_lambda/") and name.endswith(".py") for name in names)
    assert len(packed) < 100_000
