"""``run.py check``: everything about the code that a program can judge, one line each."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gallery_site.runner import hygiene
from gallery_site.runner.locks import lock_problems
from gallery_site.runner.virtualenv import Virtualenv

SIDE_BY_SIDE = 2  # mypy takes as long as all the others together


@dataclass(frozen=True)
class Verdict:
    """One check's result; ``output`` is what a person needs to mend it."""

    name: str
    ok: bool
    output: str
    seconds: float


def run_checks(environment: Virtualenv) -> int:
    """Run all checks, print a line each and the output of those that failed; 1 when any did."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        futures = [pool.submit(_judge, name, check) for name, check in _checks(environment)]
        verdicts = []
        for future in futures:
            verdict = future.result()
            verdicts.append(verdict)
            print(f"{'ok' if verdict.ok else 'FAILED':<8}{verdict.name} ({verdict.seconds:.1f} s)", flush=True)
    failed = [verdict for verdict in verdicts if not verdict.ok]
    for verdict in failed:
        print(f"\n--- {verdict.name}\n{verdict.output.strip()}")
    print(f"\n{len(verdicts) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def run_format(environment: Virtualenv) -> int:
    """Rewrite files in the form that ``check`` asks for; returns 1 when something is left to do by hand."""
    commands = [
        ["ruff", "check", "--fix", "."],
        ["ruff", "format", "."],
        ["biome", "check", "--write", "static"],
    ]
    codes = [
        subprocess.run([str(environment.bin / tool), *rest], cwd=environment.root, check=False).returncode
        for tool, *rest in commands
    ]
    return 1 if any(codes) else 0


Check = Callable[[], tuple[bool, str]]


def _checks(environment: Virtualenv) -> list[tuple[str, Check]]:
    root = environment.root

    def command(tool: str, *arguments: str) -> Check:
        return lambda: _run(root, str(environment.bin / tool), *arguments)

    def problems(find: Callable[[Path], list[str]]) -> Check:
        return lambda: _no_problems(find(root))

    return [
        ("types: mypy --strict", command("python", "-m", "mypy")),
        ("lint: ruff check", command("ruff", "check", "--output-format=concise", ".")),
        ("form: ruff format", command("ruff", "format", "--check", ".")),
        ("templates: djlint", command("python", "-m", "djlint", "templates", "--lint", "--quiet")),
        ("JavaScript and CSS: biome", command("biome", "ci", "--colors=off", "static")),
        ("CloudFormation: cfn-lint", command("cfn-lint", "deploy/template.yaml")),
        ("migrations are complete", command("python", "manage.py", "makemigrations", "--check", "--dry-run")),
        ("manage.py check", command("python", "manage.py", "check", "--fail-level", "WARNING")),
        ("no registry host in any file", problems(hygiene.registry_hosts)),
        ("no minified, foreign or large file", problems(hygiene.unwanted_files)),
        ("lock files fit pyproject.toml", problems(lock_problems)),
    ]


def _judge(name: str, check: Check) -> Verdict:
    start = time.monotonic()
    ok, output = check()
    return Verdict(name, ok, output, time.monotonic() - start)


def _run(root: Path, *command: str) -> tuple[bool, str]:
    result = subprocess.run(
        command,
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return result.returncode == 0, result.stdout


def _no_problems(problems: list[str]) -> tuple[bool, str]:
    return not problems, "\n".join(problems)
