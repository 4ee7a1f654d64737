"""The account's page of tokens for the REST API: made after the person proved again that it is them, shown once,
revoked with one button."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galleries.forms import LineField
from galleries.models import ApiToken, Gallery
from galleries.models.tokens import NAME_LENGTH, revoke_token
from gallery_site.accounts.models import User

MOST_TOKENS = 50  # of one person, as many as links; a courtesy of the form, so not held against races


class TokenForm(forms.Form):
    """What a new token may do, where, and for how long."""

    SCOPES: ClassVar = [("read", "Look and download"), ("write", "Add and change"), ("delete", "Delete")]
    LASTS: ClassVar = {
        "7d": ("7 days", timedelta(days=7)),
        "30d": ("30 days", timedelta(days=30)),
        "90d": ("90 days", timedelta(days=90)),
        "1y": ("1 year", timedelta(days=365)),
    }

    name = LineField(
        max_length=NAME_LENGTH,
        label="What is it for?",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Camera upload"}),
        error_messages={"required": "Give it a name."},
    )
    scopes = forms.MultipleChoiceField(
        choices=SCOPES,
        initial=["read", "write"],
        label="It may",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    gallery = forms.ModelChoiceField(Gallery.objects.none(), required=False, empty_label="All my galleries", label="In")
    lasts = forms.ChoiceField(
        choices=[(value, label) for value, (label, _) in LASTS.items()], initial="90d", label="It works for"
    )

    def __init__(self, person: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        gallery = self.fields["gallery"]
        assert isinstance(gallery, forms.ModelChoiceField)  # noqa: S101 (for the type checker)
        gallery.queryset = Gallery.objects.visible_to(person).order_by("-id")

    def clean(self) -> dict[str, Any]:
        if ApiToken.objects.valid(timezone.now()).filter(owner=self.person).count() >= MOST_TOKENS:
            raise forms.ValidationError(f"You have {MOST_TOKENS} tokens. Revoke one first.", code="too_many")
        return self.cleaned_data

    def make(self) -> tuple[ApiToken, str]:
        """The token that a valid form asks for: its row, and the token itself."""
        given = self.cleaned_data
        return ApiToken.issue(
            self.person,
            given["name"],
            now=timezone.now(),
            scopes=tuple(given["scopes"]),
            gallery=given["gallery"],
            lifetime=self.LASTS[given["lasts"]][1],
        )


@require_safe
@login_required
def token_list(request: HttpRequest) -> HttpResponse:
    """My tokens: what each may do, until when, and when it was last used."""
    now = timezone.now()
    tokens = ApiToken.objects.filter(owner=_person(request), revoked_at=None).select_related("gallery").order_by("-id")
    return render(request, "accounts/tokens.html", {"tokens": tokens, "now": now})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
def token_create(request: HttpRequest) -> HttpResponse:
    """The form, and the one page that shows the token. No redirect in between: it would have to be kept somewhere."""
    form = TokenForm(_person(request), request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        row, token = form.make()
        return render(request, "accounts/token_made.html", {"row": row, "token": token})
    return render(request, "accounts/token_form.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
@login_required
def token_revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """End a token at once. This only takes a right away, so the password is not asked again."""
    if not ApiToken.objects.filter(id=token_id, owner=_person(request)).exists():
        raise Http404
    revoke_token(token_id, timezone.now())
    messages.success(request, "Revoked. Nothing can be done with it any more.")
    return redirect("account_tokens")


def _person(request: HttpRequest) -> User:
    user: Any = request.user
    person: User = user
    return person
