"""Django's own opinion of the production settings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT

PRODUCTION = {
    "SITE_URL": "https://photos.example.org",
    "DJANGO_SECRET_KEY": "not of any site; as long and as mixed as one of production: 0123456789 abcdefghij",
    "DATABASE_URL": "postgres://gallery:secret@database.internal:5432/gallery",
    "EMAIL_URL": "smtp+tls://mail.internal:587",
}


@pytest.mark.slow
@pytest.mark.parametrize("database", ["PostgreSQL", "SQLite"])
def test_deploy_check_is_clean(database: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "GALLERY_"))}
    own = PRODUCTION | {"GALLERY_DATA_DIR": str(tmp_path / "new")}
    if database == "SQLite":
        del own["DATABASE_URL"]
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, env=kept | own, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout
