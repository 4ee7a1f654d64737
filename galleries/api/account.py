"""Operations on what belongs to the person: their quota and limits, and the receipts of what is gone."""

from __future__ import annotations

from typing import Any

from ninja import Router

from galleries.allowance import allowance_of
from galleries.api.cursors import read_rows
from galleries.api.errors import refusals
from galleries.api.galleries import READ
from galleries.api.schemas import (
    DEFAULT_LIMIT,
    MAX_BULK,
    MAX_LIMIT,
    Cursor,
    Limit,
    Me,
    ReceiptPage,
)
from galleries.api.shapes import receipt_json, rfc3339
from galleries.api.tokens import TokenRequest
from galleries.models import Receipt
from galleries.recognising import MAX_HASHES

router = Router(tags=["account"])
SIZES = {"page": MAX_LIMIT, "bulk": MAX_BULK, "check": MAX_HASHES}


@router.api_operation(READ, "/me", response=Me, openapi_extra=refusals())
def get_me(request: TokenRequest) -> dict[str, Any]:
    """Who the token speaks for, what it may do, the quota, what is used of it, and the limits of this site."""
    token, allowance = request.auth, allowance_of(request.auth.owner)
    return allowance | {
        "id": token.owner.pk.hex,
        "username": token.owner.username,
        "limits": allowance["limits"] | SIZES,
        "token": {
            "name": token.name,
            "scopes": token.scopes.split(),
            "gallery_id": token.gallery_id.hex if token.gallery_id else None,
            "expires_at": rfc3339(token.expires_at),
        },
    }


@router.api_operation(READ, "/receipts", response=ReceiptPage, openapi_extra=refusals("invalid_request"))
def list_receipts(request: TokenRequest, cursor: Cursor = "", limit: Limit = DEFAULT_LIMIT) -> dict[str, Any]:
    """What is gone from the page and from the store, one line each, the latest first."""
    receipts = Receipt.objects.filter(owner=request.auth.owner)
    if request.auth.gallery_id is not None:
        receipts = receipts.filter(gallery=request.auth.gallery_id)
    page, following = read_rows(receipts, cursor, limit, "receipts", request.auth.owner_id)
    return {"items": [receipt_json(receipt) for receipt in page], "next": following}
