"""What somebody with a link sees: the gallery, one picture, downloads, the passcode's door, a report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from galleries.access import enter_link, knock, live_images, may, parse_ids, seen_image
from galleries.forms import ReportForm, clean_passcode
from galleries.handing_out import Original, Visitor, zip_for_guest
from galleries.links import count_open, take_download
from galleries.media import HEADERS
from galleries.models import Gallery, Guest, Image, Link, Report, Right
from galleries.numbers import Numbering
from galleries.passes import Addresses
from galleries.problems import Problem
from galleries.routes import address_of
from galleries.throttling import Limit, client_network, per_day, per_hour, per_minute, take
from galleries.tiles import Tile, make_tiles, read_page
from galleries.unlocking import remember_unlocked, try_passcode, trying, unlocked_in
from galleries.views.gallery import fresh_passes
from galleries.views.images import neighbours
from galleries.views.media import SlicedResponse
from galleries.views.requests import is_fragment
from gallery_site.errors import problem_json, wants_json

# SAFETY 5.3
UNKNOWN_TOKENS = Limit("link-token", (per_minute(60),))
REPORTS = Limit("report", (per_hour(5), per_day(20)))
REPORTS_OF_LINK = Limit("report-link", (per_hour(30), per_day(100)))

P = ParamSpec("P")
T = TypeVar("T")
GuestView = Callable[Concatenate[HttpRequest, Guest, P], HttpResponseBase]


def for_guests(view: GuestView[P]) -> Callable[..., HttpResponseBase]:
    """The view for whoever ``token`` lets in, and the refusal for everybody else: the same on every address."""

    @wraps(view)
    def answer(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        now = timezone.now()
        try:
            guest = _known(request, now, lambda: enter_link(token, unlocked_in(request.session, now), now))
        except Problem as problem:
            return _refuse(request, token, problem)
        try:
            return view(request, guest, *args, **kwargs)
        except Problem as problem:
            return _stay(request, guest, problem)

    return answer


def _known(request: HttpRequest, now: datetime, find: Callable[[], T]) -> T:
    """``find()``; a token that nobody has counts against who asks."""
    try:
        return find()
    except Http404:
        take(UNKNOWN_TOKENS.of(client_network(request)), now=now)
        raise


def _refuse(request: HttpRequest, token: str, problem: Problem) -> HttpResponse:
    if problem.code not in {"link_ended", "link_locked"}:
        raise problem
    if wants_json(request):
        return problem_json(problem)
    if problem.code == "link_ended":
        return render(request, "links/ended.html", status=problem.status)
    return _door(request, token, status=problem.status)


def _stay(request: HttpRequest, guest: Guest, problem: Problem) -> HttpResponse:
    """A refusal inside: why, and the way back to the photos."""
    if wants_json(request) or is_fragment(request) or problem.status == 404:
        raise problem
    if problem.code == "link_ended":  # in this very moment
        return _refuse(request, guest.token, problem)
    context = {
        "problem": problem,
        "place": guest.link.gallery.title,
        "place_url": address_of("galleries:visit", guest.token),
    }
    response = render(request, "links/refused.html", context, status=problem.status)
    for name, value in problem.headers.items():
        response[name] = value
    return response


def _door(request: HttpRequest, token: str, *, status: int, wrong: str = "") -> HttpResponse:
    """Where the passcode is asked: nothing of the gallery, not even its name."""
    context = {"unlock_url": address_of("galleries:visit-unlock", token), "wrong": wrong}
    return render(request, "links/locked.html", context, status=status)


@require_POST
def unlock(request: HttpRequest, token: str) -> HttpResponseBase:
    """Take the passcode; a right one opens this link, and this one only, for 12 hours."""
    now = timezone.now()
    try:
        link = _known(request, now, lambda: knock(token, now))
    except Problem as problem:
        return _refuse(request, token, problem)
    if link.passcode:
        with trying.turn(link.hex):
            now = timezone.now()  # it may have been a while
            right = try_passcode(link, clean_passcode(request.POST.get("passcode", "")), client_network(request), now)
        if not right:
            wrong = Problem("wrong_passcode")
            if wants_json(request):
                return problem_json(wrong)
            return _door(request, token, status=wrong.status, wrong=wrong.sentence)
        remember_unlocked(request.session, link, now, is_signed_in=request.user.is_authenticated)
    return redirect("galleries:visit", token)


@gzip_page
@require_safe
@vary_on_headers("HX-Request")
@for_guests
def visit(request: HttpRequest, guest: Guest) -> HttpResponse:
    """The grid; for htmx only the tiles of the next page.

    Packed, whoever serves it: sixty tiles are 100 kB, half a second on a phone's slow line. What is secret in the page
    is masked anew each time (the form's token) or the visitor's own address, and nothing that others choose is in it.
    """
    now = timezone.now()
    link, gallery = guest.link, guest.link.gallery
    after = request.GET.get("after", "")
    live = live_images(gallery, now)
    page = read_page(live, "taken", after)
    addresses = _addresses(guest, now)
    context = {
        "tiles": guest_tiles(guest, page.images, addresses, Numbering(gallery, live)),
        "next_url": f"{request.path}?after={page.cursor}" if page.cursor else "",
        "pass_until": min([addresses.look(image).until for image in page.images], default=addresses.window),
        **_frame(guest),
    }
    if is_fragment(request):
        return render(request, "galleries/_grid_page.html", context)
    if not after and request.method == "GET" and request.user != gallery.owner:
        count_open(link)
    return render(request, "links/visit.html", context)


def _addresses(guest: Guest, now: datetime) -> Addresses:
    gallery = guest.link.gallery
    return Addresses(gallery, now, gallery.first_gone, limit=guest.link.ends_at)


def _frame(guest: Guest) -> dict[str, Any]:
    """What each of a visitor's pages says and offers. What it does not offer is refused as well, elsewhere."""
    link, gallery = guest.link, guest.link.gallery
    return {
        "guest": guest,
        "gallery": gallery,
        "may_download": may(guest, Right.DOWNLOAD) and link.downloads_left != 0,
        "downloads_left": link.downloads_left if may(guest, Right.DOWNLOAD) else None,
        "count": gallery.live_count,
        "bytes": gallery.live_bytes,
        "first_gone": min(filter(None, [gallery.first_gone, link.ends_at])),
        "last_gone": link.closes_at,
        "link_ends_first": link.closes_at == link.ends_at,
        "visit_url": address_of("galleries:visit", guest.token),
        "pass_url": address_of("galleries:visit-pass", guest.token),
        "left_url": address_of("galleries:visit-left", guest.token),
        "zip_url": address_of("galleries:visit-zip", guest.token),
        "images_url": address_of("galleries:visit-zip", guest.token),
        "report_url": address_of("galleries:visit-report", guest.token),
    }


def guest_tiles(guest: Guest, images: list[Image], addresses: Addresses, numbering: Numbering) -> list[Tile]:
    """Neighbouring pictures (newest first) as a visitor sees them: under neutral names, at the link's addresses, and
    for no longer than the link lasts."""
    if not images:
        return []
    token, end = guest.token, guest.link.ends_at
    first = numbering.number_of(images[0])
    downloads = may(guest, Right.DOWNLOAD)
    return [
        tile._replace(
            href=address_of("galleries:visit-image", token, tile.image.hex),
            original_href=address_of("galleries:visit-original", token, tile.image.hex) if downloads else "",
            label=numbering.name(first - place, tile.image.extension),
            expires_at=min(tile.expires_at or end, end),
        )
        for place, tile in enumerate(make_tiles(guest.link.gallery, images, addresses))
    ]


@require_safe
@for_guests
def fresh_pass(request: HttpRequest, guest: Guest) -> JsonResponse:
    """New queries for a visitor's page that stays open."""
    now = timezone.now()
    return JsonResponse(fresh_passes(guest.link.gallery, _addresses(guest, now), request.GET.get("ids", ""), now))


@require_safe
@for_guests
def downloads_left(request: HttpRequest, guest: Guest) -> HttpResponse:
    """How much may still be taken, for a page that stays open; of a link without a limit, nothing."""
    return render(request, "links/_downloads_left.html", _frame(guest))


@require_safe
@vary_on_headers("HX-Request")
@for_guests
def image(request: HttpRequest, guest: Guest, image_id: UUID) -> HttpResponse:
    """One picture, with its neighbours; for htmx only what is known of it."""
    now = timezone.now()
    shown = seen_image(guest, image_id, now)
    gallery = guest.link.gallery
    numbering, addresses = Numbering(gallery, live_images(gallery, now)), _addresses(guest, now)

    def tile(one: Image | None) -> Tile | None:
        return guest_tiles(guest, [one], addresses, numbering)[0] if one else None

    before, after = neighbours(shown, now, "taken")
    ends = [end for end in (shown.expires_at, guest.link.ends_at) if end is not None]
    context = {**_frame(guest), "image": shown, "tile": tile(shown), "ends_at": min(ends)}
    if is_fragment(request):
        return render(request, "links/_facts.html", context)
    return render(request, "links/image.html", context | {"previous": tile(before), "next": tile(after)})


@require_safe
@for_guests
def original(request: HttpRequest, guest: Guest, image_id: UUID) -> HttpResponseBase:
    """One original: counted, under its neutral name, without metadata. Asking for the headers alone is not counted."""
    now, head = timezone.now(), request.method == "HEAD"
    found = Original(guest, image_id, now, head=head)
    headers = {name: value for name, value in HEADERS.items() if name != "Accept-Ranges"} | {
        "Content-Type": found.content_type,
        "Content-Length": str(found.size),
        "Content-Disposition": content_disposition_header(True, found.name) or "attachment",
    }
    if head:
        found.file.close()
        return HttpResponse(headers=headers)
    try:
        take_download(guest.link, now)
    except BaseException:
        found.file.close()
        raise
    return SlicedResponse(found.file, headers=headers)


@require_http_methods(["GET", "HEAD", "POST"])
@for_guests
def download_zip(request: HttpRequest, guest: Guest) -> HttpResponseBase:
    """GET: everything as one zip. POST: what is selected."""
    now = timezone.now()
    ids = parse_ids(request.POST.getlist("ids")) if request.method == "POST" else None
    if ids is not None and not ids:
        raise Problem("invalid_request", detail="Select at least one photo.", fields=("ids",))
    return zip_for_guest(guest, ids, _visitor(request), now, head=request.method == "HEAD")


def _visitor(request: HttpRequest) -> Visitor:
    """At a party many share one address, and many have the same phone. The cookie that protects our forms is random and
    each browser has its own; whoever sends none is known by address and program."""
    network = client_network(request)
    cookie = request.META.get("CSRF_COOKIE")
    agent = request.headers.get("User-Agent", "")[:300]
    return Visitor(f"with {cookie}" if cookie else f"at {network} {agent}", network)


@require_http_methods(["GET", "HEAD", "POST"])
@for_guests
def report(request: HttpRequest, guest: Guest) -> HttpResponse:
    """Tell the moderators about a picture (``image``) or the gallery."""
    now = timezone.now()
    gallery = guest.link.gallery
    shown = _reported(guest, request.POST.get("image") or request.GET.get("image", ""), now)
    form = ReportForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        take(REPORTS.of(client_network(request)), REPORTS_OF_LINK.of(guest.link.hex), now=now)
        store_report(guest.link, gallery, shown, form.cleaned_data, now)
        return render(request, "links/reported.html", _frame(guest))
    numbering, addresses = Numbering(gallery, live_images(gallery, now)), _addresses(guest, now)
    tile = guest_tiles(guest, [shown], addresses, numbering)[0] if shown else None
    status = 422 if request.method == "POST" else 200
    return render(request, "links/report.html", {**_frame(guest), "form": form, "tile": tile}, status=status)


def _reported(guest: Guest, identifier: str, now: datetime) -> Image | None:
    ids = parse_ids([identifier]) if identifier else []
    return seen_image(guest, ids[0], now) if ids else None


def store_report(link: Link, gallery: Gallery, image: Image | None, given: dict[str, str], now: datetime) -> Report:
    """Keep a report for the moderators; nothing about who sent it."""
    return Report.objects.create(
        gallery=gallery,
        link=link,
        image=image.id if image else None,
        reason=given["reason"],
        words=given["words"],
        created_at=now,
    )
