"""Passkey forms that refuse nonsense with a sentence: the libraries below raise whatever they stumble over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.webauthn import forms as allauth_forms
from cryptography.exceptions import InvalidSignature

MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError, InvalidSignature)


@contextmanager
def refusing_nonsense() -> Iterator[None]:
    """Anything that is wrong with a credential is the person's "this did not work", never our error."""
    try:
        yield
    except MALFORMED as error:
        raise get_adapter().validation_error("incorrect_code") from error


class AddForm(allauth_forms.AddWebAuthnForm):  # type: ignore[misc]
    def clean(self) -> dict[str, Any]:
        with refusing_nonsense():
            cleaned: dict[str, Any] = super().clean()
        return cleaned


class AuthenticateForm(allauth_forms.AuthenticateWebAuthnForm):  # type: ignore[misc]
    def clean_credential(self) -> Any:
        with refusing_nonsense():
            return super().clean_credential()


class LoginForm(allauth_forms.LoginWebAuthnForm):  # type: ignore[misc]
    def clean_credential(self) -> Any:
        with refusing_nonsense():
            return super().clean_credential()


class ReauthenticateForm(allauth_forms.ReauthenticateWebAuthnForm):  # type: ignore[misc]
    def clean_credential(self) -> Any:
        with refusing_nonsense():
            return super().clean_credential()
