"""What people may say about a gallery and its images; the pages and the API share these rules."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone

from galleries.filenames import is_kept
from galleries.models import Gallery, Kind, Report, Retention
from galleries.models.gallery import DESCRIPTION_LENGTH, TITLE_LENGTH
from galleries.models.links import DEFAULT_LIFE, LONGEST_LIFE, NAME_LENGTH
from galleries.models.reports import WORDS_LENGTH
from galleries.problems import Problem
from galleries.uploads import UploadOptions

if TYPE_CHECKING:
    from gallery_site.accounts.models import User

FILENAME_INPUT_LENGTH = 1_000  # what may be sent; what is kept is shorter (filenames.py)
IDEMPOTENCY_KEY_LENGTH = 200
PASSCODE_MIN, PASSCODE_MAX = 6, 128


def clean_text(text: str) -> str:
    """``text`` in NFC, without control and direction marks, with plain line ends."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(c for c in text if c == "\n" or is_kept(c))


class TextField(forms.CharField):
    """Clean text. Measured as it was sent, which is the length that programs are told, and as it is kept: NFC can be
    longer."""

    def to_python(self, value: Any) -> str:
        return clean_text(super().to_python(value) or "").strip()

    def clean(self, value: Any) -> Any:
        self.run_validators(forms.CharField.to_python(self, value))
        return super().clean(value)


class LineField(TextField):
    """The same on one line."""

    def to_python(self, value: Any) -> str:
        return " ".join(super().to_python(value).split())


class GalleryForm(forms.Form):
    """Title and retention: what a new gallery needs."""

    title = LineField(
        max_length=TITLE_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the gallery a name."},
    )
    retention = forms.ChoiceField(label="Keep photos for")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(choice.value, choice.label) for choice in Retention.allowed()]
        field = self.fields["retention"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 (for the type checker)
        field.choices = choices
        field.initial = Gallery._meta.get_field("retention").get_default()


class GalleryEditForm(GalleryForm):
    """Rename, describe, change the retention and, if asked, give it to what the gallery already holds."""

    description = TextField(max_length=DESCRIPTION_LENGTH, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    apply_to_existing = forms.BooleanField(required=False, label="Also change the photos that are already here")
    field_order = ["title", "description", "retention", "apply_to_existing"]


def clean_passcode(text: str) -> str:
    """A passcode as it is hashed: the same letters typed on any keyboard are the same passcode."""
    return " ".join(clean_text(text).split())


class LinkForm(forms.Form):
    """What a new link allows. ``lasts`` is the page's choice, ``ends_at`` an exact time; without either the link lasts
    30 days. Whatever is said here, a link ends with its gallery."""

    LASTS = {
        "1d": ("1 day", timedelta(days=1)),
        "7d": ("7 days", timedelta(days=7)),
        "30d": ("30 days", DEFAULT_LIFE),
        "90d": ("90 days", timedelta(days=90)),
        "1y": ("1 year", timedelta(days=365)),
    }

    name = LineField(
        max_length=NAME_LENGTH,
        required=False,
        label="Name, for you alone",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "Family"}),
    )
    kind = forms.ChoiceField(choices=Kind.choices, initial=Kind.DOWNLOAD, label="Whoever has it may")
    lasts = forms.ChoiceField(
        choices=[(value, label) for value, (label, _) in LASTS.items()],
        initial="30d",
        required=False,
        label="It works for",
    )
    ends_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    passcode = forms.CharField(
        required=False,
        max_length=PASSCODE_MAX,
        strip=False,  # blanks alone are a passcode that is too short, not none: nobody meant an open link
        label="Passcode",
        help_text=f"Empty: none is asked. At least {PASSCODE_MIN} characters. Send it another way than the link.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    max_downloads = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label="Downloads at most",
        help_text="Empty: any number. A photo saved alone counts as one, a zip of any size as one.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    def clean_passcode(self) -> str:
        given: str = self.cleaned_data["passcode"]
        passcode = clean_passcode(given)
        if given and len(passcode) < PASSCODE_MIN:
            raise forms.ValidationError(f"Give a passcode at least {PASSCODE_MIN} characters.", code="min_length")
        return passcode

    def clean_ends_at(self) -> datetime | None:
        ends_at: datetime | None = self.cleaned_data["ends_at"]
        if ends_at is not None and ends_at <= self.now:
            raise forms.ValidationError("That time has already passed.", code="expiry_in_past")
        if ends_at is not None and ends_at > self.now + LONGEST_LIFE:
            raise forms.ValidationError("A link lasts a year at most.", code="expiry_too_late")
        return ends_at

    def wishes(self) -> dict[str, Any]:
        """Of a valid form: what ``links.create_link`` takes."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "kind": given["kind"],
            "ends_at": given["ends_at"] or self._chosen_end() or self.now + DEFAULT_LIFE,
            "passcode": given["passcode"] or None,
            "max_downloads": given["max_downloads"],
        }

    def _chosen_end(self) -> datetime | None:
        chosen = self.cleaned_data["lasts"]
        return self.now + self.LASTS[chosen][1] if chosen else None


class LinkEditForm(LinkForm):
    """The same for a link that is there: what is left empty about its end and its passcode stays as it is."""

    forget_passcode = forms.BooleanField(required=False, label="Ask for no passcode any more")
    field_order = ["name", "kind", "lasts", "passcode", "forget_passcode", "max_downloads"]

    def __init__(self, *args: Any, has_passcode: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lasts = self.fields["lasts"]
        assert isinstance(lasts, forms.ChoiceField)  # noqa: S101 (for the type checker)
        lasts.choices = [("", "As it is"), *((value, f"{label} from now") for value, (label, _) in self.LASTS.items())]
        lasts.initial = ""
        if has_passcode:
            stays = f"Empty: it stays. A new one ({PASSCODE_MIN} characters or more) locks out who knows the old one."
            self.fields["passcode"].help_text = stays
        else:
            del self.fields["forget_passcode"]

    def wishes(self) -> dict[str, Any]:
        """Of a valid form: what ``links.change_link`` takes; what stays is not in it."""
        given = self.cleaned_data
        wishes = super().wishes() | {
            "ends_at": given["ends_at"] or self._chosen_end(),
            "passcode": given["passcode"] or ("" if given.get("forget_passcode") else None),
        }
        return {name: value for name, value in wishes.items() if value is not None or name == "max_downloads"}


class ReportForm(forms.Form):
    """What a visitor tells the moderators."""

    reason = forms.ChoiceField(choices=Report.Reason.choices, label="What is wrong", widget=forms.RadioSelect)
    words = TextField(
        max_length=WORDS_LENGTH,
        required=False,
        label="In your words, if you like",
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class UploadForm(forms.Form):
    """What may come beside a file."""

    filename = forms.CharField(max_length=FILENAME_INPUT_LENGTH, required=False, strip=False)
    taken_at = forms.DateTimeField(required=False)
    camera = LineField(max_length=100, required=False)
    source_sha256 = forms.RegexField(
        r"\A[0-9a-f]{64}\Z", required=False, error_messages={"invalid": "64 hexadecimal digits in lower case."}
    )
    metadata = forms.ChoiceField(
        choices=[("strip", "strip"), ("keep", "keep")],
        required=False,
        error_messages={"invalid_choice": "Either strip or keep."},
    )

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
        detail = " ".join(f"{field}: {' '.join(map(str, found))}" for field, found in form.errors.items())
        raise Problem("invalid_request", detail=detail, fields=tuple(form.errors))
    if len(idempotency_key) > IDEMPOTENCY_KEY_LENGTH:
        detail = f"Idempotency-Key: At most {IDEMPOTENCY_KEY_LENGTH} characters."
        raise Problem("invalid_request", detail=detail, fields=("Idempotency-Key",))
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
