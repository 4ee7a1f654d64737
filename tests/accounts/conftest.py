"""Browsers of people who signed in through the page."""

from __future__ import annotations

import pytest
from django.test import Client

from gallery_site.accounts.models import User
from tests.accounts.people import confirm, sign_in


@pytest.fixture
def visitor(db: None) -> Client:
    """Somebody's browser, signed out."""
    return Client()


@pytest.fixture
def signed_in(alice: User) -> Client:
    """Alice's browser, after the sign-in page."""
    client = Client()
    assert sign_in(client) == 302
    return client


@pytest.fixture
def confirmed(signed_in: Client) -> Client:
    """Alice's browser, just after she confirmed that it is her."""
    confirm(signed_in)
    return signed_in
