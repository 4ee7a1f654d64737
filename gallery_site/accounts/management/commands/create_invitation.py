"""``manage.py create_invitation [EMAIL]``: prints a link that opens sign-up once. Exit codes: 0 done, 2 wrong use."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from gallery_site.accounts.invitations import LIFETIME, invitation_link


class Command(BaseCommand):
    help = f"Print a link with which one person can sign up within {LIFETIME.days} days (GALLERY_SIGNUP=invite)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", nargs="?", default="", help="The only address that may sign up with it.")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        if settings.GALLERY_SIGNUP == "closed":
            raise CommandError("GALLERY_SIGNUP is closed: no invitation opens it.", returncode=2)
        if email:
            try:
                validate_email(email)
            except ValidationError:
                raise CommandError("This is not an e-mail address.", returncode=2) from None
        self.stdout.write(invitation_link(email))
