"""Galleries and images as rows. Rules about one object live here; acts that cross systems are verbs in their own
modules."""

from galleries.models.edge import Invalidation
from galleries.models.gallery import Gallery, GalleryQuerySet, Retention
from galleries.models.image import Image, ImageQuerySet, Removal, State
from galleries.models.ledger import GalleryOutboxEntry, OutboxEntry, Receipt, SweepHold, Usage
from galleries.models.links import Guest, Kind, Link, Right
from galleries.models.reports import Report
from galleries.models.throttle import Throttle
from galleries.models.tokens import ApiToken

__all__ = [
    "ApiToken",
    "Gallery",
    "GalleryOutboxEntry",
    "GalleryQuerySet",
    "Guest",
    "Image",
    "ImageQuerySet",
    "Invalidation",
    "Kind",
    "Link",
    "OutboxEntry",
    "Receipt",
    "Removal",
    "Report",
    "Retention",
    "Right",
    "State",
    "SweepHold",
    "Throttle",
    "Usage",
]
