"""``manage.py create_api_token USERNAME``: prints a new token, alone and once. Exit codes: 0 done, 2 unknown name."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from galleries.models import ApiToken
from galleries.models.tokens import LIFETIME
from gallery_site.accounts.models import User


class Command(BaseCommand):
    help = f"Print a token with which programs act for this person through /api/v1/ for {LIFETIME.days} days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        owner = User.objects.filter(username=username, is_active=True).first()
        if owner is None:
            raise CommandError(f"There is nobody called {username}.", returncode=2)
        _, token = ApiToken.issue(owner, "made by create_api_token", now=timezone.now())
        self.stdout.write(token)
