"""static/css/ratios.css equals its formula: the classes that reserve a picture's space, as no style attribute may.

The sheet is what ``sheet()`` returns; after changing the formula, write it anew with
``python -m tests.look.test_ratios > static/css/ratios.css``."""

from __future__ import annotations

from pathlib import Path

from galleries.tiles import SPAN_STEPS, WIDEST_SPAN

CSS = Path(__file__).resolve().parents[2] / "static" / "css" / "ratios.css"
STEP, MIDDLE, CLASSES = 1.02, 70, 141

HEAD = """\
/* Width over height in steps of 2 %: .ratio-N is 1.02^(N - 70), N from 0 to 140 (1:4 to 4:1, as Image.ratio_class).
   .span-N: the ratios of a few pictures added up, in quarters (as tiles.Day.span_class).
   Made by tests/look/test_ratios.py, which also holds the sheet to the formula. */

@layer components {
"""


def sheet() -> str:
    """The whole style sheet."""
    rules = (f"  .ratio-{n} {{ --ratio: {STEP ** (n - MIDDLE):.4f}; }}\n" for n in range(CLASSES))
    spans = (f"  .span-{n} {{ --span: {n / SPAN_STEPS:g}; }}\n" for n in range(1, WIDEST_SPAN * SPAN_STEPS + 1))
    return HEAD + "".join(rules) + "".join(spans) + "}\n"


def test_ratio_sheet_equals_its_formula() -> None:
    assert CSS.read_text() == sheet()


def test_ratio_sheet_spans_one_to_four_both_ways() -> None:
    assert STEP**-MIDDLE <= 0.2501
    assert STEP ** (CLASSES - 1 - MIDDLE) >= 3.999


if __name__ == "__main__":
    print(sheet(), end="")  # noqa: T201
