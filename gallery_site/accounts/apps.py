from __future__ import annotations

from django.apps import AppConfig, apps
from django.core.management import call_command
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "gallery_site.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_create_cache_table, sender=self)


def _create_cache_table(**kwargs: object) -> None:
    """The cache's table belongs to the schema: rate limits live in it. Does nothing for other caches."""
    using = kwargs.get("using", "default")
    if apps.is_installed("gallery_site.accounts"):
        call_command("createcachetable", database=using, verbosity=0)
