"""Deleting an account with everything in it.

What a person sees ends at once; the pictures go the one way that all deleted pictures go (galleries.removal); the row
itself goes when no gallery of theirs is left, unless the admin's log names it: what a moderator did stays known, as
done by "deleted-...". Each step may be repeated: ``drop_empty_accounts`` finishes what a crash left half done.
"""

from __future__ import annotations

from datetime import datetime
from importlib import import_module

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from galleries import removal
from galleries.models import ApiToken, Gallery, Receipt, Usage
from gallery_site.accounts.models import User

RESERVED_PREFIX = "deleted-"


def deleted_name(user: User) -> str:
    """The name of a deleted account; nobody can choose one (the prefix is reserved) and no two are the same."""
    return f"{RESERVED_PREFIX}{user.pk.hex}"


def is_deleted(user: User) -> bool:
    """Whether the person deleted this account; one that was only suspended is not."""
    return not user.is_active and user.username == deleted_name(user)


def delete_account(user: User, now: datetime) -> None:
    """Close the account at once, free its name and e-mail, and send everything in it on its way out.

    Harmless when repeated. First the account (from then on nothing of it is served: every read asks for an active
    owner), then its pictures.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        sessions = list(UserSession.objects.filter(user=locked).values_list("session_key", flat=True))
        locked.username = deleted_name(locked)
        locked.email = ""
        locked.is_active = locked.is_staff = locked.is_superuser = False
        locked.set_unusable_password()  # also ends sessions that no list knows: their hash no longer fits
        locked.save()
        locked.groups.clear()
        locked.user_permissions.clear()
        EmailAddress.objects.filter(user=locked).delete()
        Authenticator.objects.filter(user=locked).delete()
        ApiToken.objects.filter(owner=locked).delete()
        UserSession.objects.filter(user=locked).delete()
    _end_sessions(sessions)
    removal.remove_everything_of(user.pk, now)


def drop_empty_accounts(now: datetime) -> int:
    """Delete the rows of deleted accounts that have no gallery left; called by the sweep. Returns how many accounts
    went."""
    dropped = 0
    for user in [*filter(is_deleted, _leaving())]:
        if user.galleries.exists():
            removal.remove_everything_of(user.pk, now)
            continue
        if LogEntry.objects.filter(user=user).exists():
            Receipt.objects.filter(owner=user).delete()
            Usage.objects.filter(owner=user).delete()
        else:
            user.delete()
        dropped += 1
    return dropped


def _leaving() -> QuerySet[User]:
    """Deleted accounts, but for those of which nothing is left that belongs to anybody: they are names in the log."""
    closed = User.objects.filter(is_active=False, username__startswith=RESERVED_PREFIX)
    owner = OuterRef("pk")
    owns = Exists(Gallery.objects.filter(owner=owner)) | Exists(Receipt.objects.filter(owner=owner))
    used = Exists(Usage.objects.filter(owner=owner))
    return closed.filter(owns | used | ~Exists(LogEntry.objects.filter(user=owner)))


def _end_sessions(keys: list[str]) -> None:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in keys:
        store(key).delete()
