"""``copy_photos.py SOURCE TARGET``: copies each file below SOURCE that TARGET does not have in the same size.

Under another name first, so that a copy that is cut off is none; the same again goes on. Times and rights come along.
Standard library only: restore.sh runs it with the system's Python.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def copy_missing(source: Path, target: Path) -> int:
    """Returns how many files were copied.

    Raises:
        OSError
    """
    copied = 0
    for folder, _, names in os.walk(source, onerror=_fail):
        here = target / Path(folder).relative_to(source)
        if not here.is_dir():
            here.mkdir(parents=True)
            shutil.copystat(folder, here)
        for name in names:
            copied += _copy(Path(folder) / name, here / name)
    return copied


def _copy(source: Path, target: Path) -> bool:
    if target.is_file() and target.stat().st_size == source.stat().st_size:
        return False
    part = target.with_name(f"{target.name}.part")
    shutil.copy2(source, part)
    part.replace(target)
    return True


def _fail(error: OSError) -> None:
    raise error


if __name__ == "__main__":
    copy_missing(*(Path(each) for each in sys.argv[1:]))
