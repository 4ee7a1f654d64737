"""What the commands share: how they read a duration, a number and a gallery, and show that they are at work."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import timedelta
from uuid import UUID

from django.core.management.base import OutputWrapper

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """``90s``, ``15m``, ``2h`` or ``1d``."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text, re.ASCII)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not a duration: write 90s, 15m, 2h or 1d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def positive(text: str) -> int:
    """A whole number above zero."""
    if not re.fullmatch(r"\d{1,12}", text, re.ASCII) or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a number above zero.")
    return int(text)


def identifier(text: str) -> UUID:
    """The id of a gallery as it stands in its address."""
    try:
        return UUID(hex=text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not the id of a gallery.") from None


class Progress:
    """One line on a terminal's stderr that is written over; nothing where nobody watches."""

    def __init__(self, stderr: OutputWrapper) -> None:
        self.stderr = stderr if stderr.isatty() else None

    def show(self, text: str) -> None:
        if self.stderr is not None:
            self.stderr.write(f"\r\x1b[K{text}", ending="", style_func=str)
            self.stderr.flush()

    def end(self) -> None:
        """Clear the line."""
        self.show("")
