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
  python3 run.py test [ARGS ...]     all tests, the browser's too; with ARGS, pytest with just these
  python3 run.py check               lint, types, templates, JavaScript, migrations, lock files
  python3 run.py format              put Python and JavaScript files in the form that check asks for
  python3 run.py lock [--upgrade]    write requirements*.txt anew from pyproject.toml
  python3 run.py bench [ARGS ...]    measure
  python3 run.py aws                 the same site on an emulated AWS

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


def _test(arguments: list[str]) -> int:
    from gallery_site.runner.testing import run_tests

    environment = Virtualenv(ROOT)
    environment.ensure(dev=True)
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
    if not (ROOT / "bench" / "__main__.py").exists():
        return _not_built("bench")
    environment = Virtualenv(ROOT)
    environment.ensure(dev=True)
    return subprocess.run([environment.python, "-m", "bench", *arguments], cwd=ROOT, check=False).returncode


def _not_built(name: str) -> int:
    print(f"run.py {name} is not built yet.", file=sys.stderr)
    return WRONG_USE


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
    "test": _test,
    "check": _check,
    "format": _format,
    "lock": _lock,
    "bench": _bench,
    "aws": lambda _: _not_built("aws"),
    "lambda": lambda _: _not_built("lambda"),
}
