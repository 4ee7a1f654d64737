"""What can go wrong, as the client tells it: a code for scripts, a sentence for people."""

from __future__ import annotations


class CliError(Exception):
    """Ends a command, or one file of it. ``code`` is the site's own where it has one."""

    exit_code = 1

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class WrongUse(CliError):
    """The command was not given as it must be."""

    exit_code = 2

    def __init__(self, detail: str) -> None:
        super().__init__("wrong_use", detail)


class Away(CliError):
    """The site could not be reached, or had no time, however often it was asked."""

    def __init__(self, detail: str) -> None:
        super().__init__("unreachable", detail)


class Refused(CliError):
    """The site answered with a problem (RFC 9457)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.status = status


class Stopped(CliError):
    """The person, or a problem that all files share, ended the work."""

    def __init__(self) -> None:
        super().__init__("stopped", "Not done: the work was ended before.")


class Interrupted(CliError):
    """The person ended the command."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("interrupted", "Interrupted; run it again to go on.")
