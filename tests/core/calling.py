"""A command, called as an operator calls it."""

from __future__ import annotations

import io
import json
from typing import Any

from django.core.management import CommandError, call_command


def call(*arguments: str) -> tuple[int, str]:
    """(exit code, what is on stdout)"""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
    assert "\x1b" not in err.getvalue(), "progress is for terminals"
    return code, out.getvalue()


def call_json(*arguments: str) -> tuple[int, dict[str, Any]]:
    """(exit code, what it says as JSON, in one line)"""
    code, text = call(*arguments, "--json")
    assert len(text.splitlines()) == 1
    return code, json.loads(text)
