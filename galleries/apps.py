from __future__ import annotations

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

# What a moderator may do, and nothing else (SAFETY 4b row 39).
MODERATOR_PERMISSIONS = (
    "view_gallery",
    "change_gallery",
    "view_image",
    "change_image",
    "view_report",
    "change_report",
)


class GalleriesConfig(AppConfig):
    name = "galleries"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_make_moderators, sender=self)


def _make_moderators(**kwargs: object) -> None:
    """The group "Moderators" with exactly its permissions, whatever was clicked together before."""
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    using = str(kwargs.get("using", "default"))
    create_permissions(apps.get_app_config("galleries"), verbosity=0, using=using)  # its own turn comes after ours
    group, _ = Group.objects.using(using).get_or_create(name="Moderators")
    permissions = Permission.objects.using(using).filter(
        content_type__app_label="galleries", codename__in=MODERATOR_PERMISSIONS
    )
    group.permissions.set(permissions)
