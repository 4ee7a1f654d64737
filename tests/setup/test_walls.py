"""Who may import whom: cleanup_lambda runs without the site, and run.py's part before anything is installed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gallery_site.runner.commands import ROOT

SITE = {"django", "galleries", "gallery_site"}


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, in functions too; type checking alone does not count."""
    tree = ast.parse(path.read_text())
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            block.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def modules_of(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_lambda_never_imports_the_site() -> None:
    for path in modules_of("cleanup_lambda"):
        assert not SITE.intersection(name.split(".")[0] for name in imports_of(path)), path


@pytest.mark.parametrize("folder", ["galleries/stripping", "galleries/decoding"])
def test_picture_code_is_free_of_django(folder: str) -> None:
    """It runs in limited processes of its own, and fuzzers call it directly."""
    for path in modules_of(folder):
        for name in imports_of(path):
            assert name.split(".")[0] not in {"django", "gallery_site"}, path
            assert not name.startswith("galleries.") or name.startswith(
                ("galleries.stripping", "galleries.decoding")
            ), path


def test_set_up_needs_only_the_standard_library() -> None:
    for path in [ROOT / "run.py", ROOT / "gallery_site" / "__init__.py", *modules_of("gallery_site/runner")]:
        for name in imports_of(path):
            ours = name.startswith("gallery_site.runner")
            assert ours or name.split(".")[0] in sys.stdlib_module_names, f"{path} imports {name}"


def test_run_py_can_be_parsed_by_any_python() -> None:
    """An old Python must print the sentence, so run.py has no annotation, f-string or other new syntax."""
    tree = ast.parse((ROOT / "run.py").read_text())
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Match)
    assert not [node for node in ast.walk(tree) if isinstance(node, new)]
    first_import_of_ours = next(node for node in tree.body if isinstance(node, ast.ImportFrom))
    version_check = next(node for node in tree.body if isinstance(node, ast.If))
    assert version_check.lineno < first_import_of_ours.lineno
