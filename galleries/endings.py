"""Before a gallery ends: its owner is told once, two days ahead, and may keep everything a week longer or let it go.

A gallery ends when its last live image expires; one that keeps an image for ever has no end. A notice is due from 48
hours before the end, for galleries that live longer than a day, and only one until the end that it was about is past:
"told of which end" is claimed in the row by a conditional update before the mail leaves, so that any number of
processes send one. When the mail server is away, the claim is given back and a later round tries again; a mail that
is refused for good (no such mailbox, an address that is none) is not tried again: the banner remains.
"""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.template.loader import render_to_string
from django.urls import reverse

from galleries.access import live_images
from galleries.expiry import set_expiry
from galleries.microseconds import from_microseconds, to_microseconds
from galleries.models import Gallery, Image, ImageQuerySet, Link, Retention
from galleries.models.image import UNHIDDEN
from galleries.outcomes import PATIENCE, Outcome, each_alone
from galleries.problems import Problem
from galleries.walking import walk_rows

log = logging.getLogger(__name__)

NOTICE = timedelta(hours=48)
SHORT_LIFE = timedelta(days=1)  # a gallery of a day or less needs no notice
EXTENSION = timedelta(days=7)
BUDGET = 20.0  # seconds of one round; EMAIL_TIMEOUT bounds the one mail that is being sent
BATCH = 200
SALT = "galleries.ending"
EXTEND, LET_GO = "extend", "let-go"

MailError = (smtplib.SMTPException, OSError)
FOR_GOOD = 500  # RFC 5321, 4.2.1: 4yz may be tried again, 5yz never


class Sent(Enum):
    """What became of one notice."""

    YES = "sent"
    NOBODY = "nobody to send it to, or another process did"
    REFUSED = "this one was refused"
    AWAY = "the mail server is away"


@dataclass(frozen=True)
class Ending:
    """A gallery that ends soon: when, what goes, and what was done with its links."""

    gallery: Gallery
    ends_at: datetime
    count: int
    bytes: int
    opens: int
    downloads: int
    links: int

    @property
    def longer_until(self) -> datetime:
        """What "Extend 7 days" promises."""
        return self.ends_at + EXTENSION

    @property
    def is_accepted(self) -> bool:
        """Whether the owner has let this end come."""
        return self.gallery.accepted_end is not None and self.gallery.accepted_end >= self.ends_at


def find_ending(gallery: Gallery, now: datetime) -> Ending | None:
    """The end of ``gallery`` (measured) if it is so near that its owner should know, otherwise None."""
    end = gallery.ends_at
    if end is None or end > now + NOTICE or gallery.live_count == 0 or not _lives_long(gallery, end):
        return None
    return _describe(gallery, end, gallery.live_count, gallery.live_bytes)


def _describe(gallery: Gallery, end: datetime, count: int, size: int) -> Ending:
    used = Link.objects.filter(gallery=gallery).aggregate(n=Count("id"), opens=Sum("opens"), downloads=Sum("downloads"))
    return Ending(
        gallery=gallery,
        ends_at=end,
        count=count,
        bytes=size,
        opens=used["opens"] or 0,
        downloads=used["downloads"] or 0,
        links=used["n"],
    )


def _lives_long(gallery: Gallery, end: datetime) -> bool:
    """More than a day, by its policy (whoever chose a day wants no mail) and from when it was made."""
    lifetime = gallery.policy.lifetime
    return (lifetime is None or lifetime > SHORT_LIFE) and end - gallery.created_at > SHORT_LIFE


def send_notices(now: datetime, clock: Callable[[], float] = time.monotonic) -> tuple[int, int]:
    """Mail every notice that is due; returns how many were sent and how many could not be."""
    connection = get_connection()
    sent = failed = 0
    deadline = clock() + BUDGET
    for gallery in _due(now):
        if clock() >= deadline:
            break
        ending = find_ending(gallery, now)
        if ending is None:
            continue
        outcome = _send_notice(ending, connection, now)
        sent += outcome is Sent.YES
        failed += outcome in {Sent.REFUSED, Sent.AWAY}
        if outcome is Sent.AWAY:
            break  # one time-out is enough: the next round goes on
    _close(connection)
    return sent, failed


def _due(now: datetime) -> list[Gallery]:
    """Galleries whose last image goes within two days and whose owner was not told of this end."""
    short = [choice.value for choice in Retention if choice.lifetime and choice.lifetime <= SHORT_LIFE]
    candidates = Gallery.objects.present().exclude(retention__in=short).filter(_untold(now), image_count__gt=0)
    near = candidates.filter(~Exists(_shown().filter(_beyond(now))), Exists(_shown().filter(expires_at__gt=now)))
    return list(near.measured(now).select_related("owner").order_by("id")[:BATCH])


def _shown() -> ImageQuerySet:
    return Image.objects.filter(UNHIDDEN, gallery=OuterRef("pk"))


def _beyond(now: datetime) -> Q:
    return Q(expires_at=None) | Q(expires_at__gt=now + NOTICE)


def _untold(now: datetime) -> Q:
    return Q(noticed_end=None) | Q(noticed_end__lte=now)


def _send_notice(ending: Ending, connection: BaseEmailBackend, now: datetime) -> Sent:
    gallery, told_before = ending.gallery, ending.gallery.noticed_end
    # The row's own columns alone: a join becomes a subquery, which PostgreSQL does not ask again after it has waited.
    untold = Gallery.objects.filter(_untold(now), id=gallery.id, removed_at=None)
    mine = untold.update(noticed_end=ending.ends_at)
    address = _address_of(gallery)
    if not mine or not address:
        return Sent.NOBODY  # the banner on the gallery's page remains
    try:
        connection.open()
        _message(ending, address, connection).send()
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, ValueError) as error:
        outcome, again = Sent.REFUSED, _refusal(error) < FOR_GOOD
        _complain(gallery, error)
    except MailError as error:
        outcome, again = Sent.AWAY, True
        _complain(gallery, error)
    else:
        return Sent.YES
    if again:
        Gallery.objects.filter(id=gallery.id, noticed_end=ending.ends_at).update(noticed_end=told_before)
    return outcome


def _refusal(error: Exception) -> int:
    """The SMTP code of a refusal; an address that cannot even be written (ValueError) is refused for good."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max((code for code, _ in error.recipients.values()), default=FOR_GOOD)
    return int(error.smtp_code) if isinstance(error, smtplib.SMTPResponseException) else FOR_GOOD


def _complain(gallery: Gallery, error: Exception) -> None:
    """Which gallery and what kind of error: its text may hold the address."""
    log.error("notice of the ending gallery %s not sent: %s", gallery.hex, type(error).__name__)


def _address_of(gallery: Gallery) -> str:
    """The owner's confirmed address; on a site that confirms none, the one they gave."""
    confirmed = EmailAddress.objects.filter(user=gallery.owner, verified=True).order_by("-primary").first()
    if confirmed is not None:
        return str(confirmed.email)
    return "" if settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory" else gallery.owner.email


def _message(ending: Ending, address: str, connection: BaseEmailBackend) -> EmailMessage:
    context = {
        "ending": ending,
        "username": ending.gallery.owner.username,
        "extend_url": signed_address(ending, EXTEND),
        "let_go_url": signed_address(ending, LET_GO),
        "gallery_url": settings.SITE_URL + ending.gallery.get_absolute_url(),
        "site_name": "Image Gallery",
        "site_url": settings.SITE_URL,
    }
    subject = " ".join(render_to_string("links/mail/ending_subject.txt", context).split())
    body = render_to_string("links/mail/ending_message.txt", context)
    return EmailMessage(subject, body, to=[address], connection=connection)


def _close(connection: BaseEmailBackend) -> None:
    try:
        connection.close()
    except MailError:
        log.warning("the connection to the mail server did not close in order")


# --- the two answers --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What a signed link stands for."""

    ending: Ending
    act: str


def signed_address(ending: Ending, act: str) -> str:
    """The address of a page that asks once more: opening it changes nothing (mail scanners open every link)."""
    return settings.SITE_URL + signed_path(ending, act)


def signed_path(ending: Ending, act: str) -> str:
    value = {"g": ending.gallery.hex, "e": to_microseconds(ending.ends_at), "a": act}
    return reverse("galleries:ending", args=[signing.dumps(value, salt=SALT, compress=False)])


def read_answer(signed: str, now: datetime) -> Answer:
    """
    Raises:
        Problem: not_found when nobody signed this, or the gallery is gone; conflict when there is nothing left to
            decide.
    """
    try:
        value = signing.loads(signed, salt=SALT)
    except signing.BadSignature:
        raise Problem("not_found") from None
    gallery = Gallery.objects.present().measured(now).select_related("owner").filter(id=value["g"]).first()
    if gallery is None:
        raise Problem("not_found")
    end = from_microseconds(value["e"])
    ending = find_left(gallery, end, now) if value["a"] == EXTEND else find_ending(gallery, now)
    if ending is None or ending.ends_at != end:
        raise Problem("conflict", detail="This has been decided already, or the gallery has ended.")
    return Answer(ending, value["a"])


def find_left(gallery: Gallery, end: datetime, now: datetime) -> Ending | None:
    """What of ``gallery`` still goes by ``end``, of which a notice told; None: nothing does. Whatever was kept longer
    or added since has another end, so the answer counts until the last one is decided."""
    left = live_images(gallery, now).filter(expires_at__lte=end).aggregate(count=Count("id"), bytes=Sum("bytes"))
    return _describe(gallery, end, left["count"], left["bytes"]) if left["count"] else None


def carry_out(ending: Ending, act: str, now: datetime) -> Outcome:
    """Keep everything until 7 days after the end (every image the same, so that doing it twice changes nothing), or
    take note that the end may come."""
    if act == EXTEND:
        return extend_gallery(ending, now)
    Gallery.objects.filter(id=ending.gallery.id).update(accepted_end=ending.ends_at)
    return Outcome()


def extend_gallery(
    ending: Ending, now: datetime, patience: float = PATIENCE, clock: Callable[[], float] = time.monotonic
) -> Outcome:
    """Each live image that would go before, kept until 7 days after the end, or as long as this site keeps anything.
    What is not reached in ``patience`` seconds is left as it is; the same answer goes on with it."""
    until = longest_until(ending, now)
    sooner = live_images(ending.gallery, now).filter(expires_at__lt=until).select_related("gallery")
    return each_alone(
        walk_rows(sooner, "expires_at", "id"), lambda image: set_expiry(image, until, now), patience, clock
    )


def longest_until(ending: Ending, now: datetime) -> datetime:
    """What extending reaches: 7 days after the end, or less where the site keeps nothing for so long."""
    limit = Retention(settings.GALLERY_MAX_RETENTION).expires_at(now)
    return ending.longer_until if limit is None else min(ending.longer_until, limit)
