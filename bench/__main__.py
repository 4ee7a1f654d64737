"""``python3 run.py bench [NAME ...] [--quick] [--write]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.context import Bench
from bench.figures import FIGURES, Figure
from bench.machine import describe_machine
from bench.table import Row, write_markdown, write_text

RESULTS = Path(__file__).with_name("results.md")


def main(arguments: list[str]) -> int:
    """Measure and print; 0 also when something is not as wanted (that is what the table says), 1 when a figure could
    not be made."""
    options = _options(arguments)
    if sys.platform != "linux":
        print("bench reads CPU and memory from /proc, which only Linux has.", file=sys.stderr)
        return 2
    machine = describe_machine(datetime.fromtimestamp(time.time(), UTC))
    chosen = [figure for figure in FIGURES if not options.names or figure.name in options.names]
    with tempfile.TemporaryDirectory(prefix="image-gallery-bench-", ignore_cleanup_errors=True) as scratch:
        bench = Bench(Path(scratch), quick=options.quick)
        try:
            rows, failed = _measure(chosen, bench)
        finally:
            bench.close()
    print(machine)
    print(write_text(rows))
    if options.write:
        RESULTS.write_text(_page(machine, rows, quick=options.quick), encoding="utf-8")
    return 1 if failed else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    names = [figure.name for figure in FIGURES]
    listed = "\n".join(f"  {figure.name:<14}{figure.title}" for figure in FIGURES)
    parser = argparse.ArgumentParser(
        "run.py bench", epilog=f"figures:\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="figures to make; without one, all")
    parser.add_argument("--quick", action="store_true", help="a minute or so: small numbers, large spread")
    parser.add_argument("--write", action="store_true", help="keep the table in bench/results.md")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in names]:
        parser.error(f"no figure is called {unknown[0]}; there are {', '.join(names)}")
    return options


def _measure(figures: list[Figure], bench: Bench) -> tuple[list[Row], list[str]]:
    """All rows that could be made; a figure that fails says why and does not take the others along."""
    rows: list[Row] = []
    failed = []
    for figure in figures:
        begin = time.monotonic()
        bench.say(f"{figure.name}: {figure.title}")
        try:
            rows += figure.measure(bench)
        except Exception as error:  # noqa: BLE001 (reported, and the run fails)
            print(f"{figure.name} could not be made: {error!r}", file=sys.stderr)
            failed.append(figure.name)
        bench.say(f"{figure.name}: {time.monotonic() - begin:.0f} s")
    return rows, failed


def _page(machine: str, rows: list[Row], *, quick: bool) -> str:
    how = "a quick run, with large spread" if quick else "a full run"
    return (
        f"# The last run that was kept\n\nMade by `python3 run.py bench --write`, {how}: median (least-most) of the "
        "repeats. How each figure and each limit is made stands in [README.md](README.md).\n\n"
        f"{machine}\n\n{write_markdown(rows)}\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
