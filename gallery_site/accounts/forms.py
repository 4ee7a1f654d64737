"""The forms of the account pages, in our words. A password is asked once: it can be shown instead of typed twice."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth_forms
from allauth.core import context
from django import forms

from gallery_site.accounts.adapter import invitation_of
from gallery_site.accounts.models import User
from gallery_site.accounts.passwords import RULE

OTHER_ADDRESS = "This invitation is for another e-mail address."


class LoginForm(allauth_forms.LoginForm):  # type: ignore[misc]
    """Sign in by name or e-mail, with exactly one password check whether the account exists or not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _drop_placeholders(self)
        self.fields["login"].label = "Name or e-mail"
        self.fields["login"].widget.attrs |= {
            "autocomplete": "username webauthn",
            "autocapitalize": "none",
            "maxlength": 254,
        }

    def user_credentials(self) -> dict[str, str]:
        """By one method only: allauth would check a known address's password twice, which can be measured.

        A name with an ``@`` can only come from the command line; it is looked for first.
        """
        login = self.cleaned_data["login"]
        by_name = "@" not in login or User.objects.filter(username__iexact=login).exists()
        return {"username" if by_name else "email": login, "password": self.cleaned_data["password"]}


class SignupForm(allauth_forms.SignupForm):  # type: ignore[misc]
    """Name, e-mail, password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _drop_placeholders(self)
        self.invitation = invitation_of(context.request)
        self.fields["username"].label = "Name"
        self.fields["username"].help_text = "One word: letters, digits and . + - _"
        self.fields["username"].widget.attrs["autocapitalize"] = "none"
        self.fields["email"].label = "E-mail"
        self.fields["password1"].help_text = RULE
        if self.invitation and self.invitation.email:
            self.initial.setdefault("email", self.invitation.email)

    def clean_email(self) -> str:
        if self.invitation and self.invitation.email not in ("", self.cleaned_data["email"].lower()):
            raise forms.ValidationError(OTHER_ADDRESS, code="other_address")
        email: str = super().clean_email()
        return email


class ChangePasswordForm(allauth_forms.ChangePasswordForm):  # type: ignore[misc]
    """The old one, and the new one once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_once(self, "New password")
        self.fields["oldpassword"].label = "Current password"


class SetPasswordForm(allauth_forms.SetPasswordForm):  # type: ignore[misc]
    """A first password, once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_once(self, "Password")


class ResetPasswordKeyForm(allauth_forms.ResetPasswordKeyForm):  # type: ignore[misc]
    """The new password, once, after the link in the mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask_once(self, "New password")


class AddEmailForm(allauth_forms.AddEmailForm):  # type: ignore[misc]
    """The address to change to."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _drop_placeholders(self)
        self.fields["email"].label = "New e-mail address"


class ResetPasswordForm(allauth_forms.ResetPasswordForm):  # type: ignore[misc]
    """The address of an account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _drop_placeholders(self)
        self.fields["email"].label = "E-mail"


class ReauthenticateForm(allauth_forms.ReauthenticateForm):  # type: ignore[misc]
    """The password, once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _drop_placeholders(self)


class DeleteAccountForm(forms.Form):
    """The one question before something that cannot be undone: the person's own name, typed."""

    username = forms.CharField(
        label="Your name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_username(self) -> str:
        typed: str = self.cleaned_data["username"]
        if typed != self.user.username:
            raise forms.ValidationError("This is not your name. Nothing was deleted.", code="mismatch")
        return typed


class ThemeForm(forms.Form):
    """Light, dark, or as the device."""

    theme = forms.ChoiceField(choices=User.Theme.choices)


def _drop_placeholders(form: forms.Form) -> None:
    """A placeholder that repeats the label is noise, and gone when it would be read."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)


def _ask_once(form: forms.Form, label: str) -> None:
    del form.fields["password2"]
    _drop_placeholders(form)
    form.fields["password1"].label = label
    form.fields["password1"].help_text = RULE
