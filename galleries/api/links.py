"""Operations on links: what opens a gallery to somebody without an account."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Router
from ninja.responses import Status

from galleries.access import own_link, own_links
from galleries.api.conditions import mark, require_match
from galleries.api.cursors import read_rows
from galleries.api.errors import invalid_form, refusals
from galleries.api.galleries import BODY, READ
from galleries.api.schemas import DEFAULT_LIMIT, Cursor, Id, Limit, LinkChange, LinkCreate, LinkOut, LinkPage
from galleries.api.shapes import link_json
from galleries.api.tokens import TokenRequest, open_gallery, require_scope
from galleries.forms import LinkEditForm, LinkForm
from galleries.links import change_link, create_link, delete_link
from galleries.models import Link
from galleries.problems import PROBLEMS, Problem

router = Router(tags=["links"])
ENDS = ("expiry_in_past", "expiry_too_late")


@router.api_operation(
    READ,
    "/galleries/{hex:gallery_id}/links",
    response=LinkPage,
    openapi_extra=refusals("not_found", "invalid_request"),
)
def list_links(
    request: TokenRequest, gallery_id: Id, cursor: Cursor = "", limit: Limit = DEFAULT_LIMIT
) -> dict[str, Any]:
    """The links of a gallery, the newest first."""
    now = timezone.now()
    gallery = open_gallery(request, gallery_id, now)
    links = own_links(request.auth.owner, now).filter(gallery=gallery)
    page, following = read_rows(links, cursor, limit, "links", gallery_id)
    return {"items": [link_json(link) for link in page], "next": following}


@router.post(
    "/galleries/{hex:gallery_id}/links",
    response={201: LinkOut},
    openapi_extra=refusals("not_found", *BODY, *ENDS, "too_many_links"),
)
def add_link(
    request: TokenRequest, response: HttpResponse, gallery_id: Id, payload: LinkCreate
) -> Status[dict[str, Any]]:
    """Make a link. Who has its address needs nothing else, but the passcode where there is one.

    The token needs `read` beside `write`: the address shows every photo of the gallery.
    """
    require_scope(request.auth, "read")
    now = timezone.now()
    gallery = open_gallery(request, gallery_id, now)
    given = payload.model_dump(exclude_unset=True)
    form = LinkForm({"kind": payload.kind} | given, now=now)
    _require_right(form, given)
    link = create_link(gallery, now=now, **form.wishes())
    response.headers["Location"] = reverse("galleries:api:get_link", args=[link.hex])
    return Status(201, mark(response, link_json(_open(request, link.id, now))))


@router.api_operation(READ, "/links/{hex:link_id}", response=LinkOut, openapi_extra=refusals("not_found"))
def get_link(request: TokenRequest, response: HttpResponse, link_id: Id) -> dict[str, Any]:
    """One link."""
    return mark(response, link_json(_open(request, link_id, timezone.now())))


@router.patch(
    "/links/{hex:link_id}",
    response=LinkOut,
    openapi_extra=refusals("not_found", *BODY, *ENDS, "too_many_links", "precondition_failed"),
)
def patch_link(request: TokenRequest, response: HttpResponse, link_id: Id, payload: LinkChange) -> dict[str, Any]:
    """Change a link, or switch it off and on. A changed passcode locks out who knew the old one.

    The token needs `read` beside `write`, as for making one.
    """
    require_scope(request.auth, "read")
    now = timezone.now()
    link = _open(request, link_id, now)
    as_seen = require_match(request, lambda: link_json(link))
    given = payload.model_dump(exclude_unset=True)
    # The one field that a form cannot do without; what else is not given is not judged again.
    data = {"kind": link.kind} | given | {"forget_passcode": "passcode" in given and not given["passcode"]}
    form = LinkEditForm(data, now=now, has_passcode=bool(link.passcode))
    _require_right(form, given)
    changes = {name: value for name, value in form.wishes().items() if name in given}
    if "is_on" in given:
        changes["is_on"] = payload.is_on
    change_link(link, now, as_seen=as_seen, **changes)
    return mark(response, link_json(_open(request, link_id, now)))


@router.delete("/links/{hex:link_id}", response={204: None}, openapi_extra=refusals("not_found", "precondition_failed"))
def remove_link(request: TokenRequest, link_id: Id) -> None:
    """Forget a link: its address is unknown from now on."""
    link = _open(request, link_id, timezone.now())
    delete_link(link, as_seen=require_match(request, lambda: link_json(link)))


def _open(request: TokenRequest, link_id: UUID, now: datetime) -> Link:
    return own_link(request.auth.owner, link_id, now, request.auth.gallery_id)


def _require_right(form: LinkForm, given: dict[str, Any]) -> None:
    """The fields that were given are right.

    Raises:
        Problem: the code of a wrong end, otherwise invalid_request.
    """
    problem = invalid_form(form, given)
    if problem is None:
        return
    ends = form.errors.as_data().get("ends_at", [])
    if ends and ends[0].code in PROBLEMS and problem.fields == ("ends_at",):
        raise Problem(ends[0].code, detail=ends[0].messages[0], fields=problem.fields)
    raise problem
