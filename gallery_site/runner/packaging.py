"""What is uploaded to AWS Lambda: the folder ``cleanup_lambda`` in a zip, and nothing else (boto3 is in the runtime).

The same sources give the same bytes on every machine, so that a deployment that changes nothing is seen to change
nothing: sorted names, one date, one mode, stored.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

PACKAGE = "cleanup_lambda"
TARGET = Path("deploy") / "build" / "cleanup_lambda.zip"
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
MODE = 0o100644 << 16


def pack_lambda(root: Path) -> bytes:
    """The zip of ``root``'s Lambda."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted((root / PACKAGE).rglob("*.py")):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), DATE)
            entry.create_system = 3  # Unix: the mode counts
            entry.external_attr = MODE
            archive.writestr(entry, path.read_bytes())
    return target.getvalue()


def write_lambda(root: Path) -> int:
    """``run.py lambda``: write the zip below ``root`` and say where it is."""
    path = root / TARGET
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack_lambda(root))
    print(path.relative_to(root), f"{path.stat().st_size} bytes")
    sys.stdout.flush()
    return 0
