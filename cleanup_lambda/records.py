"""The record: how an image or a gallery looks in DynamoDB, and every conditional write of it (LIFECYCLE 1b), once.

Image items are ``pk = GALLERY#<gallery>``, ``sk = IMAGE#<image>``; gallery items ``sk = GALLERY``. The index ``by_due``
(hash ``shard``, range ``due_at``) holds exactly the items that have a due time: sixteen queries find all that is due.
Times are whole epoch seconds, rounded up where the deleter reads them: it may only ever be later than the truth.
Requests are returned as the arguments of a boto3 client's method, without the name of the table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from cleanup_lambda.keys import is_id, parse_key

Item = dict[str, Any]  # attribute values as the low-level client has them: {"S": "text"}, {"N": "1"}, {"L": [...]}
Request = dict[str, Any]

INDEX = "by_due"
SHARDS = tuple(f"{number:02d}" for number in range(16))
GALLERY = "GALLERY"
# The end of the year 9999, the last moment that a row can hold; a time in milliseconds is beyond it since 1978.
LATEST = 253_402_300_800
# The grace that sites and sweep agreed on, and what a sweep remembers until its second visit.
STATE_KEY: Item = {"pk": {"S": "STATE"}, "sk": {"S": "SWEEP"}}


class Malformed(Exception):
    """An item that the site did not write; the message says what is wrong with it."""


@dataclass(frozen=True)
class ImageRecord:
    """One image as the deleter sees it. Ids in hex, times in epoch seconds, None: never. ``claim`` is the run that
    claimed it, "" when none did."""

    owner: str
    gallery: str
    image: str
    keys: tuple[str, ...]
    bytes: int
    content_type: str
    width: int
    height: int
    filename: str
    created_at: int
    expires_at: int | None
    due_at: int | None
    version: int
    claim: str = field(default="", compare=False)

    @property
    def key(self) -> Item:
        return image_key(self.gallery, self.image)

    @property
    def item(self) -> Item:
        item = self.key | {
            "owner": {"S": self.owner},
            "gallery": {"S": self.gallery},
            "image": {"S": self.image},
            "keys": {"L": [{"S": key} for key in self.keys]},
            "bytes": _number(self.bytes),
            "content_type": {"S": self.content_type},
            "width": _number(self.width),
            "height": _number(self.height),
            "filename": {"S": self.filename},
            "created_at": _number(self.created_at),
            "version": _number(self.version),
        }
        if self.expires_at is not None:
            item["expires_at"] = _number(self.expires_at)
        if self.due_at is not None:
            item |= {"due_at": _number(self.due_at), "shard": {"S": shard_of(self.image)}}
        return item


@dataclass(frozen=True)
class GalleryRecord:
    """One gallery; never due by itself. Ids in hex, times in epoch seconds."""

    owner: str
    gallery: str
    title: str
    retention: str
    created_at: int
    removed_at: int | None
    version: int

    @property
    def key(self) -> Item:
        return gallery_key(self.gallery)

    @property
    def item(self) -> Item:
        item = self.key | {
            "owner": {"S": self.owner},
            "gallery": {"S": self.gallery},
            "title": {"S": self.title},
            "retention": {"S": self.retention},
            "created_at": _number(self.created_at),
            "version": _number(self.version),
        }
        return item if self.removed_at is None else item | {"removed_at": _number(self.removed_at)}


def image_key(gallery: str, image: str) -> Item:
    """Where the record of ``image`` is."""
    return {"pk": {"S": f"GALLERY#{gallery}"}, "sk": {"S": f"IMAGE#{image}"}}


def gallery_key(gallery: str) -> Item:
    """Where the record of ``gallery`` is."""
    return {"pk": {"S": f"GALLERY#{gallery}"}, "sk": {"S": GALLERY}}


def shard_of(image: str) -> str:
    """The part of the index that holds ``image``: by its last digit, which is random."""
    return SHARDS[int(image[-1], 16)]


def epoch(moment: float) -> int:
    """Whole seconds, rounded up."""
    return math.ceil(moment)


# --- reading ----------------------------------------------------------------------------------------------------------


def parse_image(item: Mapping[str, Any]) -> ImageRecord:
    """The record in ``item``, believed only as far as its parts agree: it may have been made by hand. Which shard it
    stands in only decides which query finds it, so any will do.

    Raises:
        Malformed: something is missing, has another type, or names an object that is not this image's.
    """
    gallery, image, owner = (_id(item, name) for name in ("gallery", "image", "owner"))
    if {name: item.get(name) for name in ("pk", "sk")} != image_key(gallery, image):
        raise Malformed("its key names another image")
    record = ImageRecord(
        owner=owner,
        gallery=gallery,
        image=image,
        keys=_keys(item, owner, gallery, image),
        bytes=_whole(item, "bytes"),
        content_type=_text(item, "content_type"),
        width=_whole(item, "width"),
        height=_whole(item, "height"),
        filename=_text(item, "filename"),
        created_at=_time(item, "created_at"),
        expires_at=_time(item, "expires_at") if "expires_at" in item else None,
        due_at=_time(item, "due_at") if "due_at" in item else None,
        version=_whole(item, "version"),
        claim=_text(item, "claim") if "claim" in item else "",
    )
    shards = {None} if record.due_at is None else set(SHARDS)
    if (_text(item, "shard") if "shard" in item else None) not in shards:
        raise Malformed("it has a shard and is never due, or is due in none that there is")
    return record


def parse_gallery(item: Mapping[str, Any]) -> GalleryRecord:
    """The record of a gallery in ``item``.

    Raises:
        Malformed: something is missing or has another type.
    """
    gallery = _id(item, "gallery")
    if {name: item.get(name) for name in ("pk", "sk")} != gallery_key(gallery):
        raise Malformed("its key names another gallery")
    return GalleryRecord(
        owner=_id(item, "owner"),
        gallery=gallery,
        title=_text(item, "title"),
        retention=_text(item, "retention"),
        created_at=_time(item, "created_at"),
        removed_at=_time(item, "removed_at") if "removed_at" in item else None,
        version=_whole(item, "version"),
    )


def version_of(item: Mapping[str, Any]) -> int | None:
    """The version in ``item``, None when it has none that is a number."""
    try:
        return _whole(item, "version")
    except Malformed:
        return None


def _keys(item: Mapping[str, Any], owner: str, gallery: str, image: str) -> tuple[str, ...]:
    listed = _value(item, "keys", "L")
    if not isinstance(listed, list) or not listed:
        raise Malformed("it lists no keys")
    keys = []
    for each in listed:
        key = each.get("S") if isinstance(each, dict) else None
        parts = parse_key(key) if isinstance(key, str) else None
        if parts is None or (parts.owner, parts.gallery, parts.image) != (owner, gallery, image):
            raise Malformed("it lists an object that is not its own")
        keys.append(str(key))
    return tuple(keys)


def _value(item: Mapping[str, Any], name: str, kind: str) -> Any:
    value = item.get(name)
    if not isinstance(value, dict) or kind not in value:
        raise Malformed(f"{name} is missing or of another type")
    return value[kind]


def _text(item: Mapping[str, Any], name: str) -> str:
    return str(_value(item, name, "S"))


def _id(item: Mapping[str, Any], name: str) -> str:
    text = _text(item, name)
    if not is_id(text):
        raise Malformed(f"{name} is not an id")
    return text


def _decimal(item: Mapping[str, Any], name: str) -> Decimal:
    try:
        number = Decimal(_value(item, name, "N"))
    except (InvalidOperation, TypeError, ValueError):
        raise Malformed(f"{name} is not a number") from None
    if not number.is_finite() or number < 0:
        raise Malformed(f"{name} is not a number that can be")
    return number


def _whole(item: Mapping[str, Any], name: str) -> int:
    number = _decimal(item, name)
    if number != number.to_integral_value() or number >= 2**63:
        raise Malformed(f"{name} is not a whole number")
    return int(number)


def _time(item: Mapping[str, Any], name: str) -> int:
    number = _decimal(item, name)
    if number > LATEST:
        raise Malformed(f"{name} is not in seconds")
    return math.ceil(number)


def _number(value: float) -> Item:
    return {"N": str(value)}


# --- writing ----------------------------------------------------------------------------------------------------------


def put(record: ImageRecord | GalleryRecord) -> Request:
    """R-PUT: the whole item, over an older version only, never over a claim."""
    return {
        "Item": record.item,
        "ConditionExpression": "attribute_not_exists(#pk) OR (attribute_not_exists(#claim) AND #version < :v)",
        "ExpressionAttributeNames": _names("pk", "claim", "version"),
        "ExpressionAttributeValues": {":v": _number(record.version)},
    }


def lengthen(gallery: str, image: str, version: int, expires_at: int | None, due_at: int | None) -> Request:
    """R-LEN: a later end at a version of its own; never makes an item, never writes over a claim. What it was refused
    for is in the error."""
    values = {":v": _number(version)}
    assignments, gone = ["#version = :v"], []
    for name, value in (("expires_at", expires_at), ("due_at", due_at)):
        if value is None:
            gone.append(f"#{name}")
        else:
            assignments.append(f"#{name} = :{name}")
            values[f":{name}"] = _number(value)
    if due_at is None:
        gone.append("#shard")
    else:
        assignments.append("#shard = :shard")
        values[":shard"] = {"S": shard_of(image)}
    remove = f" REMOVE {', '.join(gone)}" if gone else ""
    return {
        "Key": image_key(gallery, image),
        "UpdateExpression": f"SET {', '.join(assignments)}{remove}",
        "ConditionExpression": "attribute_exists(#pk) AND attribute_not_exists(#claim) AND #version < :v",
        "ExpressionAttributeNames": _names("pk", "claim", "version", "expires_at", "due_at", "shard"),
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def claim(key: Item, run: str, now: float, cutoff: float) -> Request:
    """R-CLAIM: still due by the base table, whatever the index said; taken over from a sweep that died."""
    return {
        "Key": key,
        "UpdateExpression": "SET #claim = :run, #claimed_at = :now",
        "ConditionExpression": "attribute_exists(#pk) AND #due_at <= :cutoff",
        "ExpressionAttributeNames": _names("pk", "claim", "claimed_at", "due_at"),
        "ExpressionAttributeValues": {
            ":run": {"S": run},
            ":now": _number(epoch(now)),
            ":cutoff": _number(math.floor(cutoff)),
        },
    }


def drop_claimed(key: Item) -> Request:
    """R-DROP by a sweep that cannot see rows: only what was claimed."""
    return {
        "Key": key,
        "ConditionExpression": "attribute_exists(#claim)",
        "ExpressionAttributeNames": _names("claim"),
    }


def agree(grace: int) -> Request:
    """The first who says how long the grace is says it for all; the others must say the same. What is there is in the
    error."""
    return set_grace(grace) | {
        "ConditionExpression": "attribute_not_exists(#grace) OR #grace = :grace",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def set_grace(grace: int) -> Request:
    """The grace, in seconds, whatever was agreed before."""
    return {
        "Key": STATE_KEY,
        "UpdateExpression": "SET #grace = :grace",
        "ExpressionAttributeNames": _names("grace"),
        "ExpressionAttributeValues": {":grace": _number(grace)},
    }


def grace_of(state: Mapping[str, Any]) -> int | None:
    """What was agreed, in seconds; None when nothing was. -1: something that is no number of seconds, which agrees
    with nobody."""
    if "grace" not in state:
        return None
    try:
        return _whole(state, "grace")
    except Malformed:
        return -1


def due_query(shard: str, cutoff: float, *, limit: int, after: Item | None = None) -> Request:
    """One page of what one shard of the index says is due, oldest first."""
    request = {
        "IndexName": INDEX,
        "KeyConditionExpression": "#shard = :shard AND #due_at <= :cutoff",
        "ExpressionAttributeNames": _names("shard", "due_at"),
        "ExpressionAttributeValues": {":shard": {"S": shard}, ":cutoff": _number(math.floor(cutoff))},
        "Limit": limit,
    }
    return request if after is None else request | {"ExclusiveStartKey": after}


def due_count(shard: str, cutoff: float, after: Item | None = None) -> Request:
    """How many are due in one shard, without reading them one by one: pages of 1 MB, ``Count`` in each."""
    request = due_query(shard, cutoff, limit=1, after=after) | {"Select": "COUNT"}
    del request["Limit"]
    return request


def _names(*attributes: str) -> dict[str, str]:
    """Placeholders for attribute names: several of ours are reserved words."""
    return {f"#{name}": name for name in attributes}
