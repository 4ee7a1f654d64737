"""``manage.py drain_outbox``: brings records in line with rows. Exit codes: 0 done, 1 some are left, 2 wrong use."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from galleries.management.arguments import positive
from galleries.outbox import drain_outbox

BATCH = 1_000


class Command(BaseCommand):
    help = "Write the records whose rows have changed (the site does it by itself; this does it now)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=positive, default=BATCH, metavar="N", help="At most so many.")
        parser.add_argument("--json", action="store_true", help="Print {published, left} and nothing else.")

    def handle(self, *args: Any, limit: int, **options: Any) -> None:
        published, left = drain_outbox(timezone.now(), limit)
        values = {"published": published, "left": left}
        self.stdout.write(json.dumps(values) if options["json"] else f"{published} records written, {left} left.")
        if left:
            raise CommandError(f"{left} records are not in line yet; the next run goes on.", returncode=1)
