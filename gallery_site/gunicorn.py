"""gunicorn's configuration, for ``run.py`` and for a server (``gunicorn -c python:gallery_site.gunicorn``).

Threads, not processes: one process with 64 threads served 50 slow zip readers and still answered pages in 1.7 ms; two
processes with 32 threads hung at 50. A server with more cores runs GALLERY_WORKERS processes of GALLERY_THREADS=32.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from gallery_site.runner.listening import join_address, listen_address

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

# After Ctrl-C requests under way get this long; what they were doing is safe to cut (an upload is retried).
QUICK_STOP_SECONDS = 3
LAST_RESORT_SECONDS = QUICK_STOP_SECONDS + 2

wsgi_app = "gallery_site.wsgi:application"
# On a server systemd hands the socket over (deploy/systemd), and this does not count.
bind = join_address(*listen_address(os.environ))
worker_class = "gallery_site.worker.Worker"  # gthread
workers = int(os.environ.get("GALLERY_WORKERS", "1"))
threads = int(os.environ.get("GALLERY_THREADS", "64"))
timeout = 60
graceful_timeout = 75  # SIGTERM: a zip or an upload under way may finish
keepalive = 5
limit_request_line = 4094
forwarded_allow_ips = os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
control_socket_disable = True
# The heartbeat file must not wait for a disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (memory, not a shared /tmp)
# The site logs its own requests, without queries; gunicorn says only what went wrong.
accesslog = None
loglevel = "warning"


def when_ready(server: Arbiter) -> None:
    """The sockets listen: tell the person at the terminal where."""
    if server.systemd:
        return
    from gallery_site.banner import print_banner

    print_banner(os.environ)


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Counting begins before the application is loaded in this process."""
    from galleries import metrics

    metrics.start()


def post_worker_init(worker: Worker) -> None:
    """Expiry and the outbox run beside the requests, in each worker."""
    from gallery_site import timers

    bound_quick_stop(worker)
    timers.start()
    threading.Thread(target=look_first, name="first look", daemon=True).start()


def look_first() -> None:
    """Says at once what is configured wrong, and spares the first visitor the building of clients."""
    from gallery_site import garbage, health

    try:
        health.look_first()
    finally:
        garbage.spare_what_is_loaded()


def bound_quick_stop(worker: Worker) -> None:
    """Let a worker that is told to stop at once take no longer than LAST_RESORT_SECONDS for it.

    gthread's own handler takes the locks of its thread pool. When the signal meets the main thread just as it hands
    a request to the pool, it waits for itself, for the whole graceful_timeout. An alarm needs no lock and no thread.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        signal.alarm(LAST_RESORT_SECONDS)
        worker.handle_quit(number, frame)

    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, stop)


def worker_int(worker: Worker) -> None:
    """A worker was told to stop at once: do not wait for somebody's slow download to end."""
    # Python joins the threads of the pool at exit; this one is a daemon and ends the process over them.
    watchdog = threading.Timer(QUICK_STOP_SECONDS, os._exit, args=(0,))
    watchdog.daemon = True
    watchdog.start()


def worker_exit(server: Arbiter, worker: Worker) -> None:
    """Runs in the worker; gunicorn also calls it in the master for a worker that is already dead."""
    if worker.pid != os.getpid():
        return
    from gallery_site import timers

    timers.stop()
