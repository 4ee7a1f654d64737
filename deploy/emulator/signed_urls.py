"""Whether CloudFront would accept a signed address, by its documented rules and not by our signer's code.

Developer guide, "Create a signed URL using a custom policy" and "How CloudFront checks the expiration date and time":
the policy is the base64 of its JSON with ``+=/`` written ``-_~``, signed with RSA-SHA1 (PKCS #1 v1.5) by a key of the
trusted group; its resource, where ``*`` stands for any characters and ``?`` for one, must match the address without
``Policy``, ``Signature`` and ``Key-Pair-Id``; the time of the request must be before ``DateLessThan``.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

OURS = ("Policy", "Signature", "Key-Pair-Id")
_STANDARD = str.maketrans("-_~", "+=/")


class Refused(Exception):
    """CloudFront would answer 403; the message says why."""


def load_public_key(pem: str) -> RSAPublicKey:
    """A key as it is given to CloudFront.

    Raises:
        ValueError: it is not an RSA key of 2048 bits.
    """
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey) or key.key_size != 2048:
        raise ValueError("CloudFront takes RSA keys of 2048 bits")
    return key


def verify(address: str, now: float, trusted: Mapping[str, RSAPublicKey]) -> str:
    """The address without what signs it, when it may be served at ``now`` (Unix time); ``trusted`` by key id.

    Raises:
        Refused: it may not.
    """
    parts = urlsplit(address)
    given = parse_qsl(parts.query, keep_blank_values=True)
    fields = dict(given)
    if len([name for name, _ in given if name in OURS]) != len(OURS) or not fields.keys() >= set(OURS):
        raise Refused("MissingKey")
    key = trusted.get(fields["Key-Pair-Id"])
    if key is None:
        raise Refused("InvalidKey")
    policy = _decode(fields["Policy"])
    try:
        key.verify(_decode(fields["Signature"]), policy, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 (theirs)
    except InvalidSignature:
        raise Refused("InvalidSignature") from None
    resource, until = _read(policy)
    plain = _without_signature(address)
    if not _matches(resource, plain):
        raise Refused("AccessDenied: another resource")
    if now >= until:
        raise Refused("AccessDenied: expired")
    return plain


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text.translate(_STANDARD), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("MalformedPolicy") from None


def _read(policy: bytes) -> tuple[str, int]:
    """The one statement of a custom policy: its resource and its ``DateLessThan``."""
    try:
        (statement,) = json.loads(policy)["Statement"]
        until = statement["Condition"]["DateLessThan"]["AWS:EpochTime"]
        resource = statement["Resource"]
    except (ValueError, TypeError, KeyError):
        raise Refused("MalformedPolicy") from None
    if not isinstance(until, int) or not isinstance(resource, str) or set(statement["Condition"]) != {"DateLessThan"}:
        raise Refused("MalformedPolicy")
    return resource, until


def _without_signature(address: str) -> str:
    base, _, query = address.partition("?")
    kept = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in OURS]
    return f"{base}?{'&'.join(kept)}" if kept else base


def _matches(resource: str, address: str) -> bool:
    pattern = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in resource)
    return re.fullmatch(pattern, address, re.DOTALL) is not None
