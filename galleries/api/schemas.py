"""What goes in and comes out, for validation and for the description at ``/api/v1/openapi.json``.

Only types and unknown fields are judged here; the rules about titles, names and expiry are the site's (forms, verbs).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from ninja.params.models import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, WithJsonSchema
from pydantic.config import JsonDict

from galleries.decoding.specs import SPECS
from galleries.forms import FILENAME_INPUT_LENGTH, PASSCODE_MAX, PASSCODE_MIN
from galleries.microseconds import EPOCH
from galleries.models import Kind, Receipt, Retention
from galleries.models.gallery import TITLE_LENGTH, default_retention
from galleries.models.links import NAME_LENGTH
from galleries.recognising import MAX_HASHES

MAX_LIMIT = 200
MAX_BULK = 500  # images changed by one request
DEFAULT_LIMIT = 50
SHA256: JsonDict = {"pattern": "^[0-9a-f]{64}$"}
METADATA: JsonDict = {"enum": ["strip", "keep"]}
# RFC 3339, section 5.6: the offset is not optional.
_TIME = re.compile(r"[0-9]{4}(-[0-9]{2}){2}[Tt][0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def parse_own_time(value: object) -> datetime:
    """An RFC 3339 time, at the offset that it names.

    Raises:
        ValueError: it is not one; a time without an offset is none.
    """
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            time = datetime.fromisoformat(value.upper())
            time.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            return time
    raise ValueError("must be a time with its offset, like 2026-05-03T14:05:00Z")


def parse_time(value: object) -> datetime:
    """An RFC 3339 time, in UTC. Raises what ``parse_own_time`` does."""
    return parse_own_time(value).astimezone(UTC)


def _blank_is_absent(value: object) -> object:
    """In a multipart form nothing is an empty string."""
    return None if value == "" else value


Id = Annotated[UUID, WithJsonSchema({"type": "string", "pattern": "^[0-9a-f]{32}$"})]
IdOut = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Time = Annotated[datetime, BeforeValidator(parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]
OwnTime = Annotated[
    datetime, BeforeValidator(parse_own_time), WithJsonSchema({"type": "string", "format": "date-time"})
]
TimeOut = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Address = Annotated[str, Field(description="Absolute, or starts with a slash; needs no further credentials.")]
# Query, not Field: ninja drops the description of the latter.
Limit = Annotated[int, Query(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many at most.")]
Cursor = Annotated[str, Query("", max_length=200, description="`next` of the page before.")]
Title = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": TITLE_LENGTH})]
Passcode = Annotated[str, Field(min_length=PASSCODE_MIN, max_length=PASSCODE_MAX)]
Filename = Annotated[str, Field(min_length=1, max_length=FILENAME_INPUT_LENGTH)]


class Input(BaseModel):
    """What a caller sends: a field that is not named here is a mistake, or an attempt at what is not theirs to set."""

    model_config = ConfigDict(extra="forbid")


class GalleryCreate(Input):
    title: Title
    retention: Retention = Field(
        default_factory=lambda: Retention(default_retention()), description="How long it keeps what is added."
    )


def _without_defaults(schema: JsonDict) -> None:
    for field in cast(dict[str, JsonDict], schema["properties"]).values():
        field.pop("default", None)


class Change(Input):
    """Only what is given changes: the defaults below are never used, and not described either."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class GalleryChange(Change):
    title: Title = ""
    retention: Retention = Retention.WEEK
    apply_to_existing: StrictBool = Field(False, description="Also for what the gallery already holds.")


class ImageChange(Change):
    expires_at: Time | None = Field(None, description="When it goes; null: never.")
    filename: Filename = ""


class HashesIn(Input):
    hashes: list[Hash] = Field(max_length=MAX_HASHES, description="SHA-256 of files, in hex.")


class BulkAction(StrEnum):
    DELETE = "delete"
    RESTORE = "restore"
    EXTEND = "extend"


class BulkChange(Input):
    model_config = ConfigDict(json_schema_extra=_without_defaults)

    action: BulkAction
    ids: list[IdOut] = Field(min_length=1, max_length=MAX_BULK)
    expires_at: Time | None = Field(None, description="Until when at least; null: for ever. For `extend` alone.")


class LinkFields(Change):
    name: str = Field("", json_schema_extra={"maxLength": NAME_LENGTH}, description="For the owner alone.")
    # The epoch stands where nothing was given.
    ends_at: Time = Field(EPOCH, description="It opens nothing from then on; without it 30 days from now.")
    max_downloads: StrictInt | None = Field(None, description="null: any number.")


class LinkCreate(LinkFields):
    kind: Kind = Field(Kind.DOWNLOAD, description="`download` also lets take originals; without it `download`.")
    passcode: Passcode | None = Field(None, description="null: none is asked.")


class LinkChange(LinkFields):
    kind: Kind = Kind.LOOK
    passcode: Passcode | None = Field(None, description="null: none is asked any more.")
    is_on: StrictBool = Field(True, description="false: revoked, until it is switched on again.")


class UploadFields(Input):
    """What may come beside the file."""

    filename: str = Field("", max_length=FILENAME_INPUT_LENGTH, description="Instead of the file's own name.")
    expires_at: Annotated[Time | None, BeforeValidator(_blank_is_absent)] = Field(
        None, description="When it goes; without it the gallery's retention decides."
    )
    taken_at: Annotated[OwnTime | None, BeforeValidator(_blank_is_absent)] = Field(
        None, description="When the picture was taken. Where the file itself says it, the file is believed."
    )
    source_sha256: str = Field("", description="SHA-256 of the file that was chosen.", json_schema_extra=SHA256)
    metadata: str = Field("strip", description="`keep` stores the bytes as they are.", json_schema_extra=METADATA)


class GalleryOut(BaseModel):
    id: IdOut
    title: str
    retention: Retention
    created_at: TimeOut
    image_count: int
    bytes: int = Field(description="What the originals take.")
    cover: Address | None = Field(description="The cover's thumbnail.")


class Applied(BaseModel):
    """What `apply_to_existing` did; each image is confirmed alone."""

    changed: int = Field(description="They have their new time, or had it before.")
    refused: int = Field(description="Their new time would have passed already, or they went meanwhile.")
    left: int = Field(description="There was no time for them: send the same change again.")


class GalleryChanged(GalleryOut):
    applied: Applied | None = None


class GalleryPage(BaseModel):
    items: list[GalleryOut]
    next: str | None = Field(description="The `cursor` of the next page; null: this is the last.")


class RenditionOut(BaseModel):
    url: Address
    width: int
    height: int


class ImageOut(BaseModel):
    id: IdOut
    gallery_id: IdOut
    filename: str
    content_type: str
    bytes: int = Field(description="Of the stored original.")
    width: int = Field(description="Upright, in pixels.")
    height: int
    sha256: str = Field(description="Of the bytes as uploaded.", json_schema_extra=SHA256)
    stored_sha256: str = Field(description="Of the stored original.", json_schema_extra=SHA256)
    created_at: TimeOut
    taken_at: TimeOut | None = Field(description="By the file itself; by its uploader where the file does not say.")
    expires_at: TimeOut | None = Field(description="null: never.")
    original_url: Address
    renditions: dict[str, RenditionOut] = Field(description="`thumbnail` and `preview`.")


class ImageUploaded(ImageOut):
    duplicate: bool = Field(description="The same bytes were there already; nothing was added.")


class ImagePage(BaseModel):
    items: list[ImageOut]
    next: str | None = Field(description="The `cursor` of the next page; null: this is the last.")


class Match(BaseModel):
    hash: Hash
    image_id: IdOut
    exact: bool = Field(description="These very bytes were uploaded; false: the image was made from this file.")


class CheckOut(BaseModel):
    items: list[Match] = Field(description="The files that are here. What is not in the list is not here.")


class BulkResult(BaseModel):
    id: IdOut
    status: Literal[200, 404, 409, 503] = Field(
        description="200: it is so now. Otherwise what the same change of this image alone would have answered."
    )
    code: Literal["not_found", "duplicate", "unavailable"] | None = Field(
        description="Why it was refused; null: it is so now."
    )
    detail: str | None
    image_id: IdOut | None = Field(description="The image that is in the way.")


class BulkOut(BaseModel):
    results: list[BulkResult]


class LinkOut(BaseModel):
    id: IdOut
    gallery_id: IdOut
    name: str
    kind: Kind
    address: str = Field(description="What is given away. Empty: it was made under another secret of this site.")
    created_at: TimeOut
    ends_at: TimeOut
    closes_at: TimeOut = Field(description="When it opens nothing any more: its own end, or its gallery's before.")
    is_on: bool
    has_passcode: bool
    max_downloads: int | None
    downloads: int
    opens: int


class LinkPage(BaseModel):
    items: list[LinkOut]
    next: str | None = Field(description="The `cursor` of the next page; null: this is the last.")


class Amount(BaseModel):
    bytes: int
    images: int


class Limits(BaseModel):
    """What one request may have at most."""

    upload_bytes: int = Field(description="A photo's file.")
    pixels: int = Field(description="A photo's width times height; formats other than JPEG may have fewer.")
    page: int = Field(description="`limit` of a list.")
    bulk: int = Field(description="`ids` of `/images/bulk`.")
    check: int = Field(description="`hashes` of `/images/check`.")


class TokenOut(BaseModel):
    name: str
    scopes: list[Literal["read", "write", "delete"]]
    gallery_id: IdOut | None = Field(description="The one gallery that it is for; null: all.")
    expires_at: TimeOut


class Me(BaseModel):
    id: IdOut
    username: str
    quota: Amount
    used: Amount = Field(description="Live, being uploaded, deleted and not swept yet.")
    limits: Limits
    formats: list[str] = Field(description="The content types that are taken.")
    retentions: list[Retention]
    default_retention: Retention
    token: TokenOut


class ReceiptOut(BaseModel):
    image_id: IdOut
    gallery_id: IdOut
    gallery_title: str
    filename: str
    bytes: int
    reason: Receipt.Reason
    layers: list[str] = Field(description="Where it was removed from.")
    uploaded_at: TimeOut
    due_at: TimeOut | None
    gone_at: TimeOut


class ReceiptPage(BaseModel):
    items: list[ReceiptOut]
    next: str | None = Field(description="The `cursor` of the next page; null: this is the last.")


def upload_schema() -> dict[str, Any]:
    """The JSON Schema of an upload's multipart body."""
    schema = UploadFields.model_json_schema()
    binary = {"type": "string", "format": "binary"}
    renditions = {
        spec.name: binary
        | {
            "description": f"Made by the client: JPEG or WebP, sRGB, upright, {spec.long_edge} px on the long edge at "
            "most. Saves the site work when it shows the same as the photo, and is not looked at further when not."
        }
        for spec in SPECS
    }
    files = {"file": binary | {"description": "The photo."}} | renditions
    return schema | {"properties": files | schema["properties"], "required": ["file"]}
