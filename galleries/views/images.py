"""Images: one on a page of its own, and acts on many."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from galleries.access import live_images, own_gallery, own_image, parse_ids, removed_images
from galleries.expiry import set_expiry, set_expiry_of_many
from galleries.galleries import choose_cover
from galleries.microseconds import from_microseconds, to_microseconds
from galleries.models import Gallery, Image, Retention
from galleries.outcomes import PATIENCE, Outcome, each_alone
from galleries.passes import Addresses
from galleries.problems import Problem
from galleries.removal import delete_for_good, remove_images, restore_images
from galleries.sweeping import finish_deleting
from galleries.templatetags.gallery import step_left, words_left
from galleries.tiles import Tile, make_tiles
from galleries.views.gallery import see_bin, summary
from galleries.views.requests import PersonRequest, is_fragment
from galleries.zips import zip_response


@dataclass
class Done:
    """What an act did, for the toast: a sentence, the event for the page, the photos (and, where they have new ends,
    these in the same order), what undoes it (and what that is given), what did not work."""

    sentence: str
    event: str
    ids: list[str]
    ends: list[datetime | None] = field(default_factory=list)
    undo: str = ""
    undo_given: str = ""
    problems: list[str] = field(default_factory=list)


@login_required
@require_safe
@vary_on_headers("HX-Request")
def detail(request: PersonRequest, gallery_id: UUID, image_id: UUID) -> HttpResponse:
    """One picture, with its neighbours; for htmx only its facts."""
    now = timezone.now()
    image = own_image(request.user, image_id, now, gallery_id)
    if is_fragment(request):
        return render(request, "galleries/_facts.html", {"image": image, "retention_choices": Retention.allowed()})
    gallery = own_gallery(request.user, gallery_id, now)
    sort = "uploaded" if request.GET.get("sort") == "uploaded" else "taken"
    before, after = neighbours(image, now, sort)
    addresses = Addresses(gallery, now, gallery.first_gone)

    def tile(one: Image | None) -> Tile | None:
        return make_tiles(gallery, [one], addresses, sort)[0] if one else None

    context = {
        "gallery": gallery,
        "image": image,
        "tile": tile(image),
        "previous": tile(before),
        "next": tile(after),
        "images_url": reverse("galleries:images-action", args=[gallery.hex]),
        "retention_choices": Retention.allowed(),
    }
    return render(request, "galleries/image.html", context)


def neighbours(image: Image, now: datetime, sort: str) -> tuple[Image | None, Image | None]:
    """The live images before and after this one in the grid (newest first)."""
    live = live_images(image.gallery, now)
    if sort == "uploaded":
        newer, older = live.filter(id__gt=image.id), live.filter(id__lt=image.id)
        return newer.order_by("id").first(), older.order_by("-id").first()
    same = Q(sort_at=image.sort_at)
    newer = live.filter(Q(sort_at__gt=image.sort_at) | same & Q(id__gt=image.id))
    older = live.filter(Q(sort_at__lt=image.sort_at) | same & Q(id__lt=image.id))
    return newer.order_by("sort_at", "id").first(), older.order_by("-sort_at", "-id").first()


@login_required
@require_safe
def original(request: PersonRequest, gallery_id: UUID, image_id: UUID) -> HttpResponse:
    """Send the browser to the signed address of the original."""
    now = timezone.now()
    image = own_image(request.user, image_id, now, gallery_id)
    return HttpResponseRedirect(Addresses(image.gallery, now, image.expires_at).original(image))


@login_required
@require_POST
def act(request: PersonRequest, gallery_id: UUID) -> HttpResponseBase:
    """Delete, restore, delete for good, keep longer or shorter, choose the cover, or download what is selected."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    ids = parse_ids(request.POST.getlist("ids"))
    action, _, chosen = request.POST.get("action", "").partition(" ")  # a button says both: "extend 30d"
    if not ids and not is_fragment(request):
        messages.warning(request, "Select at least one photo.")
        return redirect(_safe_back(request, gallery))
    if not ids:
        raise Problem("invalid_request", detail="Select at least one photo.", fields=("ids",))
    if action == "download":
        return zip_response(gallery, live_images(gallery, now).filter(id__in=ids), reader=f"user {request.user.pk}")
    if action not in ACTS:
        raise Problem("invalid_request", detail="This is not something that can be done here.", fields=("action",))
    given = chosen or request.POST.get("retention") or request.POST.get("given", "")
    done = ACTS[action](gallery, ids, now, given)
    return _answer(request, gallery, done)


def _delete(gallery: Gallery, ids: list[UUID], now: datetime, given: str) -> Done:
    count = remove_images(gallery, ids, now)
    return Done(f"{_photos(count)} deleted.", "images-removed", _hex(ids), undo="restore" if count else "")


def _restore(gallery: Gallery, ids: list[UUID], now: datetime, given: str) -> Done:
    outcome = restore_images(removed_images(gallery, now).filter(id__in=ids).select_related("gallery"))
    return Done(
        f"{_photos(len(outcome.done))} restored.", "images-restored", outcome.done, problems=_sentences(outcome)
    )


def _purge(gallery: Gallery, ids: list[UUID], now: datetime, given: str) -> Done:
    count = delete_for_good(gallery, ids, now)
    if count == 0:
        raise Problem("conflict", detail="These photos are no longer here.")
    finish_deleting(gallery, now)
    return Done(f"{_photos(count)} deleted for good.", "images-removed", _hex(ids))


def _keep(gallery: Gallery, ids: list[UUID], now: datetime, given: str) -> Done:
    """Give the selection a new expiry, counted from now; the retention is ``given``."""
    try:
        retention = Retention(given)
    except ValueError:
        raise Problem(
            "invalid_request", detail="Choose how long to keep these photos.", fields=("retention",)
        ) from None
    expires_at = retention.expires_at(now)
    images = list(live_images(gallery, now).filter(id__in=ids).select_related("gallery"))
    before = {image.hex: image.expires_at for image in images}
    outcome = set_expiry_of_many(images, expires_at, now)
    them = "it" if len(outcome.done) == 1 else "them"
    kept = f"for {retention.label.lower()} from now" if expires_at else f"until you delete {them}"
    return Done(
        f"{_photos(len(outcome.done))} kept {kept}.",
        "images-changed",
        outcome.done,
        [expires_at] * len(outcome.done),
        undo="put-back" if outcome.done else "",
        undo_given=write_ends([before[identifier] for identifier in outcome.done]),
        problems=_sentences(outcome),
    )


def _put_back(gallery: Gallery, ids: list[UUID], now: datetime, given: str) -> Done:
    """Undo ``_keep``: each photo gets the end that it had. Ends that are past by now, or later than this site keeps
    anything, are refused one by one."""
    ends = read_ends(given)
    if len(ends) != len(ids):
        raise Problem("invalid_request", detail="Choose how long to keep these photos.", fields=("given",))
    end_of = dict(zip(ids, ends, strict=True))
    images = live_images(gallery, now).filter(id__in=ids).select_related("gallery")
    outcome = each_alone(images, lambda image: set_expiry(image, end_of[image.id], now), PATIENCE)
    sentence = f"{_photos(len(outcome.done))} kept as long as before."
    new_ends = [end_of[UUID(hex=identifier)] for identifier in outcome.done]
    return Done(sentence, "images-changed", outcome.done, new_ends, problems=_sentences(outcome))


def write_ends(ends: Sequence[datetime | None]) -> str:
    """Ends as a form carries them: microseconds of the epoch; nothing for those that have none."""
    return ",".join("" if end is None else str(to_microseconds(end)) for end in ends)


def read_ends(written: str) -> list[datetime | None]:
    """
    Raises:
        Problem: invalid_request when ``write_ends`` did not write this.
    """
    try:
        return [from_microseconds(int(part)) if part else None for part in written.split(",")]
    except (ValueError, OverflowError):
        raise Problem("invalid_request", fields=("given",)) from None


def _cover(gallery: Gallery, ids: list[UUID], now: datetime, given: str) -> Done:
    image = live_images(gallery, now).filter(id=ids[0]).first()
    if image is None:
        raise Problem("not_found")
    choose_cover(gallery, image)
    return Done("This is the cover now.", "images-changed", [image.hex])


ACTS: dict[str, Callable[[Gallery, list[UUID], datetime, str], Done]] = {
    "delete": _delete,
    "restore": _restore,
    "purge": _purge,
    "extend": _keep,
    "put-back": _put_back,
    "cover": _cover,
}


def _answer(request: PersonRequest, gallery: Gallery, done: Done) -> HttpResponse:
    url = reverse("galleries:images-action", args=[gallery.hex])
    if not is_fragment(request):
        messages.success(
            request,
            " ".join([done.sentence, *done.problems]),
            # Without JavaScript the toast leads to where a deletion is undone.
            extra_tags=see_bin(gallery) if done.undo == "restore" else "",
        )
        return redirect(_safe_back(request, gallery))
    now = timezone.now()
    measured = own_gallery(request.user, gallery.id, now)
    context: dict[str, Any] = {
        "event": done.event,
        # Not in a header: with a thousand photos it would be longer than proxies let through.
        "photos": json.dumps({"ids": done.ids, "ends": [_tell_end(end, now) for end in done.ends]}),
        "sentence": done.sentence,
        "problems": done.problems,
        "undo_url": url if done.undo else "",
        "undo_ids": done.ids,
        "undo_action": done.undo,
        "undo_given": done.undo_given,
        "gallery": measured,
        **summary(measured),
    }
    return render(request, "galleries/_outcome.html", context)


def _tell_end(expires_at: datetime | None, now: datetime) -> dict[str, int | str] | None:
    """An end as a tile shows it (static/js/grid/refresh.js)."""
    if expires_at is None:
        return None
    return {"at": int(expires_at.timestamp()), "left": words_left(expires_at, now), "step": step_left(expires_at, now)}


def _safe_back(request: PersonRequest, gallery: Gallery) -> str:
    """Back to the bin when the form stood there; anything else goes to the gallery."""
    bin_url = reverse("galleries:gallery-bin", args=[gallery.hex])
    return bin_url if request.POST.get("back") == "bin" else gallery.get_absolute_url()


def _sentences(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(problem.sentence for problem in outcome.problems.values()))


def _hex(ids: list[UUID]) -> list[str]:
    return [identifier.hex for identifier in ids]


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"
