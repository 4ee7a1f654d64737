"""Programs of the cast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from galleries.models import Gallery, Image
    from gallery_site.accounts.models import User
    from tests.api.program import Program


@pytest.fixture
def program(alice: User) -> Program:
    """Alice's, allowed everything."""
    from tests.api.program import program_of

    return program_of(alice)


@pytest.fixture
def stranger(charlie: User) -> Program:
    """Charlie's, allowed everything of his."""
    from tests.api.program import program_of

    return program_of(charlie)


@pytest.fixture
def image(gallery: Gallery) -> Image:
    """One live image of Alice's."""
    from tests.pictures import store_image

    return store_image(gallery, 1)


@pytest.fixture
def nothing_is_left() -> Iterator[None]:
    """However an upload ends, its body has gone from the disk."""
    from tests.api.bodies import leftovers

    yield
    assert leftovers() == []
