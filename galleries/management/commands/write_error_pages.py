"""``manage.py write_error_pages FOLDER``: what nginx answers by itself, for after ``collectstatic``."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from gallery_site.front_pages import write_front_pages


class Command(BaseCommand):
    help = "Write the pages and problem details that nginx answers when the site cannot."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        write_front_pages(folder)
