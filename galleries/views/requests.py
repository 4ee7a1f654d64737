"""What views know of a request, for the type checker."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.http import HttpRequest

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from gallery_site.accounts.models import User


class PersonRequest(HttpRequest):
    """A request of a signed-in person."""

    user: User
    htmx: HtmxDetails


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page that it will swap in."""
    htmx = cast("HtmxDetails", getattr(request, "htmx"))  # noqa: B009 (set by its middleware)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def person(request: HttpRequest) -> User:
    """The signed-in person; call only after a check that there is one."""
    return cast("User", request.user)
