"""A job on its way from the web process to the parent of the children: four bytes of length, JSON, one fd."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from galleries.decoding.specs import SPECS

ORIGINAL_NAME = "original"

_LENGTH_BYTES = 4
_JOB_MAX = 64 * 1024  # four paths and a flag


@dataclass(frozen=True)
class Job:
    """One picture to decode. `source` is read; `workdir` exists and has none of the files to be written.

    `offered`: renditions that came with the picture, by the name of their spec; nothing is known about them.
    `group`: pictures of one may follow each other in one child; without it a picture has a child of its own.
    """

    source: Path
    workdir: Path
    keep_metadata: bool
    offered: Mapping[str, Path] = field(default_factory=dict)
    group: str = ""

    def remove_outputs(self) -> None:
        """Of a try that came to nothing."""
        for name in (ORIGINAL_NAME, *(spec.filename for spec in SPECS)):
            with suppress(FileNotFoundError):
                (self.workdir / name).unlink()


def send_job(control: socket.socket, job: Job, reply: int) -> None:
    """Send a job with the end of the pipe that its answer goes to. Raises OSError."""
    body = json.dumps(
        {
            "source": os.fspath(job.source.absolute()),
            "workdir": os.fspath(job.workdir.absolute()),
            "keep_metadata": job.keep_metadata,
            "offered": {spec: os.fspath(path.absolute()) for spec, path in job.offered.items()},
            "group": job.group,
        }
    ).encode()
    # The descriptor travels with the length alone: a stream has no message boundaries to attach it to.
    socket.send_fds(control, [len(body).to_bytes(_LENGTH_BYTES, "big")], [reply])
    control.sendall(body)


def receive_job(control: socket.socket) -> tuple[Job, int] | None:
    """The next job and the pipe for its answer; None when the web process is gone."""
    head, descriptors, _, _ = socket.recv_fds(control, _LENGTH_BYTES, 1)
    head += _receive(control, _LENGTH_BYTES - len(head))
    length = int.from_bytes(head, "big")
    if not descriptors or not 0 < length <= _JOB_MAX:
        return None
    body = _receive(control, length)
    if len(body) < length:
        return None
    fields = json.loads(body)
    offered = {spec: Path(path) for spec, path in fields["offered"].items()}
    job = Job(Path(fields["source"]), Path(fields["workdir"]), bool(fields["keep_metadata"]), offered, fields["group"])
    return job, descriptors[0]


def _receive(control: socket.socket, length: int) -> bytes:
    """Up to `length` bytes: fewer only when the other side is gone."""
    received = b""
    while len(received) < length and (chunk := control.recv(length - len(received))):
        received += chunk
    return received
