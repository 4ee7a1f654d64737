"""The decoding server with faults put into it: what a "picture" says is what its child does."""

import ctypes
import errno
import json
import os
import resource
import signal
import sys
import time
from datetime import datetime

from galleries.decoding import server
from galleries.decoding.job import run_job
from galleries.decoding.limits import Limits
from galleries.decoding.results import ImageRejected
from galleries.decoding.wire import Job

REPLY = 3  # the descriptor of the pipe in a child
opened: list[str] = []  # pictures that this process has opened


def work(job: Job, limits: Limits, latest: datetime) -> dict[str, object]:
    for file in (job.source, *job.offered.values()):
        fault, _, argument = file.read_bytes()[:4096].partition(b":")
        if fault in FAULTS:
            (job.source.parent / "child.pid").write_text(str(os.getpid()))
            with (job.source.parent / "tries").open("a") as tries:
                tries.write(".")
            FAULTS[fault](job, argument.decode())
    opened.append(job.source.name)
    return run_job(job, limits, latest)


def good(job: Job, argument: str) -> None:
    """None, after all."""
    job.source.write_bytes((job.source.parent / "good.jpg").read_bytes())


def after_others(job: Job, argument: str) -> None:
    """Another fault, in a process that has opened pictures before."""
    if opened:
        fault, _, argument = argument.partition(":")
        FAULTS[fault.encode()](job, argument)
    good(job, "")


def grow(job: Job, argument: str) -> None:
    len(b"x" * (200 * 1024 * 1024))
    good(job, "")


def work_for(job: Job, argument: str) -> None:
    """Seconds of processor time."""
    while time.process_time() < float(argument):
        pass
    good(job, "")


def segfault(job: Job, argument: str) -> None:
    ctypes.string_at(0)


def use_memory(job: Job, argument: str) -> None:
    len([bytes(1 << 28) for _ in range(16)])


def be_killed(job: Job, argument: str) -> None:
    """By the kernel, when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(job: Job, argument: str) -> None:
    time.sleep(3600)


def sleep_deaf(job: Job, argument: str) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time.sleep(3600)


def spin(job: Job, argument: str) -> None:
    while True:
        pass


def raise_error(job: Job, argument: str) -> None:
    raise ZeroDivisionError


def fill_disk(job: Job, argument: str) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def write_without_end(job: Job, argument: str) -> None:
    with (job.workdir / "preview.jpg").open("wb") as target:
        while True:
            target.write(bytes(1 << 20))


def report(job: Job, argument: str) -> None:
    os.write(REPLY, argument.encode() + b"\n")
    os._exit(0)


def report_without_end(job: Job, argument: str) -> None:
    while True:
        os.write(REPLY, b"{" * 4096)


def kill_parent(job: Job, argument: str) -> None:
    """Once; always with the argument "always"."""
    marker = job.source.parent / "killed"
    if argument == "always" or not marker.exists():
        marker.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(3600)
    good(job, argument)


def refuse(job: Job, argument: str) -> None:
    raise ImageRejected("corrupt_image", "This file is damaged or not complete.")


def tell(job: Job, argument: str) -> None:
    """What this process is, in a file."""
    facts = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "environment": dict(os.environ),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        "descriptors": [fd for fd in range(64) if is_open(fd)],
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in LIMITS},
    }
    (job.source.parent / "facts.json").write_text(json.dumps(facts))
    if argument.strip() != "and open":
        os._exit(0)
    good(job, "")


def overlap(job: Job, argument: str) -> None:
    """Count how many do this at once, in a folder of marks."""
    marks = job.source.parent / "marks"
    (marks / str(os.getpid())).touch()
    with (job.source.parent / "counts").open("a") as counts:
        counts.write(f"{len(list(marks.iterdir()))}\n")
    time.sleep(0.2)
    (marks / str(os.getpid())).unlink()
    os._exit(0)


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


LIMITS = ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NOFILE")

FAULTS = {
    b"good": good,
    b"after_others": after_others,
    b"grow": grow,
    b"work_for": work_for,
    b"refuse": refuse,
    b"segfault": segfault,
    b"use_memory": use_memory,
    b"be_killed": be_killed,
    b"sleep": sleep,
    b"sleep_deaf": sleep_deaf,
    b"spin": spin,
    b"raise_error": raise_error,
    b"fill_disk": fill_disk,
    b"write_without_end": write_without_end,
    b"report": report,
    b"report_without_end": report_without_end,
    b"kill_parent": kill_parent,
    b"tell": tell,
    b"overlap": overlap,
}


if __name__ == "__main__":
    server.serve(int(sys.argv[1]), Limits(**json.loads(sys.argv[2])), work)
