"""``manage.py move_storage SOURCE``: brings photos from another store to the site's own. Exit codes: 0 all are there, 1
some are lost or damaged, or are still to be copied, 2 wrong use."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from galleries.management.arguments import Progress
from galleries.moving import Moved, move_objects, open_source
from galleries.storage import StorageError, media_storage

SHOWN = 20  # keys listed of each kind; --json has them all


class Command(BaseCommand):
    help = "Copy every photo from another store (a data folder, or s3://BUCKET) to the site's own, and compare each."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SOURCE", help="A folder that holds media/, or s3://BUCKET.")
        parser.add_argument("--apply", action="store_true", help="Do it; without this nothing is changed.")
        parser.add_argument("--json", action="store_true", help="Print the numbers as JSON and nothing else.")

    def handle(self, *args: Any, source: str, apply: bool, **options: Any) -> None:
        progress = Progress(self.stderr)
        try:
            store = open_source(source)
            moved = move_objects(
                store, media_storage(), apply=apply, progress=lambda so_far: progress.show(f"{so_far.objects} objects")
            )
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        except StorageError as error:
            raise CommandError(f"A store does not answer ({error}); the next run goes on.", returncode=1) from error
        finally:
            progress.end()
        self.stdout.write(json.dumps(moved.as_dict()) if options["json"] else _sentences(moved, apply=apply))
        if moved.lost or moved.damaged:
            raise CommandError("Not everything is there.", returncode=1)
        if moved.to_copy:
            raise CommandError("Nothing was changed; --apply copies them.", returncode=1)


def _sentences(moved: Moved, *, apply: bool) -> str:
    if not apply:
        return f"{moved.objects} objects, {moved.to_copy} of them still to be copied."
    lines = [f"{moved.objects} objects compared, {moved.copied} of them copied, {moved.bytes} bytes."]
    for title, keys in (("At neither place", moved.lost), ("With other bytes than they should have", moved.damaged)):
        if keys:
            lines += [f"{title}: {len(keys)}", *(f"  {key}" for key in keys[:SHOWN])]
    return "\n".join(lines)
