"""What a long press or a press selects. Safari knows ``user-select`` by its old name alone."""

from __future__ import annotations

import re

from tests.look.test_motion import SHEETS

RULE = re.compile(r"\{[^{}]*\}")
NEW = re.compile(r"(?<!-)\buser-select:\s*(\w+)")
OLD = re.compile(r"-webkit-user-select:\s*(\w+)")


def test_what_is_selected_is_the_same_in_safari() -> None:
    rules = [rule for sheet in SHEETS for rule in RULE.findall(sheet.read_text())]
    selecting = [(NEW.findall(rule), OLD.findall(rule)) for rule in rules if "user-select" in rule]
    assert len(selecting) >= 3
    assert [new for new, _ in selecting] == [old for _, old in selecting]
