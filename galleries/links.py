"""Making and changing links, and counting what is done with them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.hashers import check_password, make_password
from django.db.models import F

from galleries.models import Gallery, Kind, Link
from galleries.models.links import new_seed
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


def change_link(
    link: Link,
    *,
    kind: str,
    name: str,
    max_downloads: int | None,
    ends_at: datetime | None = None,
    passcode: str | None = None,
) -> Link:
    """Change a link; returns it as it is then. ``ends_at`` None: the end stays. ``passcode`` None: it stays; "": none
    is asked any more. A changed passcode locks everybody out who knew the old one."""
    changes: dict[str, Any] = {"kind": Kind(kind), "name": name, "max_downloads": max_downloads}
    if ends_at is not None:
        changes["ends_at"] = ends_at
    if passcode is not None:
        changes["passcode"] = make_password(passcode) if passcode else ""
        changes["passcode_version"] = F("passcode_version") + 1
    Link.objects.filter(id=link.id).update(**changes)
    link.refresh_from_db(fields=list(changes))
    return link


def switch_link(link: Link, on: bool, now: datetime) -> None:
    """Revoke a link, or open it again under the same address; the counts stay.

    Raises:
        Problem: too_many_links.
    """
    if on and not link.is_on:
        require_room_for_one(link.gallery.owner, now)
    Link.objects.filter(id=link.id).update(is_on=on)
    link.is_on = on


def delete_link(link: Link) -> None:
    """Forget a link: its address is unknown from now on."""
    link.delete()


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
