"""Whether a test that a page or a table names is there."""

from __future__ import annotations

import ast
from functools import cache

from tests.live import ROOT


@cache
def tests_in(path: str) -> frozenset[str]:
    """The names of the test functions of a file; none when there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def is_test(node: str) -> bool:
    """``tests/x.py::test_y`` names a test."""
    path, _, name = node.partition("::")
    return name.startswith("test_") and name in tests_in(path)
