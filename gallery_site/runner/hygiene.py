"""What may not be in the repository: addresses of package registries, other people's code, large files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

MAX_FILE_BYTES = 600_000  # a screenshot fits; a bundle, a database or a raw photo does not
MAX_LINE_LENGTH = 2_000  # no hand writes such a line of JavaScript or CSS; every minifier does
SCRIPTS = {".js", ".mjs", ".css", ".html"}
LOCKS = {"uv.lock", "poetry.lock", "Pipfile.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml"}
FOREIGN_FOLDERS = {"vendor", "vendored", "third_party", "third-party", "node_modules", "bower_components"}
# Held in parts, so that this file does not find itself.
REGISTRIES = (
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("yarnpkg", "com"),
    ("deb", "debian", "org"),
    ("security", "debian", "org"),
    ("snapshot", "debian", "org"),
    ("archive", "ubuntu", "com"),
    ("crates", "io"),
    ("rubygems", "org"),
    ("unpkg", "com"),
    ("jsdelivr", "net"),
    ("cdnjs", "cloudflare", "com"),
    ("esm", "sh"),
)
_HOSTS = re.compile(rb"(?<![A-Za-z0-9-])(?:%s)\b" % b"|".join(rb"\.".join(p.encode() for p in r) for r in REGISTRIES))
_LICENCE = re.compile(rb"/\*!|@license\b|\bsourceMappingURL=")


def project_files(root: Path) -> list[Path]:
    """Tracked files and new ones that git would take; outside a git repository, all but hidden folders and var/."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        names = [name.decode(errors="surrogateescape") for name in listing.stdout.split(b"\0") if name]
        paths = [root / name for name in names]
    else:
        skipped = {".venv", ".venv-aws", ".git", "var", "__pycache__"}
        paths = [path for path in root.rglob("*") if not skipped.intersection(path.relative_to(root).parts)]
    return sorted({path for path in paths if path.is_file()})


def registry_hosts(root: Path) -> list[str]:
    """Every line that names a package registry's host: builds use the machine's own configuration."""
    found = []
    for path in project_files(root):
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if _HOSTS.search(line):
                found.append(f"{path.relative_to(root)}:{number}: names a registry's host")
    return found


def unwanted_files(root: Path) -> list[str]:
    """Files that are minified, somebody else's, locks with addresses, or too large."""
    problems = []
    for path in project_files(root):
        name = path.relative_to(root)
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            problems.append(f"{name}: {size:,} bytes; at most {MAX_FILE_BYTES:,}")
        if path.name in LOCKS:
            problems.append(f"{name}: this kind of lock file holds addresses")
        if FOREIGN_FOLDERS.intersection(name.parts):
            problems.append(f"{name}: other people's code belongs into the lock file")
        if path.suffix in SCRIPTS and _is_built(path):
            problems.append(f"{name}: minified or taken from elsewhere")
    return problems


def _is_built(path: Path) -> bool:
    content = path.read_bytes()
    longest = max(map(len, content.split(b"\n")), default=0)
    return ".min." in path.name or longest > MAX_LINE_LENGTH or bool(_LICENCE.search(content))
