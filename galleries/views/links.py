"""The owner's side of sharing: making links, handing them on (copy, share sheet, QR code, a printed card), changing and
revoking them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galleries.access import own_gallery, own_link, own_links, parse_ids
from galleries.forms import LinkEditForm, LinkForm
from galleries.links import change_link, create_link, delete_link, switch_link
from galleries.models import Link
from galleries.models.links import LinkQuerySet
from galleries.problems import Problem
from galleries.views.requests import PersonRequest

SHOWN = 100  # links on a page; a person has 50 open ones at most


@dataclass(frozen=True)
class Row:
    """A link on a page, and whether it is "open", "revoked" or "ended"."""

    link: Link
    state: str


def read_rows(links: LinkQuerySet, after: str, now: datetime) -> dict[str, Any]:
    """A page of ``links``, newest first, after the one with the id ``after``, and the address of the next page."""
    known = parse_ids([after])
    found = list((links.filter(id__lt=known[0]) if known else links)[: SHOWN + 1])
    page = found[:SHOWN]
    next_url = f"?after={page[-1].hex}" if len(found) > SHOWN else ""
    return {"rows": [Row(link, link.state(now)) for link in page], "next_url": next_url}


@login_required
@require_safe
def mine(request: PersonRequest) -> HttpResponse:
    """Every link that I made, newest first."""
    now = timezone.now()
    page = read_rows(own_links(request.user, now), request.GET.get("after", ""), now)
    return render(request, "links/mine.html", page)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def of_gallery(request: PersonRequest, gallery_id: UUID) -> HttpResponse:
    """The links of one gallery, and the form for a new one."""
    now = timezone.now()
    gallery = own_gallery(request.user, gallery_id, now)
    form = LinkForm(request.POST or None, now=now)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(create_link(gallery, now=now, **form.wishes()))
        except Problem as problem:
            form.add_error(None, problem.sentence)
    page = read_rows(own_links(request.user, now).filter(gallery=gallery), request.GET.get("after", ""), now)
    status = 422 if request.method == "POST" else 200
    context = {"gallery": gallery, "form": form, **page}
    return render(request, "links/gallery_links.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def detail(request: PersonRequest, link_id: UUID) -> HttpResponse:
    """One link: to hand on, and to change."""
    now = timezone.now()
    link = own_link(request.user, link_id, now)
    initial = {"name": link.name, "kind": link.kind, "max_downloads": link.max_downloads}
    form = LinkEditForm(request.POST or None, initial=initial, now=now, has_passcode=bool(link.passcode))
    if request.method == "POST" and form.is_valid():
        change_link(link, now, **form.wishes())
        messages.success(request, "Saved.")
        return redirect(link)
    status = 422 if request.method == "POST" else 200
    return render(request, "links/link.html", {"link": link, "state": link.state(now), "form": form}, status=status)


@login_required
@require_POST
def switch(request: PersonRequest, link_id: UUID) -> HttpResponse:
    """Revoke a link, or open it again (``on``)."""
    now = timezone.now()
    link = own_link(request.user, link_id, now)
    on = (request.POST.get("on") or request.GET.get("on")) == "1"  # the undo of a toast has no fields
    try:
        switch_link(link, on, now)
    except Problem as problem:
        messages.error(request, problem.sentence)
        return redirect(link)
    if on:
        messages.success(request, "The link works again.")
    else:
        messages.success(request, "Revoked: it opens nothing any more.", extra_tags=f"undo:{_switch_url(link)}?on=1")
    return redirect(link)


def _switch_url(link: Link) -> str:
    return reverse("galleries:link-switch", args=[link.hex])


@login_required
@require_POST
def delete(request: PersonRequest, link_id: UUID) -> HttpResponse:
    """Forget a link for good, with its counts."""
    link = own_link(request.user, link_id, timezone.now())
    gallery_id = link.gallery_id
    delete_link(link)
    messages.success(request, "The link is deleted.")
    return redirect("galleries:gallery-links", gallery_id)


@login_required
@require_safe
def qr_code(request: PersonRequest, link_id: UUID) -> HttpResponse:
    """The link's address as a QR code: SVG, black on white in both themes, with the quiet zone that readers need."""
    link = own_link(request.user, link_id, timezone.now())
    if not link.address:
        raise Problem("not_found", detail="This link's address can no longer be shown.")
    out = io.BytesIO()
    code = segno.make(link.address, error="m", micro=False)
    code.save(out, kind="svg", border=4, omitsize=True, dark="#000", light="#fff", title=link.gallery.title)
    return HttpResponse(out.getvalue(), content_type="image/svg+xml")


@login_required
@require_safe
def card(request: PersonRequest, link_id: UUID) -> HttpResponse:
    """A card for the table: made to be printed."""
    now = timezone.now()
    link = own_link(request.user, link_id, now)
    return render(request, "links/card.html", {"link": link, "state": link.state(now)})
