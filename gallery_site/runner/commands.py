"""The commands of ``run.py``. What only one of them needs is imported there: a start of the site is short."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from gallery_site.runner.browser import NoBrowser
from gallery_site.runner.listening import CannotListen, check_listening, listen_address
from gallery_site.runner.virtualenv import SetupFailed, Virtualenv

ROOT = Path(__file__).resolve().parents[2]
WRONG_USE = 2
INTERRUPTED = 130  # what a shell reports for Ctrl-C

HELP = """\
Image Gallery. Each command first sets up what it needs in .venv.

  python3 run.py                     start the site on http://127.0.0.1:8000 (PORT), with expiry running
  python3 run.py manage COMMAND ...  manage.py with the site's environment, also while the site runs
  python3 run.py gallery COMMAND ... the command-line client: push a folder, pull a gallery (needs no set-up)
  python3 run.py test [ARGS ...]     all tests, the browser's too; with ARGS, pytest with just these
  python3 run.py check               lint, types, templates, JavaScript, migrations, lock files
  python3 run.py format              put Python and JavaScript files in the form that check asks for
  python3 run.py lock [--upgrade]    write requirements*.txt anew from pyproject.toml
  python3 run.py bench [ARGS ...]    measure, beside physical limits (bench/README.md)
  python3 run.py lambda              pack the cleanup Lambda into deploy/build/, for a deployment
  python3 run.py aws                 the same site on an AWS that is emulated on this machine
  python3 run.py aws manage COMMAND  manage.py with the environment of that site, while it runs

Environment: PORT, GALLERY_BIND (0.0.0.0: open to phones on the same network), GALLERY_DATA_DIR (default ./var);
all of them in the README.
"""


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code (0 done, 1 failed, 2 wrong use, 130 interrupted)."""
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        print(flush=True)
        return INTERRUPTED
    except (SetupFailed, CannotListen) as error:
        print(error, file=sys.stderr)
        return 1
    except NoBrowser as error:
        print(error, file=sys.stderr)
        return WRONG_USE


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        _start_site()
    name, *rest = arguments
    if name in {"-h", "--help", "help"}:
        print(HELP, end="")
        return 0
    command = COMMANDS.get(name)
    if command is None:
        print(f"Unknown command {name!r}; python3 run.py --help lists them.", file=sys.stderr)
        return WRONG_USE
    return command(rest)


def _start_site() -> NoReturn:
    host, port = listen_address(os.environ)
    check_listening(host, port)
    environment = Virtualenv(ROOT)
    environment.ensure()
    _become(environment.python, "-m", "gallery_site.serve", directory=ROOT)


def _manage(arguments: list[str]) -> int:
    environment = Virtualenv(ROOT)
    environment.ensure()
    _become(environment.python, str(ROOT / "manage.py"), *arguments)


def _gallery(arguments: list[str]) -> int:
    """Where the caller stands, so that the folders that they name are theirs."""
    os.environ["PYTHONPATH"] = str(ROOT)
    _become(Path(sys.executable), "-m", "galleries.cli", *arguments)


def _test(arguments: list[str]) -> int:
    from gallery_site.runner.emulator import emulator_environment
    from gallery_site.runner.testing import run_tests

    environment = Virtualenv(ROOT)
    environment.ensure(dev=True)
    emulator_environment(ROOT).ensure()
    with _scratch_data():
        return run_tests(environment, arguments)


def _check(arguments: list[str]) -> int:
    from gallery_site.runner.checks import run_checks

    if arguments:
        print("check takes no arguments.", file=sys.stderr)
        return WRONG_USE
    environment = Virtualenv(ROOT)
    environment.ensure(dev=True)
    with _scratch_data():
        return run_checks(environment)


def _format(arguments: list[str]) -> int:
    from gallery_site.runner.checks import run_format

    environment = Virtualenv(ROOT)
    environment.ensure(dev=True)
    return run_format(environment)


def _lock(arguments: list[str]) -> int:
    from gallery_site.runner.locks import write_locks

    if arguments not in ([], ["--upgrade"]):
        print("lock takes only --upgrade.", file=sys.stderr)
        return WRONG_USE
    environment = Virtualenv(ROOT)
    environment.ensure(dev=True)
    return write_locks(ROOT, environment.bin / "uv", upgrade=bool(arguments))


def _bench(arguments: list[str]) -> int:
    environment = Virtualenv(ROOT)
    environment.ensure(dev=True)
    return subprocess.run([environment.python, "-m", "bench", *arguments], cwd=ROOT, check=False).returncode


def _aws(arguments: list[str]) -> int:
    from gallery_site.runner.emulator import emulator_environment, site_environment, start_command

    environment = Virtualenv(ROOT)
    if arguments[:1] == ["manage"]:
        site = site_environment(ROOT)
        if site is None:
            print("That site is not running: its data lasts while python3 run.py aws does.", file=sys.stderr)
            return 1
        environment.ensure()
        os.environ.clear()
        os.environ.update(site)
        _become(environment.python, str(ROOT / "manage.py"), *arguments[1:])
    if arguments:
        print("aws takes nothing, or manage COMMAND.", file=sys.stderr)
        return WRONG_USE
    check_listening(*listen_address(os.environ))
    environment.ensure()
    emulator = emulator_environment(ROOT)
    emulator.ensure()
    _become(environment.python, *start_command(environment, emulator, ROOT), directory=ROOT)


def _lambda(arguments: list[str]) -> int:
    from gallery_site.runner.packaging import write_lambda

    if arguments:
        print("lambda takes no arguments.", file=sys.stderr)
        return WRONG_USE
    return write_lambda(ROOT)


def _become(python: Path, *arguments: str, directory: Path | None = None) -> NoReturn:
    """Replace this process: no parent is left that would have to pass signals and exit codes on."""
    sys.stdout.flush()
    sys.stderr.flush()
    if directory is not None:
        os.chdir(directory)
    os.execv(python, [str(python), *arguments])


@contextlib.contextmanager
def _scratch_data() -> Iterator[None]:
    """Tests and checks keep their database and files to themselves, never in ./var."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="image-gallery-", ignore_cleanup_errors=True) as directory:
        os.environ["GALLERY_DATA_DIR"] = directory
        yield


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "manage": _manage,
    "gallery": _gallery,
    "test": _test,
    "check": _check,
    "format": _format,
    "lock": _lock,
    "bench": _bench,
    "aws": _aws,
    "lambda": _lambda,
}
