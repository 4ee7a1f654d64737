"""Every bad input has a stable code, an HTTP status and a sentence for people: the one place where they are written."""

from __future__ import annotations

from dataclasses import dataclass

# code -> (status, short title, sentence). The sentences follow the site's voice: plain, about the person's things.
PROBLEMS: dict[str, tuple[int, str, str]] = {
    "unsupported_format": (
        415,
        "Unsupported format",
        "This isn't a photo format we take. JPEG, PNG, WebP, GIF, AVIF and HEIC work.",
    ),
    "file_too_large": (413, "File too large", "This is larger than what we take."),
    "corrupt_image": (422, "Damaged image", "This file isn't a photo we can read. It may be damaged."),
    "too_many_pixels": (422, "Too many pixels", "This picture has more pixels than we can handle."),
    "empty_file": (422, "Empty file", "This file is empty."),
    "expiry_in_past": (422, "Expiry in the past", "That time has already passed."),
    "expiry_too_late": (422, "Expiry too late", "Photos are not kept that long here."),
    "invalid_request": (422, "Invalid request", "Something in this request isn't right."),
    "malformed": (400, "Malformed request", "This request could not be read."),
    "unauthorized": (401, "Not signed in", "A valid token is needed."),
    "quota_exceeded": (403, "No room left", "There is no room left in your account. Delete something first."),
    "forbidden": (403, "Not allowed", "This token may not do that."),
    "link_locked": (403, "Passcode needed", "This link asks for a passcode first."),
    "wrong_passcode": (422, "Wrong passcode", "That is not the passcode of this link."),
    "downloads_used_up": (403, "No downloads left", "This link's downloads are used up. You can still look."),
    "too_many_links": (403, "Too many links", "You have as many links as one person can have. Delete one first."),
    "link_ended": (410, "Ended", "This link has ended."),
    "not_found": (404, "Not found", "There is nothing here."),
    "method_not_allowed": (405, "Method not allowed", "That is not possible at this address."),
    "upload_in_progress": (409, "Upload in progress", "This photo is being uploaded right now. Try again in a moment."),
    "conflict": (409, "Too late", "That is no longer possible."),
    "duplicate": (409, "Already there", "The same photo is already in this gallery."),
    "precondition_failed": (
        412,
        "Changed meanwhile",
        "This was changed by somebody else. Look again before changing it.",
    ),
    "unsupported_media_type": (415, "Not JSON", "Send JSON, and say so: Content-Type: application/json."),
    "rate_limited": (429, "Too many requests", "Too many requests. Try again in a moment."),
    "server_error": (500, "Our fault", "Something went wrong on our side. Nothing was lost; try again."),
    "unavailable": (503, "Not available", "That did not work just now. Try again."),
    "storage_full": (507, "Storage full", "The site has no room for more photos right now."),
}

TEMPORARY = {429, 503}
RETRY_AFTER = 5  # seconds, where nobody knows better


@dataclass(eq=False)
class Problem(Exception):
    """A refusal with one of the codes above. ``detail`` replaces the usual sentence; ``fields`` names wrong fields."""

    code: str
    detail: str = ""
    retry_after: int | None = None
    fields: tuple[str, ...] = ()
    image_id: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.code)

    @property
    def status(self) -> int:
        return PROBLEMS[self.code][0]

    @property
    def title(self) -> str:
        return PROBLEMS[self.code][1]

    @property
    def sentence(self) -> str:
        """What a person reads."""
        return self.detail or PROBLEMS[self.code][2]

    def as_json(self) -> dict[str, object]:
        """The problem details of RFC 9457, with our stable ``code``."""
        body: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.sentence,
            "code": self.code,
        }
        if self.fields:
            body["fields"] = list(self.fields)
        if self.image_id:
            body["image_id"] = self.image_id
        return body

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to this answer."""
        headers = {}
        if self.retry_after is not None or self.status in TEMPORARY:
            headers["Retry-After"] = str(self.retry_after or RETRY_AFTER)
        if self.status == 401:
            # RFC 9110, section 11.6.1: a 401 names what would open it; RFC 6750, section 3: never without a parameter.
            headers["WWW-Authenticate"] = 'Bearer realm="Image Gallery"'
        return headers
