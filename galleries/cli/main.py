"""The command line: what is asked, and how its end is told.

Exit codes: 0 all of it is done, 1 something is left to do or failed, 2 wrong use, 130 interrupted. With ``--json``
standard output holds one JSON object, also when nothing could be done; what is for people goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from galleries.cli.errors import CliError, Interrupted, WrongUse
from galleries.cli.listing import Rows, galleries_table, images_table, list_galleries, list_images, share
from galleries.cli.login import DEFAULT_URL, Login, ask_secret, read_login, site_address, store_login
from galleries.cli.progress import Progress, human, printable
from galleries.cli.pull import pull
from galleries.cli.push import push
from galleries.cli.web import Site

RETENTIONS = ("1h", "1d", "7d", "30d", "1y", "forever")
# Of the site's refusals: what sending again changes nothing about.
NOT_TAKEN = {"unsupported_format", "corrupt_image", "too_many_pixels", "empty_file", "file_too_large"}
MOST_JOBS = 16  # the site takes as many uploads of one person at once


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # titles have letters that a terminal may not
    options = argparse.Namespace(json="--json" in given)
    try:
        _parser().parse_args(given, options)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except CliError as error:
        return _tell_failure(options, error)
    except KeyboardInterrupt:
        return _tell_failure(options, Interrupted())
    except BrokenPipeError:  # `gallery ls | head`
        sys.stderr.close()
        return 0
    except OSError as error:
        return _tell_failure(
            options, CliError("system", f"{error.strerror or error}: {error.filename or ''}".strip(": "))
        )


class _Parser(argparse.ArgumentParser):
    """Wrong use is told as everything else that goes wrong."""

    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message}. See {self.prog} --help.")


def _parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    common.add_argument("--url", help=f"the site; else GALLERY_URL, or where you logged in, or {DEFAULT_URL}")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output")
    common.add_argument("--quiet", action="store_true", help="no progress")
    parser = _Parser(prog="gallery", description="Photos to and from an Image Gallery.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, parents=[common], help=help, description=help)
        found.set_defaults(command=command)
        return found

    add("login", _login, "keep a token for a site: GALLERY_TOKEN, or typed, or on standard input")
    each = add("push", _push, "send a folder's photos to a gallery; again: what is missing")
    each.add_argument("folder", type=Path)
    each.add_argument("--gallery", required=True, metavar="NAME", help="title or id; made when there is none")
    each.add_argument("--retention", choices=RETENTIONS, help="how long a gallery that is made keeps its photos")
    each.add_argument("--originals", action="store_true", help="send also what is there in another quality alone")
    each.add_argument("--keep-metadata", action="store_true", help="leave location and camera data in the files")
    _add_jobs(each)
    each = add("pull", _pull, "fetch a gallery's originals into a folder; again: what is missing")
    each.add_argument("gallery", metavar="GALLERY", help="title or id")
    each.add_argument("folder", type=Path, metavar="DIR")
    _add_jobs(each)
    each = add("ls", _ls, "list galleries, or what is in one")
    each.add_argument("gallery", nargs="?", metavar="GALLERY", help="title or id")
    each = add("share", _share, "make a link that opens a gallery to who has it")
    each.add_argument("gallery", metavar="GALLERY", help="title or id")
    each.add_argument("--for", dest="lasts", metavar="TIME", help="how long it works: 12h, 7d (30d)")
    each.add_argument("--name", default="", help="for you alone")
    each.add_argument("--look-only", action="store_true", help="originals cannot be taken")
    each.add_argument("--passcode", action="store_true", help="ask for one: GALLERY_PASSCODE, typed, or standard input")
    return parser


def _add_jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=_jobs, default=4, metavar="N", help="files at a time (4)")


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_JOBS}")
    return int(text)


def _login(options: argparse.Namespace) -> int:
    url = site_address(options.url)
    token = ask_secret(f"Token for {url}: ", "GALLERY_TOKEN")
    if not token:
        raise WrongUse("No token was given.")
    host = urlsplit(url).hostname or ""
    if url.startswith("http:") and host not in {"localhost", "127.0.0.1", "::1"}:
        print("gallery: this site is not encrypted; the token can be read on its way.", file=sys.stderr)
    with Site(url, token) as site:
        me = site.get("/me")
        if "username" not in me:
            raise site.stranger()
    path = store_login(Login(url, token))
    who = {"url": url, "username": me["username"], "scopes": me["token"]["scopes"], "file": str(path)}
    _tell(options, who, f"Logged in at {url} as {printable(me['username'])}; the token is in {path}.")
    return 0


def _push(options: argparse.Namespace) -> int:
    progress = Progress("Sending", shown=not options.quiet)
    with _site(options) as site, closing(progress):
        pushed = push(
            site,
            options.folder,
            options.gallery,
            progress,
            retention=options.retention,
            keep=options.keep_metadata,
            originals=options.originals,
            jobs=options.jobs,
        )
    result = pushed.as_json()
    if options.retention and options.retention != pushed.gallery["retention"]:
        progress.say(f"{pushed.gallery['title']} keeps photos {pushed.gallery['retention']}; that was left as it is.")
    sentence = f"{result['sent']} sent ({human(progress.bytes_moved)}), {result['here']} there already"
    if result["lighter"]:
        sentence += f", {result['lighter']} there in another quality (--originals sends those too)"
    if result["not_photos"]:
        sentence += f", {result['not_photos']} left out (no photos by their names)"
    _tell(options, result, _with_failures(sentence, result["failed"]))
    return 1 if result["failed"] else 0


def _pull(options: argparse.Namespace) -> int:
    progress = Progress("Fetching", shown=not options.quiet)
    with _site(options) as site, closing(progress):
        pulled = pull(site, options.gallery, options.folder, progress, jobs=options.jobs)
    result = pulled.as_json()
    gone = f", {result['gone']} gone meanwhile" if result["gone"] else ""
    sentence = f"{result['fetched']} fetched ({human(progress.bytes_moved)}), {result['here']} here already{gone}"
    _tell(options, result, _with_failures(sentence, result["failed"]))
    return 1 if result["failed"] else 0


def _ls(options: argparse.Namespace) -> int:
    with _site(options) as site:
        if options.gallery:
            rows, table = list_images(site, options.gallery), images_table
        else:
            rows, table = list_galleries(site), galleries_table
    _tell(options, {"items": rows}, table(rows) if rows else "")
    return 0


def _share(options: argparse.Namespace) -> int:
    passcode = ask_secret("Passcode: ", "GALLERY_PASSCODE") if options.passcode else ""
    if options.passcode and not passcode:
        raise WrongUse("No passcode was given.")
    with _site(options) as site:
        link = share(
            site,
            options.gallery,
            look_only=options.look_only,
            lasts=options.lasts,
            label=options.name,
            passcode=passcode,
            now=datetime.now(UTC),
        )
    _tell(options, link, link["address"])
    return 0


def _site(options: argparse.Namespace) -> Site:
    login = read_login(options.url)
    return Site(login.url, login.token)


def _with_failures(sentence: str, failed: Rows) -> str:
    if not failed:
        return f"{sentence}."
    refused = sum(each["code"] in NOT_TAKEN for each in failed)
    again = "" if refused == len(failed) else " Run it again."
    not_taken = f" ({refused} of them no photos that the site takes)" if refused else ""
    return f"{sentence}, {len(failed)} failed{not_taken}.{again}"


def _tell_failure(options: argparse.Namespace, error: CliError) -> int:
    with suppress(OSError):  # nobody may be reading any more
        _tell(options, {"error": {"code": error.code, "detail": error.detail}}, "")
    print(f"gallery: {printable(error.detail)}", file=sys.stderr)
    return error.exit_code


def _tell(options: argparse.Namespace, result: dict[str, Any], sentence: str) -> None:
    if options.json:
        print(json.dumps(result))
    elif sentence:
        print(sentence)
    sys.stdout.flush()
