"""What people may say about a gallery and its images; the pages and the API share these rules."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone

from galleries.models import Gallery, Retention
from galleries.models.gallery import DESCRIPTION_LENGTH, TITLE_LENGTH
from galleries.problems import Problem
from galleries.uploads import UploadOptions

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

FILENAME_INPUT_LENGTH = 1_000  # what may be sent; what is kept is shorter (filenames.py)
IDEMPOTENCY_KEY_LENGTH = 200

_SHOWN_CONTROLS = {"\n"}


def clean_text(text: str) -> str:
    """``text`` in NFC, without control and direction marks, with plain line ends."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(
        c
        for c in text
        if c in _SHOWN_CONTROLS or c == "\u200d" or unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    )


class GalleryForm(forms.Form):
    """Title and retention: what a new gallery needs."""

    title = forms.CharField(max_length=TITLE_LENGTH, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    retention = forms.ChoiceField(label="Keep photos for")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(choice.value, choice.label) for choice in Retention.allowed()]
        field = self.fields["retention"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (for the type checker)
        field.choices = choices
        field.initial = Gallery._meta.get_field("retention").get_default()

    def clean_title(self) -> str:
        title = " ".join(clean_text(self.cleaned_data["title"]).split())
        if not title:
            raise forms.ValidationError("Give the gallery a name.", code="required")
        return title


class GalleryEditForm(GalleryForm):
    """Rename, describe, change the retention and, if asked, give it to what the gallery already holds."""

    description = forms.CharField(
        max_length=DESCRIPTION_LENGTH, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    apply_to_existing = forms.BooleanField(required=False, label="Also change the photos that are already here")
    field_order = ["title", "description", "retention", "apply_to_existing"]

    def clean_description(self) -> str:
        return clean_text(self.cleaned_data["description"]).strip()


class UploadForm(forms.Form):
    """What may come beside a file."""

    filename = forms.CharField(max_length=FILENAME_INPUT_LENGTH, required=False, strip=False)
    taken_at = forms.DateTimeField(required=False)
    camera = forms.CharField(max_length=100, required=False)
    source_sha256 = forms.RegexField(r"^[0-9a-f]{64}$", required=False)
    metadata = forms.ChoiceField(choices=[("strip", "strip"), ("keep", "keep")], required=False)

    def clean_camera(self) -> str:
        return clean_text(self.cleaned_data["camera"]).replace("\n", " ").strip()

    def clean_taken_at(self) -> datetime | None:
        """A time that a camera can mean: the page sends nonsense of odd files on as nothing."""
        taken: datetime | None = self.cleaned_data["taken_at"]
        return taken if taken and taken.year >= 1826 and taken <= timezone.now() + MAX_CLOCK_ERROR else None


MAX_CLOCK_ERROR = timedelta(days=2)  # a camera in another time zone, set a little wrong


def upload_options(data: Mapping[str, Any], person: User, idempotency_key: str) -> UploadOptions:
    """What ``data``, sent beside a file by ``person``, asks for.

    Raises:
        Problem: invalid_request, naming the wrong fields.
    """
    form = UploadForm(data)
    if not form.is_valid():
        raise Problem("invalid_request", fields=tuple(form.errors))
    if len(idempotency_key) > IDEMPOTENCY_KEY_LENGTH:
        raise Problem("invalid_request", fields=("Idempotency-Key",))
    given = form.cleaned_data
    return UploadOptions(
        filename=given["filename"],
        taken_at=given["taken_at"],
        camera=given["camera"],
        source_sha256=given["source_sha256"],
        keep_metadata=given["metadata"] == "keep",
        # One person's key never meets another's.
        idempotency_key=f"{person.pk} {idempotency_key}" if idempotency_key else "",
    )
