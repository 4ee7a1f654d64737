"""``manage.py send_notices``: tells owners of galleries that end soon. Exit codes: 0 done, 1 some are left."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from galleries.endings import send_notices


class Command(BaseCommand):
    help = "Mail the owners of galleries that end within 48 hours, once each (the site does it by itself; this now)."

    def handle(self, *args: Any, **options: Any) -> None:
        sent, failed = send_notices(timezone.now())
        self.stdout.write(f"{sent} notices sent.")
        if failed:
            raise CommandError(f"{failed} could not be sent: the log says why.", returncode=1)
