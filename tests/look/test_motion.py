"""What moves is moved by the compositor: anything else is painted sixty times a second, for as long as it moves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

SHEETS = sorted((Path(settings.BASE_DIR) / "static/css").glob("*.css"))
KEYFRAMES = re.compile(r"@keyframes [\w-]+ \{(?P<body>(?:[^{}]*\{[^{}]*\})*)\s*\}")
FREE = {"opacity", "transform", "translate", "scale", "rotate"}


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_keyframes_need_no_painting(sheet: Path) -> None:
    text = sheet.read_text()
    bodies = [found["body"] for found in KEYFRAMES.finditer(text)]
    assert len(bodies) == text.count("@keyframes")
    changed = {name for body in bodies for name in re.findall(r"([\w-]+)\s*:", body)}
    assert changed <= FREE


def test_there_is_motion_to_look_at() -> None:
    assert any("@keyframes" in sheet.read_text() for sheet in SHEETS)
