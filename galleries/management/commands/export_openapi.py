"""``manage.py export_openapi``: writes the API's description to docs/openapi.json, where a change shows in review.

A change that breaks programs is refused without ``--breaking``. Exit codes: 0 written, 1 refused.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from galleries.api.compatibility import breaking_changes
from galleries.api.v1 import api

PATH = settings.BASE_DIR / "docs" / "openapi.json"


def described() -> str:
    """The description as it is committed: one line a fact, in an order that does not depend on the code's."""
    return json.dumps(api.get_openapi_schema(path_prefix="/api/v1/"), indent=1, sort_keys=True) + "\n"


class Command(BaseCommand):
    help = "Write the API's description to docs/openapi.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--breaking", action="store_true", help="Also when programs would break.")

    def handle(self, *args: Any, breaking: bool, **options: Any) -> None:
        text = described()
        broken = breaking_changes(json.loads(PATH.read_text()), json.loads(text)) if PATH.exists() else []
        if broken and not breaking:
            raise CommandError("Programs would break:\n" + "\n".join(broken), returncode=1)
        PATH.write_text(text)
        self.stdout.write(f"{PATH}: {len(text)} bytes")
