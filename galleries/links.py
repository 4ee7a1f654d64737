"""Making and changing links, and counting what is done with them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import F

from galleries.models import Gallery, Kind, Link
from galleries.models.links import LinkQuerySet, new_seed
from galleries.models.tokens import hash_token
from galleries.problems import Problem

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

MOST_OPEN = 50  # open links of one person (SAFETY 5.4); a courtesy of the form, so not held against races


def create_link(
    gallery: Gallery,
    *,
    kind: str,
    ends_at: datetime,
    now: datetime,
    name: str = "",
    passcode: str | None = None,
    max_downloads: int | None = None,
) -> Link:
    """A new link of ``gallery``, switched on. The caller has opened the gallery as its owner and validated the rest
    (``forms.LinkForm``).

    Raises:
        Problem: too_many_links.
    """
    require_room_for_one(gallery.owner, now)
    link = Link(
        gallery=gallery,
        kind=Kind(kind),
        name=name,
        seed=new_seed(),
        created_at=now,
        ends_at=ends_at,
        passcode=make_password(passcode) if passcode else "",
        passcode_version=1 if passcode else 0,
        max_downloads=max_downloads,
    )
    link.token_hash = hash_token(link.fresh_token())
    link.save(force_insert=True)
    return link


class LinkChanges(TypedDict, total=False):
    """What may be changed of a link; what is not given stays. ``passcode`` "": none is asked any more."""

    kind: str
    name: str
    max_downloads: int | None
    ends_at: datetime
    passcode: str
    is_on: bool


def change_link(link: Link, now: datetime, *, as_seen: bool = False, **given: Unpack[LinkChanges]) -> Link:
    """Change a link, all of it or nothing; returns it as it is then. Only what differs from ``link`` is written:
    somebody else may be changing the rest at this moment. A changed passcode locks everybody out who knew the old one.

    Raises:
        Problem: not_found when it was deleted meanwhile; too_many_links when it is switched on; precondition_failed,
            with ``as_seen``, when somebody else changed it since ``link`` was read.
    """
    wanted: dict[str, Any] = dict(given)
    passcode: str | None = wanted.pop("passcode", None)
    changes = {name: value for name, value in wanted.items() if value != getattr(link, name)}
    if passcode or (passcode is not None and link.passcode):
        changes["passcode"] = make_password(passcode) if passcode else ""
        changes["passcode_version"] = F("passcode_version") + 1
    if changes.get("is_on"):
        require_room_for_one(link.gallery.owner, now)
    with transaction.atomic():
        # Without changes too: whether it is as it was seen is asked at the same moment.
        if _rows(link, as_seen).update(**changes or {"name": F("name")}) == 0:
            raise _lost(link)
        link.refresh_from_db(fields=list(changes))
    return link


def switch_link(link: Link, on: bool, now: datetime) -> None:
    """Revoke a link, or open it again under the same address; the counts stay.

    Raises:
        Problem: too_many_links; not_found when it was deleted meanwhile.
    """
    change_link(link, now, is_on=on)


def delete_link(link: Link, *, as_seen: bool = False) -> None:
    """Forget a link: its address is unknown from now on. One that is forgotten already is no mistake.

    Raises:
        Problem: precondition_failed, with ``as_seen``, when somebody else changed it since ``link`` was read; not_found
            when they deleted it.
    """
    with transaction.atomic():
        if as_seen and not _rows(link, as_seen).select_for_update():
            raise _lost(link)
        link.delete()


# What its owner says about a link; the rest counts visits, or is the gallery's.
_OWN = ("kind", "name", "max_downloads", "ends_at", "passcode_version", "is_on")


def _rows(link: Link, as_seen: bool) -> LinkQuerySet:
    """The link's row, with ``as_seen`` only while it is what ``link`` says."""
    seen = {name: getattr(link, name) for name in _OWN} if as_seen else {}
    return Link.objects.filter(id=link.id, **seen)


def _lost(link: Link) -> Problem:
    return Problem("precondition_failed" if Link.objects.filter(id=link.id).exists() else "not_found")


def require_room_for_one(owner: User, now: datetime) -> None:
    """Refuse one more open link than a person may have.

    Raises:
        Problem: too_many_links.
    """
    if Link.objects.of(owner).open(now).count() >= MOST_OPEN:
        raise Problem("too_many_links")


def is_passcode(link: Link, passcode: str) -> bool:
    """Whether ``passcode`` (as ``forms.clean_passcode`` leaves it) opens ``link``; takes a hash, so limit the tries."""
    return bool(link.passcode) and check_password(passcode, link.passcode)


def count_open(link: Link) -> None:
    Link.objects.filter(id=link.id).update(opens=F("opens") + 1)


def take_download(link: Link, now: datetime) -> None:
    """Count one download, before its first byte leaves. One statement: of two that want the last one, one gets it.

    A photo that is downloaded alone counts as one, and so does a zip of any size: what is counted is how often
    somebody helped themselves.

    Raises:
        Problem: downloads_used_up; link_ended when it was revoked meanwhile.
    """
    open_links = Link.objects.open(now).filter(id=link.id)
    if open_links.with_downloads_left().update(downloads=F("downloads") + 1) == 0:
        raise Problem("downloads_used_up" if open_links.exists() else "link_ended")
