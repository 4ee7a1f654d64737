"""The core's tests upload without decoding (``real_decoder`` asks for the real one)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.test import Client

from tests.core.world import Answer, QuickDecoder, fetch, fetch_media

Fetch = Callable[..., Answer]


@pytest.fixture
def real_decoder() -> None:
    """This test decodes."""


@pytest.fixture(autouse=True)
def quick_decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> QuickDecoder:
    """Any bytes are a picture of 64 x 48."""
    decoder = QuickDecoder()
    if "real_decoder" not in request.fixturenames:
        monkeypatch.setattr("galleries.uploads.decoder", lambda: decoder)
        monkeypatch.setattr("galleries.renditions.decoder", lambda: decoder)
    return decoder


@pytest.fixture(params=["view", "application"])
def ask(request: pytest.FixtureRequest, client: Client) -> Fetch:
    """Fetch an address as anybody, through each of the two ways that serve media."""
    return partial(fetch if request.param == "view" else fetch_media, client)
