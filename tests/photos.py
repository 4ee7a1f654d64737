"""The shared pictures: 530 real, odd and hostile files with what is known of each (their README says more).

They are no part of the repository. `GALLERY_TEST_PHOTOS` names their folder; otherwise it is looked for
beside the project's.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

_BESIDE_THE_PROJECT = Path(__file__).resolve().parents[2] / "shared" / "photos"


@cache
def folder() -> Path:
    """The folder with `manifest.json` and `files/`. Raises `FileNotFoundError` that says what to do."""
    found = Path(os.environ.get("GALLERY_TEST_PHOTOS") or _BESIDE_THE_PROJECT)
    if not (found / "manifest.json").is_file():
        raise FileNotFoundError(f"No test photos in {found}: set GALLERY_TEST_PHOTOS to the folder that has them.")
    return found


@cache
def records() -> list[dict[str, Any]]:
    """The manifest's records, one a file; its own `fields` entry explains them."""
    manifest = json.loads((folder() / "manifest.json").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = manifest["records"]
    return found


def path(name: str) -> Path:
    """The file of a record, by the record's `name`."""
    return folder() / "files" / name
