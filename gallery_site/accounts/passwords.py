"""Password rules beside Django's own: long enough, not common, and not so long that hashing becomes a burden."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError

MIN_LENGTH = 12
MAX_LENGTH = 128  # ASVS: at least 64 must be possible; a longer one is more likely a pasted document than a password

RULE = f"At least {MIN_LENGTH} characters. A few words in a row are easy to remember."


class MaximumLengthValidator:
    """Refuses passwords of more than ``max_length`` characters."""

    def __init__(self, max_length: int = MAX_LENGTH) -> None:
        self.max_length = max_length

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """
        Raises:
            ValidationError: ``password_too_long``.
        """
        if len(password) > self.max_length:
            raise ValidationError(f"Too long: the limit is {self.max_length} characters.", code="password_too_long")

    def get_help_text(self) -> str:
        return f"At most {self.max_length} characters."
