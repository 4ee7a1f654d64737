"""Logs: one JSON object a line, with the request's id; never a query string, a token or an address of a person."""

from __future__ import annotations

import json
import logging
import re
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# What must not reach a log even inside a foreign message: passes and other queries, link tokens, mail addresses.
_QUERY = re.compile(r"\?[^\s\"']+")
_LINK = re.compile(r"/s/[A-Za-z0-9_\-]+")
_KEY_PATH = re.compile(r"/(reset/key|confirm-email|invite|ending)/[^\s/\"']+")
_MAIL = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+\.[^\s@\"'<>]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def redact(text: str) -> str:
    """``text`` without queries, link tokens, reset keys, mail addresses and control characters."""
    text = _CONTROL.sub(" ", text)
    text = _QUERY.sub("?...", text)
    text = _LINK.sub("/s/...", text)
    text = _KEY_PATH.sub(r"/\1/...", text)
    return _MAIL.sub("<mail>", text)


def _innermost(exc_info: tuple[Any, Any, Any] | tuple[None, None, None]) -> list[str]:
    """The end of a traceback, where the cause is; templates alone nest dozens of frames deep."""
    if exc_info[1] is None:
        return []
    return [part.rstrip().replace("\n", " ") for part in traceback.format_exception(exc_info[1], limit=-8)]


class RequestIdFilter(logging.Filter):
    """Adds the id of the request under way to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class JsonFormatter(logging.Formatter):
    """One record as one line of JSON; fields given by ``extra={"fields": {...}}`` stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": getattr(record, "request_id", "-"),
            "message": redact(record.getMessage()),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["trace"] = redact(" | ".join(_innermost(record.exc_info)))
        return json.dumps(line, ensure_ascii=False, default=str)
