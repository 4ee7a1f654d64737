"""Passes that CloudFront checks: a custom policy over a wildcard, signed with RSA-SHA1 as its developer guide asks.

One signature opens all renditions of a gallery, and RSA signatures repeat, so everybody who looks within the same
window gets the same addresses.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from urllib.parse import quote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KEY_BITS = 2048  # what CloudFront takes
REMEMBERED = 4_096  # signatures; one costs about 0.3 ms, and near an expiry each picture has its own
_ALPHABET = str.maketrans("+=/", "-_~")


def load_private_key(pem: str) -> RSAPrivateKey:
    """The key of CLOUDFRONT_PRIVATE_KEY.

    Raises:
        ValueError: it is not one that CloudFront could check; the message never holds any of it.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError("is not a private key in PEM form without a password") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size != KEY_BITS:
        raise ValueError(f"is not an RSA key of {KEY_BITS} bits")
    return key


class CloudFrontSigner:
    """Signs for the distribution at ``base`` (no slash at its end) with the key that it knows as ``key_id``."""

    sees_rows = False

    def __init__(self, base: str, key_id: str, private_key: str) -> None:
        self.base = base
        self.key_id = key_id
        self._key = load_private_key(private_key)
        self._query = lru_cache(REMEMBERED)(self._sign)

    def sign(self, scope: str, resource: str, until: int) -> str:
        """The query that opens ``resource``, a path or a prefix ending in ``*``, before second ``until``."""
        return self._query(f"{self.base}/{resource}", until)

    def sign_original(self, key: str, until: int, disposition: str) -> str:
        """The query that downloads one original under its name. S3 takes the header from the address, so it is signed
        too."""
        name = f"response-content-disposition={quote(disposition, safe='')}"
        return f"{name}&{self._query(f'{self.base}/{key}?{name}', until)}"

    def _sign(self, resource: str, until: int) -> str:
        statement = {"Resource": resource, "Condition": {"DateLessThan": {"AWS:EpochTime": until}}}
        policy = json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()
        signature = self._key.sign(policy, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 (the one it verifies)
        return f"Policy={_encode(policy)}&Signature={_encode(signature)}&Key-Pair-Id={self.key_id}"


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode().translate(_ALPHABET)
