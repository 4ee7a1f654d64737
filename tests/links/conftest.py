"""Links of Alice's gallery, and how a visitor comes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from galleries.links import create_link
from galleries.models import Gallery, Link

MakeLink = Callable[..., Link]


@pytest.fixture
def make_link(gallery: Gallery) -> MakeLink:
    """A link of ``gallery`` (or another one): ``make_link("download", passcode="...")``."""

    def make(kind: str = "look", *, of: Gallery | None = None, **wishes: Any) -> Link:
        now = timezone.now()
        return create_link(of or gallery, kind=kind, now=now, **{"ends_at": now + timedelta(days=30)} | wishes)

    return make
