"""Every way in which an image stops being seen while its files are still in the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from galleries.expiry import set_expiry
from galleries.models import Image, State
from galleries.moderation import take_down
from galleries.removal import remove_images
from tests.core.world import SECOND

Hide = Callable[[Image, datetime], object]

HIDINGS: dict[str, Hide] = {
    "expired": lambda image, now: set_expiry(image, now + SECOND, now),
    "removed": lambda image, now: remove_images(image.gallery, [image.id], now),
    "taken down": lambda image, now: take_down([image], now),
    "being deleted": lambda image, now: Image.objects.filter(id=image.id).update(state=State.DELETING),
}
