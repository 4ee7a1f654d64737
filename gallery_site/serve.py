"""``python -m gallery_site.serve``: bring database and static files up to date, then be the server.

One process does both, because importing Django and the applications is most of what a start costs: workers are forked
from here with it done. It leaves no connection open that they could share.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

CANNOT_START = 2
# What no page uses: htmx's extensions (one has an ``import(...)`` in a comment that the hashing of names trips over)
# and the second of ninja's two documentation viewers (4 MB).
NOT_COLLECTED = ["django_htmx/ext/*", "ninja/redoc*"]


def main() -> NoReturn:
    """Prepare and serve until told to stop; a sentence and exit code 1 or 2 when that cannot begin."""
    # Until gunicorn takes over, Ctrl-C ends the process at once and without a traceback; every step may be cut.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery_site.settings")
    prepare()

    from gunicorn.app.wsgiapp import WSGIApplication

    sys.argv = ["image-gallery", "-c", "python:gallery_site.gunicorn"]
    WSGIApplication("%(prog)s [OPTIONS]").run()
    sys.exit(0)


def prepare() -> None:
    """Migrate and collect static files, each only when there is something to do.

    Raises:
        SystemExit: with a sentence on stderr, when the configuration is wrong (2) or the database not to be had (1).
    """
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    try:
        django.setup()
        prepare_database()
        prepare_static_files()
    except ImproperlyConfigured as error:
        _give_up(f"The configuration is not complete: {error}", CANNOT_START)
    except DatabaseError as error:
        _give_up(f"The database cannot be used: {str(error).splitlines()[0]}", 1)
    except OSError as error:
        _give_up(f"The site cannot start: {error}", 1)


def prepare_database() -> None:
    """Apply what migrations there are and make the cache's table; asks the database, trusts no stamp."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    options = connection.settings_dict["OPTIONS"]
    # A pool has threads, which do not survive a fork, and it hides why a connection fails. Workers make their own.
    pool = options.pop("pool", None)
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            _say("Preparing the database...")
            call_command("migrate", interactive=False, verbosity=0)
        caches = [cache for cache in settings.CACHES.values() if cache["BACKEND"].endswith("db.DatabaseCache")]
        if not {cache["LOCATION"] for cache in caches} <= set(connection.introspection.table_names()):
            call_command("createcachetable", verbosity=0)
    finally:
        connection.close()
        if pool is not None:
            options["pool"] = pool


def prepare_static_files() -> None:
    """Collect and compress static files when ours, a package's or the storage changed since the last time."""
    from django.conf import settings
    from django.core.management import call_command

    root = Path(settings.STATIC_ROOT)
    stamp = root.with_name(f"{root.name}.stamp")
    fingerprint = static_fingerprint(settings.BASE_DIR, [Path(folder) for folder in settings.STATICFILES_DIRS])
    if root.is_dir() and stamp.exists() and stamp.read_text() == fingerprint:
        return
    _say("Preparing static files...")
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=NOT_COLLECTED)
    stamp.write_text(fingerprint)


def static_fingerprint(base: Path, folders: list[Path]) -> str:
    """Changes with any file below ``folders``, with the packages' versions and with how files are stored."""
    digest = hashlib.sha256()
    packages_and_storage = [base / "requirements.txt", base / "gallery_site" / "static.py"]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in [*packages_and_storage, *files]:
        digest.update(str(path.relative_to(base)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 (for the terminal)


def _give_up(reason: str, code: int) -> NoReturn:
    print(reason, file=sys.stderr, flush=True)  # noqa: T201 (for the terminal)
    sys.exit(code)


if __name__ == "__main__":
    main()
