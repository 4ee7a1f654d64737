"""The site's own timer: sweep and drain run beside the requests, by themselves, in one thread of each process.

Any number of processes may do this at once: every step is a conditional write.
"""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from galleries.metadata import drain_outbox
from galleries.problems import Problem
from galleries.reconciling import remove_stale_uploads
from galleries.storage import StorageError
from galleries.sweeping import make_plan, run_sweep
from gallery_site.accounts.deletion import drop_empty_accounts

log = logging.getLogger(__name__)

SWEEP_EVERY = 60.0  # seconds
FIRST_AFTER = 5.0
TIDY_EVERY = 24 * 60  # rounds: once a day

_stop = threading.Event()
_thread: threading.Thread | None = None


def start() -> None:
    """Start the timer thread of this process (once)."""
    global _thread
    if _thread is None and settings.RUN_TIMERS:
        _stop.clear()
        _thread = threading.Thread(target=_run, name="timers", daemon=True)
        _thread.start()


def stop() -> None:
    """Ask the thread to end and give it a moment; what it was doing is taken up by the next run."""
    global _thread
    _stop.set()
    if _thread is not None:
        _thread.join(timeout=2)
        _thread = None


def tick() -> None:
    """One round: publish what waits, remove what is due."""
    now = timezone.now()
    drain_outbox(now)
    report = run_sweep(make_plan(now), time_left=lambda: not _stop.is_set())
    drop_empty_accounts(now)
    if report.deleted or report.failed or report.held:
        log.info("sweep", extra={"fields": report.as_dict()})


def tidy() -> None:
    """Once a day: sessions that ended, and what killed uploads left in their folder."""
    call_command("clearsessions")
    remove_stale_uploads(timezone.now())


def _run() -> None:
    wait, rounds = FIRST_AFTER, 0
    while not _stop.wait(wait):
        wait = SWEEP_EVERY
        try:
            tick()
            if rounds % TIDY_EVERY == 0:
                tidy()
            rounds += 1
        except (DatabaseError, StorageError, Problem, OSError):
            log.exception("sweep failed; the next run goes on")
        finally:
            close_old_connections()
