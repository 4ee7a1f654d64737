"""``manage.py sweep_expired``: removes what is due for good. Exit codes: 0 done, 1 something is left, 2 wrong use."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from cleanup_lambda.sweep import Report
from galleries.management.arguments import Progress, duration, identifier, positive
from galleries.metadata import records
from galleries.models import Gallery
from galleries.storage import StorageError
from galleries.sweeping import SweepPlan, make_plan, preview_sweep, run_sweep
from gallery_site.accounts.deletion import drop_empty_accounts

FIELDS = ("due", "deleted", "failed", "skipped", "bytes", "held")
FLOOR = timedelta(minutes=15)  # LIFECYCLE section 4: more than any difference between two clocks


class Command(BaseCommand):
    help = "Say what is due (expired, deleted or taken down, and past the grace); with --apply remove it for good."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="Do it; without this nothing is changed.")
        parser.add_argument("--older-than", type=duration, metavar="2h", help="Instead of the site's grace.")
        parser.add_argument("--gallery", type=identifier, metavar="ID", help="Only what is in this gallery.")
        parser.add_argument("--limit", type=positive, metavar="N", help="Remove at most so many images.")
        parser.add_argument("--allow-mass", action="store_true", help="Do not wait for a second visit when it is much.")
        parser.add_argument("--json", action="store_true", help=f"Print {{{', '.join(FIELDS)}}} and nothing else.")

    def handle(self, *args: Any, **options: Any) -> None:
        plan = _plan(options["older_than"], options["gallery"], options["limit"], options["allow_mass"])
        report = self._sweep(plan) if options["apply"] else preview_sweep(plan)
        values = {name: value for name, value in report.as_dict().items() if name in FIELDS}
        self.stdout.write(json.dumps(values) if options["json"] else _sentence(report, applied=options["apply"]))
        if report.failed or report.held or report.remaining:
            raise CommandError(_complaint(report), returncode=1)

    def _sweep(self, plan: SweepPlan) -> Report:
        progress = Progress(self.stderr)
        try:
            report = run_sweep(plan, progress=lambda so_far: progress.show(f"{so_far.deleted} of {so_far.due} removed"))
            if plan.gallery is None:
                drop_empty_accounts(plan.now)
        except StorageError as error:
            raise CommandError(f"The store does not answer ({error}); the next run goes on.", returncode=1) from error
        finally:
            progress.end()
        return report


def _plan(older_than: timedelta | None, gallery: UUID | None, limit: int | None, allow_mass: bool) -> SweepPlan:
    if older_than is not None and older_than < FLOOR and records().enabled:
        raise CommandError("--older-than must be at least 15m here: clocks may differ.", returncode=2)
    if gallery is not None and not Gallery.objects.filter(id=gallery).exists():
        raise CommandError("There is no gallery with this id.", returncode=2)
    return make_plan(timezone.now(), older_than=older_than, gallery=gallery, limit=limit, allow_mass=allow_mass)


def _sentence(report: Report, *, applied: bool) -> str:
    if applied:
        return f"{report.deleted} of {report.due} images removed, {report.bytes} bytes."
    due = "1 image is due" if report.due == 1 else f"{report.due} images are due"
    return f"{due}, {report.bytes} bytes. Nothing was changed; --apply removes what is due."


def _complaint(report: Report) -> str:
    if report.held:
        return f"{report.held} images are held: so many need a second visit after an hour, or --allow-mass."
    if report.failed:
        return f"{report.failed} images could not be removed; the next run tries again."
    return "More is due than --limit let this run remove; the next run goes on."
