"""Ids in addresses: 32 hex digits, nothing else reaches a view."""

from __future__ import annotations

from uuid import UUID


class HexId:
    """A UUID written as in keys."""

    regex = "[0-9a-f]{32}"

    def to_python(self, value: str) -> UUID:
        return UUID(hex=value)

    def to_url(self, value: UUID | str) -> str:
        return value if isinstance(value, str) else value.hex


class LinkToken:
    """A link's token, or something like one: what nobody has is looked up too, and counted."""

    regex = "[A-Za-z0-9_-]{1,128}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
