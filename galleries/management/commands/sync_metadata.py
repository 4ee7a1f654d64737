"""``manage.py sync_metadata``: compares the table of records with the rows. Exit codes: 0 in line, 1 something is left,
2 wrong use."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from galleries.management.arguments import Progress, identifier, positive
from galleries.metadata import RecordsUnavailable, records
from galleries.mirroring import PAGE, Comparison, Findings, Pace
from galleries.outbox import drain_outbox
from galleries.table import TableRecords

RATE = 200  # writes a second: a fifth of what a new on-demand table takes at once


class Command(BaseCommand):
    help = "Say which records are not what their rows want; with --apply write them (rebuilds a table that was lost)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="Put it right; without this nothing is changed.")
        parser.add_argument("--verify", action="store_true", help="Also look for records without a row (reads it all).")
        parser.add_argument("--after", type=identifier, metavar="ID", help="Go on after this image.")
        parser.add_argument("--rate", type=positive, default=RATE, metavar="N", help="At most N writes a second.")
        parser.add_argument("--allow-mass", action="store_true", help="Delete orphans even if they are very many.")
        parser.add_argument(
            "--set-grace", action="store_true", help="Only write GALLERY_GRACE_SECONDS of this site into the table."
        )
        parser.add_argument("--json", action="store_true", help="Print the findings as JSON and nothing else.")

    def handle(self, *args: Any, **options: Any) -> None:
        table = records()
        if not isinstance(table, TableRecords):
            raise CommandError("There is no table of records: GALLERY_TABLE is not set.", returncode=2)
        if options["set_grace"]:
            self._set_grace(table)
            return
        comparison = Comparison(table, timezone.now(), apply=options["apply"], pace=Pace(options["rate"]))
        self._compare(comparison, options["after"], verify=options["verify"], allow_mass=options["allow_mass"])
        found = comparison.found
        self.stdout.write(json.dumps(found.as_dict()) if options["json"] else _sentences(found))
        if found.left:
            raise CommandError(f"{found.left} records are not in line.", returncode=1)

    def _set_grace(self, table: TableRecords) -> None:
        try:
            table.set_grace()
        except RecordsUnavailable as error:
            raise CommandError(f"The table does not answer ({error}).", returncode=1) from error
        self.stdout.write(f"The sweep and every site must have GALLERY_GRACE_SECONDS={table.grace} now.")

    def _compare(self, comparison: Comparison, after: UUID | None, *, verify: bool, allow_mass: bool) -> None:
        progress = Progress(self.stderr)
        try:
            if comparison.apply:
                comparison.table.check()
            comparison.compare_rows(after, lambda count: progress.show(f"{count} rows compared"))
            if verify:
                seen = lambda count: progress.show(f"{count} records seen")  # noqa: E731
                comparison.look_for_orphans(allow_mass=allow_mass, progress=seen)
            if comparison.apply:
                _drain(comparison.pace)
        except RecordsUnavailable as error:
            go_on = f" Go on with --after {comparison.found.last}." if comparison.found.last else ""
            raise CommandError(f"The table does not answer ({error}).{go_on}", returncode=1) from error
        finally:
            progress.end()


def _drain(pace: Pace) -> None:
    """Publish the rows that were given a later version."""
    while published := drain_outbox(timezone.now(), PAGE)[0]:
        pace.take(published)


def _sentences(found: Findings) -> str:
    lines = [
        f"{found.compared} rows compared; {found.waiting} of them are about to be published.",
        f"{found.written} records written, {found.deleted} deleted.",
    ]
    if found.held:
        lines.append(
            f"{found.held} orphans are held: that is suspiciously many. Look first; --allow-mass deletes them."
        )
    for kind, count in sorted(found.counts.items()):
        lines += [f"{kind}: {count}", *(f"  {name}" for name in found.examples[kind])]
    return "\n".join(lines)
