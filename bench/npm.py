"""What a figure needs from the npm registry that this machine is configured for, exactly as a lock file pins it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def install(source: Path, folder: Path) -> None:
    """Install what ``source`` (package.json, lock.json) names into the new ``folder``; no script of a package is run.

    Raises:
        FileNotFoundError: there is no npm.
        subprocess.CalledProcessError: it could not be installed.
    """
    folder.mkdir()
    shutil.copy(source / "package.json", folder / "package.json")
    shutil.copy(source / "lock.json", folder / "package-lock.json")
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
