"""``manage.py reconcile_storage``: compares store and rows. Exit codes: 0 in line, 1 something is left, 2 wrong use."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from galleries.management.arguments import Progress
from galleries.reconciling import Findings, compare_stores, delete_orphans, remove_stale_uploads, stale_uploads
from galleries.storage import StorageError

SHOWN = 20  # keys listed of each kind; --json has them all


class Command(BaseCommand):
    help = "Find objects without a row and rows without their objects; with --apply delete the orphans (over 48 h old)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--apply", action="store_true", help="Delete the orphans; without this nothing is changed.")
        parser.add_argument("--allow-mass", action="store_true", help="Even if they are more than a fifth of all.")
        parser.add_argument("--json", action="store_true", help="Print the findings as JSON and nothing else.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = self._reconcile(apply=options["apply"], allow_mass=options["allow_mass"])
        self.stdout.write(json.dumps(found.as_dict()) if options["json"] else _sentences(found))
        if found.held:
            text = f"{found.held} orphans are held: that is suspiciously many. Look first; --allow-mass deletes them."
            raise CommandError(text, returncode=1)
        if found.left:
            raise CommandError("The store and the rows are not in line.", returncode=1)

    def _reconcile(self, *, apply: bool, allow_mass: bool) -> Findings:
        now, progress = timezone.now(), Progress(self.stderr)
        try:
            found = compare_stores(now, lambda objects: progress.show(f"{objects} objects seen"))
            if apply:
                delete_orphans(found, allow_mass=allow_mass)
        except StorageError as error:
            raise CommandError(f"The store does not answer ({error}).", returncode=1) from error
        finally:
            progress.end()
        found.stale_uploads = remove_stale_uploads(now) if apply else len(stale_uploads(now))
        return found


def _sentences(found: Findings) -> str:
    size = sum(each.size for each in found.orphans)
    lines = [
        f"{found.objects} objects.",
        f"{len(found.orphans)} without a row, {size} bytes; {found.deleted} deleted. {found.young} more are too young.",
        f"{found.stale_uploads} left over in the folder of uploads.",
    ]
    for title, keys in (
        ("Originals that are missing", found.missing_originals),
        ("Originals that are not as long as they were (restore them from a backup)", found.damaged_originals),
        ("Renditions that are missing (rebuild_renditions makes them)", found.missing_renditions),
        ("Names that are not ours (never touched)", found.foreign),
    ):
        if keys:
            lines += [f"{title}: {len(keys)}", *(f"  {key}" for key in keys[:SHOWN])]
    return "\n".join(lines)
