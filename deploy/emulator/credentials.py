"""The metadata service of an EC2 instance (IMDSv2), as far as an SDK asks it: the temporary credentials of one role."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/latest/meta-data/iam/security-credentials/"
RENEW_BEFORE = timedelta(minutes=15)


class InstanceMetadata:
    """Hands out what ``assume`` returns: credentials as STS gives them, asked for again before they end."""

    def __init__(self, assume: Callable[[], dict[str, Any]]) -> None:
        self._assume = assume
        self._credentials: dict[str, Any] = {}
        self._tokens: set[str] = set()
        self._lock = threading.Lock()
        metadata = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._reply(*metadata.grant(self.path))

            def do_GET(self) -> None:
                self._reply(*metadata.look_up(self.path, self.headers.get("X-aws-ec2-metadata-token", "")))

            def _reply(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "21600")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def endpoint(self) -> str:
        """For AWS_EC2_METADATA_SERVICE_ENDPOINT."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self) -> None:
        self._current()  # asked for now: SDKs give this service a second
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(timeout=5)

    def grant(self, path: str) -> tuple[int, str]:
        """A session token; version 1, without one, is not answered, as the launch template demands."""
        if path != "/latest/api/token":
            return 404, ""
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        return 200, token

    def look_up(self, path: str, token: str) -> tuple[int, str]:
        if token not in self._tokens:
            return 401, ""
        if path == PREFIX:
            return 200, "site"
        if path != f"{PREFIX}site":
            return 404, ""
        return 200, json.dumps(self._current())

    def _current(self) -> dict[str, str]:
        now = datetime.now(UTC)
        with self._lock:
            if not self._credentials or self._credentials["Expiration"] < now + RENEW_BEFORE:
                self._credentials = self._assume()
            return {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "LastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "AccessKeyId": self._credentials["AccessKeyId"],
                "SecretAccessKey": self._credentials["SecretAccessKey"],
                "Token": self._credentials["SessionToken"],
                "Expiration": self._credentials["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
