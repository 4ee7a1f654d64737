"""``manage.py rebuild_renditions``: makes missing renditions again. Exit codes: 0 done, 1 some failed, 2 wrong use."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from galleries.management.arguments import Progress, identifier, positive
from galleries.models import Image, State
from galleries.problems import Problem
from galleries.renditions import is_complete, rebuild_shown
from galleries.walking import walk_rows


class Command(BaseCommand):
    help = "Make the renditions that are missing (a lost cache, or a new rendition spec) from the originals."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--gallery", type=identifier, metavar="ID", help="Only in this gallery.")
        parser.add_argument("--limit", type=positive, metavar="N", help="Rebuild at most so many images.")
        parser.add_argument("--all", action="store_true", help="Also those that are complete (after a recipe changed).")

    def handle(self, *args: Any, gallery: UUID | None, limit: int | None, **options: Any) -> None:
        rebuilt = failed = 0
        progress = Progress(self.stderr)
        images = Image.objects.filter(state=State.READY, taken_down_at=None).select_related("gallery")
        images = images.filter(gallery=gallery) if gallery else images
        for image in walk_rows(images):
            if limit is not None and rebuilt + failed >= limit:
                break
            try:
                if options["all"] or not is_complete(image):
                    rebuild_shown(image, fresh=options["all"])
                    rebuilt += 1
            except Problem as problem:
                failed += 1
                self.stderr.write(f"{image.hex}: {problem.sentence}")
            progress.show(f"{rebuilt} rebuilt")
        progress.end()
        self.stdout.write(f"{rebuilt} images have new renditions.")
        if failed:
            raise CommandError(f"{failed} images could not be rebuilt.", returncode=1)
