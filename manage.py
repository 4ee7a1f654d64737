#!/usr/bin/env python3
"""Django's command line; moves into the project's .venv by itself."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def enter_virtualenv() -> None:
    """Run again with .venv's Python unless this is it; without a .venv, go on when Django is at hand."""
    python = ROOT / ".venv" / "bin" / "python"
    if python.exists():
        if Path(sys.prefix).resolve() != (ROOT / ".venv").resolve():
            os.execv(python, [str(python), *sys.argv])
        return
    try:
        import django  # noqa: F401
    except ImportError:
        print("Not set up yet: run `python3 run.py manage` once; it does all of the set-up.", file=sys.stderr)
        sys.exit(2)


def main() -> None:
    """Hand the command line to Django."""
    enter_virtualenv()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from gallery_site.runner.listening import CannotListen

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, CannotListen) as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
