"""The lock files, made from pyproject.toml: requirements.txt (to run), requirements-dev.txt (to work on it),
requirements-aws.txt (the AWS emulator, which has an environment of its own).

They name every version and every hash, and no address. ``run.py lock`` writes them, ``run.py check`` compares.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

RUNTIME_LOCK = "requirements.txt"
DEV_LOCK = "requirements-dev.txt"
EMULATOR_LOCK = "requirements-aws.txt"
# What each lock is made of. HEIC reading is an extra that set-up installs. The emulator stands alone: its botocore is
# older than the site's, and a site that shared its packages would not be the site that runs on AWS.
SOURCES = {
    RUNTIME_LOCK: ["pyproject.toml", "--extra", "heic"],
    DEV_LOCK: ["pyproject.toml", "--extra", "heic", "--group", "dev"],
    EMULATOR_LOCK: ["--group", "aws"],
}
DIRECT = "image-gallery (pyproject.toml"

_PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)(\[[^\]]*\])?==(?P<version>[^\s;\\]+)", re.IGNORECASE)
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def requirement_blocks(lock: str) -> dict[str, str]:
    """Package name -> its lines in a lock file: the pin, its hashes, the comment on who wants it."""
    blocks: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        pin = _PIN.match(line)
        if pin:
            name = normalise(pin["name"])
        if name:
            blocks[name] = blocks.get(name, "") + line
    return blocks


def requirement_block(lock: str, name: str) -> str:
    """The lines of one package.

    Raises:
        KeyError: the lock file does not hold it.
    """
    return requirement_blocks(lock)[normalise(name)]


def pinned_versions(lock: str) -> dict[str, str]:
    """Package name -> version."""
    return {name: match["version"] for name, block in requirement_blocks(lock).items() if (match := _PIN.match(block))}


def normalise(name: str) -> str:
    """One spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write_locks(root: Path, uv: Path, *, upgrade: bool = False) -> int:
    """Resolve both locks anew; pins that still fit are kept unless ``upgrade``. Returns uv's exit code."""
    for name, source in SOURCES.items():
        command = [str(uv), "pip", "compile", "--quiet", *source, "--output-file", name]
        command += ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
        command += ["--python-version", "3.11", "--custom-compile-command", "python3 run.py lock"]
        command += ["--upgrade"] if upgrade else []
        if name == DEV_LOCK:
            # The same versions in both files: the runtime lock goes first and binds the other.
            command += ["--constraint", RUNTIME_LOCK]
        code = subprocess.run(command, cwd=root, check=False).returncode
        if code:
            return code
    return 0


def lock_problems(root: Path) -> list[str]:
    """What is wrong with the lock files, one sentence each; empty when they fit pyproject.toml."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    runtime = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["heic"]]
    dev = [*runtime, *project["dependency-groups"]["dev"]]
    emulator = project["dependency-groups"]["aws"]
    locks = {name: (root / name).read_text() for name in SOURCES}
    problems: list[str] = []
    for name, wanted in ((RUNTIME_LOCK, runtime), (DEV_LOCK, dev), (EMULATOR_LOCK, emulator)):
        problems += [f"{name}: {problem}" for problem in _compare(locks[name], wanted)]
    dev_versions = pinned_versions(locks[DEV_LOCK])
    for package, version in pinned_versions(locks[RUNTIME_LOCK]).items():
        if dev_versions.get(package) != version:
            problems.append(f"{DEV_LOCK}: {package} is {dev_versions.get(package)}, in {RUNTIME_LOCK} {version}")
    return [f"{problem} (python3 run.py lock)" for problem in problems]


def _compare(lock: str, wanted: list[str]) -> list[str]:
    blocks = requirement_blocks(lock)
    versions = pinned_versions(lock)
    problems = [f"{name} has no hash" for name, block in blocks.items() if "--hash=sha256:" not in block]
    if re.search(r"https?:|--index|--extra-index|--find-links", lock):
        problems.append("names an address")
    names = set()
    for requirement in wanted:
        match = _NAME.match(requirement)
        name = normalise(match[0]) if match else requirement
        names.add(name)
        if name not in versions:
            problems.append(f"{name} is missing")
        elif not _satisfies(versions[name], requirement):
            problems.append(f"{name} {versions[name]} does not fit {requirement!r}")
    direct = {name for name, block in blocks.items() if DIRECT in block}
    problems += [f"{name} is not asked for any more" for name in sorted(direct - names)]
    return problems


def _satisfies(version: str, requirement: str) -> bool:
    """Compare release numbers with ``>= < == !=``, all that pyproject.toml uses (standard library only here)."""
    release = _release(version)
    for operator, bound in re.findall(r"(>=|<=|==|!=|<|>)\s*([0-9][0-9.]*)", requirement.partition(";")[0]):
        limit = _release(bound)
        width = max(len(release), len(limit))
        ours, theirs = (part + (0,) * (width - len(part)) for part in (release, limit))
        holds = {
            ">=": ours >= theirs,
            "<=": ours <= theirs,
            "==": ours == theirs,
            "!=": ours != theirs,
            "<": ours < theirs,
            ">": ours > theirs,
        }
        if not holds[operator]:
            return False
    return True


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))
