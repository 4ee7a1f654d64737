"""What a client of the site was promised: written down from answers alone."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.faults.web import Answer, Lost, ask, form_data


@dataclass
class Promise:
    """One image that the site acknowledged. ``unsure``: a change of it got no answer, so it may hold or not."""

    id: str
    gallery: str
    sha256: str
    expires_at: datetime | None
    acked_at: datetime
    hidden_at: datetime | None = None
    unsure: bool = False
    addresses: tuple[str, ...] = ()

    def kept(self, now: datetime) -> bool:
        """Whether it must be seen at ``now``."""
        return self.hidden_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass
class Ledger:
    """All promises of one client by image id."""

    promises: dict[str, Promise] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Promise]:
        return iter(list(self.promises.values()))

    def __len__(self) -> int:
        return len(self.promises)


class Uploader:
    """A program with a token and a memory. Every method raises Lost when no answer came; what is asked again is the
    same as what was asked."""

    def __init__(self, address: str, token: str, ledger: Ledger | None = None) -> None:
        self.address = address
        self.token = token
        self.ledger = Ledger() if ledger is None else ledger
        self.lock = threading.Lock()

    def call(self, method: str, path: str, json_body: bytes | None = None) -> Answer:
        """A request to the API."""
        headers = {"Content-Type": "application/json"} if json_body is not None else {}
        return ask(f"{self.address}/api/v1{path}", method, token=self.token, body=json_body, headers=headers)

    def make_gallery(self, title: str = "Summer", retention: str = "7d") -> str:
        """A new gallery's id."""
        body = f'{{"title": "{title}", "retention": "{retention}"}}'.encode()
        answer = self.call("POST", "/galleries", body)
        assert answer.status == 201, answer
        return str(answer.json["id"])

    def upload(self, gallery: str, picture: bytes, *, key: str = "") -> Answer:
        """Send one picture; written down when it was acknowledged."""
        body, content_type = form_data({}, picture)
        headers = {"Content-Type": content_type} | ({"Idempotency-Key": key} if key else {})
        address = f"{self.address}/api/v1/galleries/{gallery}/images"
        answer = ask(address, "POST", token=self.token, body=body, headers=headers)
        if answer.status in {200, 201}:
            self._note(answer.json, hashlib.sha256(picture).hexdigest())
        return answer

    def remove(self, image: str) -> Answer:
        """Delete an image; its promise ends with the answer."""
        answer = self._change("DELETE", image)
        if answer.status == 204 and self.ledger.promises[image].hidden_at is None:
            self.ledger.promises[image].hidden_at = datetime.now(UTC)
        return answer

    def remove_gallery(self, gallery: str) -> Answer:
        """Delete a gallery with all that is in it."""
        mine = [promise for promise in self.ledger if promise.gallery == gallery]
        try:
            answer = self.call("DELETE", f"/galleries/{gallery}")
        except Lost:
            for promise in mine:
                promise.unsure = True
            raise
        for promise in mine:  # 404: it is gone, which is all that was wanted
            promise.hidden_at = promise.hidden_at or datetime.now(UTC)
            promise.unsure = False
        return answer

    def restore(self, image: str) -> Answer:
        """Bring a deleted image back."""
        answer = self._change("POST", image, "/restore")
        if answer.status == 200:
            self._note(answer.json, self.ledger.promises[image].sha256)
        return answer

    def set_expiry(self, image: str, expires_at: datetime | None) -> Answer:
        """Move the promise."""
        text = "null" if expires_at is None else f'"{expires_at.isoformat()}"'
        answer = self._change("PATCH", image, "", f'{{"expires_at": {text}}}'.encode())
        if answer.status == 200:
            self._note(answer.json, self.ledger.promises[image].sha256)
        return answer

    def _change(self, method: str, image: str, path: str = "", body: bytes | None = None) -> Answer:
        promise = self.ledger.promises[image]
        try:
            answer = self.call(method, f"/images/{image}{path}", body)
        except Lost:
            promise.unsure = True
            raise
        promise.unsure = False
        return answer

    def _note(self, image: dict[str, Any], sha256: str) -> None:
        """``image`` is what an answer says about it; the site was sent ``sha256``."""
        end = image["expires_at"]
        addresses = (image["original_url"], *(each["url"] for each in image["renditions"].values()))
        promise = Promise(
            image["id"],
            image["gallery_id"],
            sha256,
            None if end is None else datetime.fromisoformat(end.replace("Z", "+00:00")),
            datetime.now(UTC),
            addresses=addresses,
        )
        with self.lock:
            self.ledger.promises[promise.id] = promise
