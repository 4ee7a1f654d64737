"""``run.py aws``: the site on an emulated AWS, and ``run.py aws manage`` beside it while it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from gallery_site.runner.locks import EMULATOR_LOCK
from gallery_site.runner.virtualenv import Virtualenv

ENVIRONMENT = "aws-environment.json"
# As the program that writes the file keeps them away from its site.
FOREIGN = ("AWS_", "CLOUDFRONT_", "GALLERY_BUCKET", "GALLERY_TABLE")


def emulator_environment(root: Path) -> Virtualenv:
    """The emulator's own environment: its botocore is older than the site's."""
    return Virtualenv(root, directory=".venv-aws", lock=EMULATOR_LOCK)


def data_dir(root: Path, environ: Mapping[str, str]) -> Path:
    """Where all of it lies while it runs; beside the data of ``run.py``, which it never touches."""
    return root / (environ.get("GALLERY_DATA_DIR", "").strip() or "var") / "aws"


def start_command(environment: Virtualenv, emulator: Virtualenv, root: Path) -> list[str]:
    """What replaces this process."""
    folder = data_dir(root, os.environ)
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # as the site makes its own
    return [
        "-m",
        "deploy.emulator",
        f"--python={emulator.python}",
        f"--folder={folder}",
        f"--environment={folder.parent / ENVIRONMENT}",
    ]


def site_environment(root: Path) -> dict[str, str] | None:
    """The environment of the site that runs now, or None when none does."""
    try:
        ours: dict[str, str] = json.loads((data_dir(root, os.environ).parent / ENVIRONMENT).read_text())
    except (OSError, ValueError):
        return None
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | ours
