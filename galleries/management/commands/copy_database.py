"""``manage.py copy_database SOURCE``: fills the site's empty database from another one. Exit codes: 0 done, 1 failed, 2
wrong use."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import environ
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from galleries.management.arguments import Progress
from gallery_site.copying import CannotCopy, copy_database, source_database


class Command(BaseCommand):
    help = "Copy everything from another site's database, which must be stopped, into this empty one; then compare."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SOURCE", help="A gallery.sqlite3, or postgres://...")

    def handle(self, *args: Any, source: str, **options: Any) -> None:
        progress = Progress(self.stderr)
        try:
            with source_database(_configuration(source)):
                copied = copy_database(progress.show)
        except CannotCopy as error:
            raise CommandError(str(error), returncode=2) from error
        except DatabaseError as error:
            raise CommandError(f"A database cannot be used: {str(error).splitlines()[0]}", returncode=1) from error
        finally:
            progress.end()
        self.stdout.write(f"{sum(copied.values())} rows of {len(copied)} tables copied and compared.")


def _configuration(source: str) -> dict[str, Any]:
    if "://" in source:
        configuration: dict[str, Any] = environ.Env.db_url_config(source)
        return configuration
    path = Path(source).resolve()
    if not path.is_file():
        raise CommandError(f"There is no file {source}.", returncode=2)
    # A site that was stopped leaves no log beside its database. SQLite makes one to read, too, which it cannot in a
    # folder of somebody else, unless it is told that nobody writes (sqlite.org/wal.html, "Read-Only Databases").
    unchanging = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    name = f"{path.as_uri()}?mode=ro{unchanging}"
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": {"uri": True}}
