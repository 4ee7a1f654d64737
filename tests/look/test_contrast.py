"""Every pair of colours that the site puts on each other can be read, in both themes (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).resolve().parents[2] / "static" / "css" / "tokens.css").read_text()
TEXT, GRAPHIC = 4.5, 3.0

GROUNDS = ("background", "surface", "raised", "sunken")
PAIRS = [
    *((ink, ground, TEXT) for ink in ("text", "muted", "accent", "danger", "warning", "success") for ground in GROUNDS),
    *(("accent-strong", ground, TEXT) for ground in GROUNDS),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    ("on-danger", "danger", TEXT),
    ("accent", "accent-soft", TEXT),
    ("text", "accent-soft", TEXT),
    ("danger", "danger-soft", TEXT),
    ("warning", "warning-soft", TEXT),
    ("success", "success-soft", TEXT),
    ("on-toast", "toast", TEXT),
    ("toast-accent", "toast", TEXT),
    ("on-stage", "stage", TEXT),
    ("on-stage-muted", "stage", TEXT),
    ("on-stage", "stage-raised", TEXT),
    ("on-stage-muted", "stage-raised", TEXT),
    ("stage-danger", "stage-raised", TEXT),
    *((ink, ground, GRAPHIC) for ink in ("control", "focus") for ground in GROUNDS),
]

BLOCK = re.compile(r"(?P<selector>:root[^{]*)\{(?P<body>[^}]*)\}")
COLOUR = re.compile(r"--(?P<name>[\w-]+):\s*#(?P<hex>[0-9a-f]{6});")


def blocks() -> dict[str, dict[str, str]]:
    """Selector -> colour tokens of its blocks."""
    found: dict[str, dict[str, str]] = {}
    for block in BLOCK.finditer(TOKENS):
        colours = {match["name"]: match["hex"] for match in COLOUR.finditer(block["body"])}
        found.setdefault(block["selector"].strip(), {}).update(colours)
    return found


LIGHT = blocks()[":root"]
DARK = LIGHT | blocks()[':root[data-theme="dark"]']


def luminance(colour: str) -> float:
    """Relative luminance of ``rrggbb`` (WCAG 2.2, definition)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast_of_pair_is_enough(theme: dict[str, str], ink: str, ground: str, least: float) -> None:
    measured = contrast(theme[ink], theme[ground])
    assert measured >= least, f"{ink} on {ground}: {measured:.2f}"


def test_dark_by_device_and_dark_by_choice_are_the_same() -> None:
    bodies = {match["selector"].strip(): match["body"] for match in BLOCK.finditer(TOKENS)}
    chosen = bodies[':root[data-theme="dark"]'].split()
    wished = bodies[':root:not([data-theme="light"], [data-theme="dark"])'].split()
    assert chosen == wished


def test_raw_colours_live_in_the_tokens_alone() -> None:
    for sheet in (Path(__file__).resolve().parents[2] / "static" / "css").glob("*.css"):
        if sheet.name != "tokens.css":
            assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)", sheet.read_text()), sheet.name
