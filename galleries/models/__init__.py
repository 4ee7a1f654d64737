"""Galleries and images as rows. Rules about one object live here; acts that cross systems are verbs in their own
modules."""

from galleries.models.gallery import Gallery, GalleryQuerySet, Retention
from galleries.models.image import Image, ImageQuerySet, Removal, State
from galleries.models.ledger import OutboxEntry, Receipt, SweepHold, Usage
from galleries.models.tokens import ApiToken

__all__ = [
    "ApiToken",
    "Gallery",
    "GalleryQuerySet",
    "Image",
    "ImageQuerySet",
    "OutboxEntry",
    "Receipt",
    "Removal",
    "Retention",
    "State",
    "SweepHold",
    "Usage",
]
