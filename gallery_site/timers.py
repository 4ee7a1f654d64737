"""The site's own timers: sweep and drain run beside the requests, by themselves, in a thread each of each process.

Any number of processes may do this at once: every step is a conditional write.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from django.core.management import call_command
from django.db import close_old_connections
from django.utils import timezone

from galleries.endings import send_notices
from galleries.invalidating import send_invalidations
from galleries.metrics import count_sweep
from galleries.outbox import drain_outbox
from galleries.reconciling import remove_stale_uploads
from galleries.sweeping import forget_old_holds, make_plan, run_sweep
from galleries.throttling import drop_stale
from gallery_site.accounts.deletion import drop_empty_accounts
from gallery_site.accounts.invitations import forget_ended

log = logging.getLogger(__name__)

SWEEP_EVERY = 60.0  # seconds
DRAIN_EVERY = 5.0  # a round that finds nothing is two looks at an empty index
FIRST_AFTER = 5.0
TIDY_EVERY = 24 * 60  # rounds: once a day
NOTICE_EVERY = 15  # rounds
REPORT_EVERY = 5  # rounds: as long as a period of the template's alarms

_stop = threading.Event()
_threads: list[threading.Thread] = []


def start() -> None:
    """Start the timer threads of this process (once); the drain's only where there are records."""
    if _threads or not settings.RUN_TIMERS:
        return
    _stop.clear()
    _threads.append(threading.Thread(target=_run, name="timers", daemon=True))
    if settings.GALLERY_TABLE:
        _threads.append(threading.Thread(target=_run_drain, name="drain", daemon=True))
    for thread in _threads:
        thread.start()


def stop() -> None:
    """Ask the threads to end and give them a moment; what they were doing is taken up by the next run."""
    _stop.set()
    for thread in _threads:
        thread.join(timeout=2)
    _threads.clear()


def tick() -> None:
    """One round: make edges forget what is gone, remove what is due."""
    now = timezone.now()
    send_invalidations(now)
    report = run_sweep(make_plan(now), time_left=lambda: not _stop.is_set())
    drop_empty_accounts(now)
    count_sweep("held" if report.held else "done", report.deleted, report.failed)
    if report.deleted or report.failed or report.held:
        log.info("sweep", extra={"fields": report.as_dict()})


def tidy() -> None:
    """Once a day: sessions and used invitations that ended, limits that count nothing, holds that nobody waits for."""
    now = timezone.now()
    call_command("clearsessions")
    drop_stale(now)
    forget_ended(now)
    forget_old_holds(now)


def report() -> None:
    """Tell CloudWatch how far records are behind. Loaded here, since other sites need no SDK."""
    from galleries.reporting import report_backlog

    report_backlog(timezone.now())


def _run() -> None:
    wait, rounds = FIRST_AFTER, 0
    while not _stop.wait(wait):
        wait = SWEEP_EVERY
        beat(rounds)
        rounds += 1


def beat(rounds: int) -> None:
    """What is due in this round, each thing for itself: none of them may end the thread, or keep the others waiting."""
    if rounds % REPORT_EVERY == 0 and settings.GALLERY_TABLE:
        _attempt("report", report)
    _attempt("sweep", tick)
    # Each round lists one folder: photos that a killed process left there have not lost their place and camera yet.
    _attempt("removing what uploads left", lambda: remove_stale_uploads(timezone.now()))
    if rounds % NOTICE_EVERY == 0:
        _attempt("notices", lambda: send_notices(timezone.now()))
    if rounds % TIDY_EVERY == 0:
        _attempt("tidying", tidy)


def _attempt(name: str, act: Callable[[], object]) -> None:
    try:
        act()
    except Exception:  # a thread that has died expires nothing any more, and nobody would see it
        if name == "sweep":
            count_sweep("failed")
        log.exception("%s failed; the next round goes on", name)
    finally:
        close_old_connections()


def _run_drain() -> None:
    """Apart from the sweep, which may be at it for minutes."""
    while not _stop.wait(DRAIN_EVERY):
        _attempt("the outbox", lambda: drain_outbox(timezone.now()))
