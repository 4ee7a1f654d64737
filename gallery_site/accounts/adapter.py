"""How the account library behaves here: who may sign up, which addresses mails carry, how sign-ins are limited."""

from __future__ import annotations

import ipaddress
import logging
import re
import smtplib
import unicodedata
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailConfirmationHMAC
from allauth.core import context as request_context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from galleries.problems import Problem
from gallery_site.accounts.deletion import RESERVED_PREFIX
from gallery_site.accounts.invitations import Invitation, read_invitation
from gallery_site.accounts.limits import forget_failures, take_sign_in
from gallery_site.accounts.models import User
from gallery_site.context import site

logger = logging.getLogger(__name__)

INVITATION_SESSION_KEY = "invitation"
MailError = (smtplib.SMTPException, OSError)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """See the module."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": "This account has been closed.",
        "email_taken": "There is an account with this address already.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "This is not your password.",
        "incorrect_code": "This code is not right, or too old.",
        "email_password_mismatch": "Name or password is not right.",
        "username_password_mismatch": "Name or password is not right.",
        "username_taken": "This name is taken.",
        "username_blacklisted": "This name cannot be used.",
        "too_many_login_attempts": "Too many tries. Wait a while.",
        "rate_limited": "Too many tries. Wait a while.",
    }

    # --- who may sign up ---------------------------------------------------------------------------------------------

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.GALLERY_SIGNUP == "invite":
            return invitation_of(request) is not None
        return bool(settings.GALLERY_SIGNUP == "open")

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:
        """The last door before a row is written, whichever way led here: an invitation is used up by it, and by nothing
        less: whoever finds the database busy may try again."""
        invitation = invitation_of(request)
        saved: User = super().save_user(request, user, form, commit=False)  # the hash takes its time before
        with transaction.atomic():
            if settings.GALLERY_SIGNUP != "open" and not (
                settings.GALLERY_SIGNUP == "invite" and invitation is not None and invitation.use(timezone.now())
            ):
                raise ImmediateHttpResponse(signup_closed(request))
            if commit:
                saved.save()
        request.session.pop(INVITATION_SESSION_KEY, None)
        return saved

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """No ``@`` (it would look like somebody's address), one form of each letter, no name of a deleted account."""
        username = unicodedata.normalize("NFKC", username)
        if not re.fullmatch(r"[\w.+-]+", username):
            raise ValidationError("Only letters, digits and . + - _ may be in a name.", code="invalid")
        if username.lower().startswith(RESERVED_PREFIX):
            raise self.validation_error("username_blacklisted")
        cleaned: str = super().clean_username(username, shallow)
        return cleaned

    # --- limits ------------------------------------------------------------------------------------------------------

    def get_client_ip(self, request: HttpRequest) -> str:
        """An IPv4 client of an IPv6 socket is its IPv4 address: otherwise all of them would share one /64."""
        ip: str = super().get_client_ip(request)
        address = ipaddress.ip_address(ip)
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return ip

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count before hashing, so that a refused try costs nothing; allauth rolls the count back after success."""
        try:
            self._login_failed_rl_usage = take_sign_in(request, _name(credentials))
        except Problem as problem:
            request.retry_after = problem.retry_after  # type: ignore[attr-defined]
            raise ImmediateHttpResponse(respond_429(request)) from None

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        forget_failures(_name(credentials))

    def set_password(self, user: User, password: str) -> None:
        super().set_password(user, password)
        for name in (user.username, user.email):
            forget_failures(name)

    # --- where to go -------------------------------------------------------------------------------------------------

    def is_safe_url(self, url: str) -> bool:
        """Only paths of this site, never a host, not even our own under another name."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_overview")

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return reverse("account_overview" if self.request.user.is_authenticated else "account_login")

    # --- mail: every link starts with SITE_URL, never with what a request called this host ---------------------------

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _, token = key.partition("-")
        return settings.SITE_URL + reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: EmailConfirmationHMAC) -> str:
        return settings.SITE_URL + reverse("account_confirm_email", args=[emailconfirmation.key])

    def send_account_already_exists_mail(self, email: str) -> None:
        reset = settings.SITE_URL + reverse("account_reset_password")
        self.send_mail("account/email/account_already_exists", email, {"password_reset_url": reset})

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send one of our mails; when the mail server is away, the person is told to try again."""
        request = request_context.request
        facts = site(request) | {"email": email, "signup_url": settings.SITE_URL + reverse("account_signup")}
        message = self.render_mail(template_prefix, email, context | facts)
        try:
            message.send()
        except MailError as error:
            logger.error("mail not sent: %s", type(error).__name__)
            raise ImmediateHttpResponse(mail_unavailable(request)) from error

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """A notice never stops what it tells about."""
        try:
            super().send_notification_mail(*args, **kwargs)
        except ImmediateHttpResponse:
            logger.warning("a notice about an account was not sent")


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Passkeys belong to the site's configured host, not to what a request called it."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is not right, or too old.",
        "unverified_email": "First confirm your e-mail address: the link is in the mail that we sent.",
    }

    def _get_site_name(self) -> str:
        return str(site(request_context.request)["site_name"])

    def get_totp_label(self, user: User) -> str:
        return user.username


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The invitation that this visitor came with, still good."""
    token = request.session.get(INVITATION_SESSION_KEY)
    return read_invitation(token) if token else None


def signup_closed(request: HttpRequest) -> HttpResponse:
    """403: nobody new may join now."""
    page = render_to_string("account/signup_closed.html", {"invite_only": settings.GALLERY_SIGNUP == "invite"}, request)
    return HttpResponse(page, status=403)


def mail_unavailable(request: HttpRequest) -> HttpResponse:
    """503: the mail server did not take our mail."""
    return HttpResponse(render_to_string("accounts/mail_unavailable.html", {}, request), status=503)


def _name(credentials: dict[str, Any]) -> str:
    return str(credentials.get("email") or credentials.get("username") or "")
