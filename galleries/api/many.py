"""Operations on many images: one change to up to 500, each with its own result, and which files are here already."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from ninja import Router

from galleries.access import reached_images
from galleries.api.errors import refusals
from galleries.api.galleries import BODY
from galleries.api.schemas import BulkAction, BulkChange, BulkOut, CheckOut, HashesIn, Id
from galleries.api.tokens import Bearer, TokenRequest, open_gallery, require_scope
from galleries.expiry import check_expiry, is_later, set_expiry
from galleries.models import Image, ImageQuerySet
from galleries.outcomes import PATIENCE, each_alone
from galleries.problems import Problem
from galleries.recognising import find_held
from galleries.removal import remove_images, restore_image

router = Router(tags=["images"])
SCOPES = {BulkAction.DELETE: "delete", BulkAction.RESTORE: "write", BulkAction.EXTEND: "write"}


@router.post(
    "/galleries/{hex:gallery_id}/images/check",
    response=CheckOut,
    auth=Bearer("read"),
    openapi_extra=refusals("not_found", *BODY),
)
def check_images(request: TokenRequest, gallery_id: Id, payload: HashesIn) -> dict[str, Any]:
    """Which of these files are live in the gallery: they need not be sent again.

    A hash matches the bytes as they were sent (`sha256`) or the file that they were made from (`source_sha256`).
    """
    now = timezone.now()
    held = find_held(open_gallery(request, gallery_id, now), payload.hashes, now)
    asked = dict.fromkeys(payload.hashes)
    found = [(each, held[each]) for each in asked if each in held]
    return {"items": [{"hash": each, "image_id": one.image_id.hex, "exact": one.exact} for each, one in found]}


@router.post(
    "/images/bulk",
    response=BulkOut,
    auth=Bearer("write", "delete"),
    openapi_extra=refusals(*BODY, "expiry_in_past", "expiry_too_late"),
)
def change_images(request: TokenRequest, payload: BulkChange) -> dict[str, Any]:
    """Delete, restore or extend up to 500 images. Each has its own result, in the order asked; none stops the others.

    `extend` keeps what would go before `expires_at` until then (null: for ever) and never shortens anything.
    """
    require_scope(request.auth, SCOPES[payload.action])
    now = timezone.now()
    _check_expiry(payload, now)
    ids = [UUID(hex=each) for each in dict.fromkeys(payload.ids)]
    results = _ACTS[payload.action](request, ids, payload, now)
    missing = Problem("not_found")
    return {"results": [_result(each.hex, results.get(each.hex, missing)) for each in ids]}


Results = dict[str, Problem | None]  # by id; None: done. What is not in it is not there for the caller


def _check_expiry(payload: BulkChange, now: datetime) -> None:
    given = "expires_at" in payload.model_fields_set
    if given != (payload.action is BulkAction.EXTEND):
        detail = "Say until when; null: for ever." if not given else "This belongs to extending alone."
        raise Problem("invalid_request", detail=detail, fields=("expires_at",))
    if given:
        check_expiry(payload.expires_at, now)


def _own(request: TokenRequest, images: ImageQuerySet, ids: Iterable[UUID]) -> list[Image]:
    """Those of the caller's ``images`` that were asked for; one query."""
    return list(reached_images(request.auth.owner, images, request.auth.gallery_id).filter(id__in=ids))


def _delete(request: TokenRequest, ids: list[UUID], payload: BulkChange, now: datetime) -> Results:
    images = _own(request, Image.objects.removable(now), ids)
    remove_images({image.gallery for image in images}, [image.id for image in images], now)
    return dict.fromkeys(image.hex for image in images)


def _restore(request: TokenRequest, ids: list[UUID], payload: BulkChange, now: datetime) -> Results:
    results = _each(_own(request, Image.objects.restorable(now), ids), restore_image)
    # Asked afterwards: somebody else may have brought one back at that moment.
    return results | {image.hex: None for image in _own(request, Image.objects.live(timezone.now()), ids)}


def _extend(request: TokenRequest, ids: list[UUID], payload: BulkChange, now: datetime) -> Results:
    def extend(image: Image) -> None:
        if is_later(payload.expires_at, image.expires_at):
            set_expiry(image, payload.expires_at, now)

    return _each(_own(request, Image.objects.live(now), ids), extend)


def _each(images: Iterable[Image], change: Callable[[Image], object]) -> Results:
    """``change`` for each alone, until the patience is over."""
    outcome = each_alone(images, change, PATIENCE)
    return dict.fromkeys(outcome.done) | outcome.problems


def _result(image: str, problem: Problem | None) -> dict[str, Any]:
    if problem is None:
        return {"id": image, "status": 200, "code": None, "detail": None, "image_id": None}
    return {
        "id": image,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.sentence,
        "image_id": problem.image_id or None,
    }


_ACTS: dict[BulkAction, Callable[[TokenRequest, list[UUID], BulkChange, datetime], Results]] = {
    BulkAction.DELETE: _delete,
    BulkAction.RESTORE: _restore,
    BulkAction.EXTEND: _extend,
}
