"""The account pages that are ours; the others are allauth's, with our forms and templates."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from allauth.account import views as allauth_views
from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.logout import logout
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from galleries.models import ApiToken, Usage
from gallery_site.accounts.adapter import INVITATION_SESSION_KEY, signup_closed
from gallery_site.accounts.deletion import delete_account
from gallery_site.accounts.forms import DeleteAccountForm, ThemeForm
from gallery_site.accounts.invitations import read_invitation
from gallery_site.accounts.limits import ACTIONS, DEFAULT_WAIT, seconds_to_wait
from gallery_site.accounts.models import User
from gallery_site.errors import page_before

GONE = "Your account is gone, and everything in it."


class SignupView(allauth_views.SignupView):  # type: ignore[misc]
    """allauth's, but a closed door answers 403."""

    def closed(self) -> HttpResponse:
        return signup_closed(self.request)


signup = SignupView.as_view()


@require_GET
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Opens sign-up for this visitor; the token stays in the session until it is used."""
    if request.user.is_authenticated:
        return redirect(settings.LOGIN_REDIRECT_URL)
    if settings.GALLERY_SIGNUP == "invite":
        if read_invitation(token) is None:
            return signup_closed(request)
        request.session[INVITATION_SESSION_KEY] = token
    return redirect("account_signup")


@require_GET
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """What I use, how I sign in, how I leave."""
    user = _person(request)
    address = EmailAddress.objects.filter(user=user).order_by("-primary", "-verified", "pk").first()
    authenticators = Authenticator.objects.filter(user=user).values_list("type", flat=True)
    context = {
        "usage": Usage.objects.filter(owner=user).first() or Usage(owner=user),
        "address": address,
        "has_totp": Authenticator.Type.TOTP in authenticators,
        "passkeys": [*authenticators].count(Authenticator.Type.WEBAUTHN),
        "session_count": UserSession.objects.filter(user=user).count(),
        "token_count": ApiToken.objects.valid(timezone.now()).filter(owner=user).count(),
        "themes": User.Theme.choices,
    }
    return render(request, "accounts/overview.html", context)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keeps the person's choice of light or dark. For a visitor without an account there is nothing to keep."""
    form = ThemeForm(request.POST)
    if not form.is_valid():
        return HttpResponse("Choose light, dark or system.", status=422, content_type="text/plain; charset=utf-8")
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(theme=form.cleaned_data["theme"])
    if request.headers.get("HX-Request") or "text/html" not in request.headers.get("Accept", "text/html"):
        return HttpResponse(status=204)
    target = request.POST.get("next", "")
    local = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return HttpResponseRedirect(target) if local else redirect(settings.LOGIN_REDIRECT_URL)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def delete(request: HttpRequest) -> HttpResponse:
    """The page that asks, and the deed."""
    user = _person(request)
    form = DeleteAccountForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        address = user.email
        delete_account(user, timezone.now())
        logout(request, show_message=False)
        _say_goodbye(address, user.username)
        messages.success(request, GONE)
        return redirect(settings.LOGIN_REDIRECT_URL)
    usage = Usage.objects.filter(owner=user).first() or Usage(owner=user)
    context = {"form": form, "usage": usage, "gallery_count": user.galleries.filter(removed_at=None).count()}
    return render(request, "accounts/delete.html", context, status=422 if request.method == "POST" else 200)


def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """429 with ``Retry-After``; the URLconf's ``handler429``, which allauth uses."""
    wait = getattr(request, "retry_after", None) or _wait(request)
    context = {"minutes": max(1, -(-wait // 60)), "page": page_before(request)}
    response = render(request, "429.html", context, status=429)
    response.headers["Retry-After"] = str(wait)
    return response


def _wait(request: HttpRequest) -> int:
    match: Any = request.resolver_match
    action = ACTIONS.get(match.url_name) if match else None
    key = request.POST.get("email", "").strip().lower() or None
    return seconds_to_wait(request, action, key) if action else DEFAULT_WAIT


def _person(request: HttpRequest) -> User:
    """The signed-in person; call behind ``login_required``."""
    user: Any = request.user
    person: User = user
    return person


def _say_goodbye(address: str, name: str) -> None:
    if not address:
        return
    with suppress(ImmediateHttpResponse):  # logged by the adapter; the account is gone all the same
        get_adapter().send_mail("account/email/account_deleted", address, {"name": name})
