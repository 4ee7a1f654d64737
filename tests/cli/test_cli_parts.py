"""The command-line client without a site: names, folders, logins."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from galleries.cli.errors import CliError, Stopped, WrongUse
from galleries.cli.finding import as_title
from galleries.cli.login import Login, ask_secret, login_file, read_login, site_address, store_login
from galleries.cli.main import main
from galleries.cli.parts import open_part, part_of, take_name
from galleries.cli.photos import SUFFIXES, Multipart, Photo, hash_file, read_folder
from galleries.cli.progress import Progress, human, printable
from galleries.cli.pull import choose_names, safe_name
from tests.cli.scripted import answer, scripted

# --- logins -----------------------------------------------------------------------------------------------------------


def test_a_login_is_kept_for_its_owner_alone() -> None:
    store_login(Login("https://a.example", "igal_1"))
    path = store_login(Login("https://b.example", "igal_2"))
    assert path == login_file()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["login.json"]
    assert read_login() == Login("https://b.example", "igal_2")


def test_a_token_is_sent_to_no_other_site(monkeypatch: pytest.MonkeyPatch) -> None:
    store_login(Login("https://a.example", "igal_1"))
    assert read_login("https://a.example/").token == "igal_1"
    with pytest.raises(WrongUse):
        read_login("https://b.example")
    monkeypatch.setenv("GALLERY_URL", "https://b.example")
    with pytest.raises(WrongUse):
        read_login()
    monkeypatch.setenv("GALLERY_TOKEN", "igal_2")
    assert read_login() == Login("https://b.example", "igal_2")


def test_login_asks_the_site_that_is_meant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Given, then GALLERY_URL, then the last login."""
    monkeypatch.setenv("GALLERY_TOKEN", "igal_1")
    me = {"username": "alice", "token": {"scopes": ["read"]}}
    with scripted(answer(200, me)) as server:
        monkeypatch.setenv("GALLERY_URL", server.url)
        assert main(["login", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["url"] == server.url
        assert site_address(None) == server.url
        monkeypatch.delenv("GALLERY_URL")
        assert site_address(None) == server.url
        assert site_address("https://given.example/") == "https://given.example"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"url": 1}', "\0"])
def test_a_damaged_login_is_none(content: str) -> None:
    login_file().parent.mkdir(parents=True)
    login_file().write_text(content)
    with pytest.raises(WrongUse):
        read_login()


def test_a_secret_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("igal_x\nmore\n"))
    assert ask_secret("?", "GALLERY_TOKEN") == "igal_x"


@pytest.mark.parametrize("error", [EOFError(), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x")])
def test_no_secret_is_none(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-D at the prompt, a picture on standard input."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return isinstance(error, EOFError)

        def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
            raise error

    def end(_: str) -> str:
        raise error

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", end)
    assert main(["login", "--url", "http://127.0.0.1:1"]) == 2


def test_without_a_home_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(WrongUse, match="XDG_CONFIG_HOME"):
        store_login(Login("https://a.example", "igal_1"))
    with pytest.raises(WrongUse, match="gallery login"):
        read_login("https://a.example")
    monkeypatch.setenv("GALLERY_TOKEN", "igal_1")
    assert read_login("https://a.example") == Login("https://a.example", "igal_1")


# --- names and folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "f.jpeg"),
        ("", "f.jpeg"),
        (" . ", "f.jpeg"),
        (".bashrc", "bashrc"),
        ("a\\b:c*.jpg", "a_b_c_.jpg"),
        ("con.jpg", "_con.jpg"),
        ("LPT1", "_LPT1"),
        ("a\x00\n\u202eb.jpg", "ab.jpg"),
        ("e\u0301.jpg", "\u00e9.jpg"),
        ("\ud800.jpg", "jpg"),
    ],
)
def test_no_name_leaves_its_folder(given: str, expected: str) -> None:
    assert safe_name(given, "image/jpeg", "f") == expected


def test_a_long_name_fits_a_file_system(tmp_path: Path) -> None:
    for given in ("\u00e9" * 500 + ".jpg", "x" * 500, "x." + "y" * 500):
        name = safe_name(given, "image/jpeg", "f")
        (tmp_path / f"{Path(name).stem}-{'0' * 12}{Path(name).suffix}").touch()
    assert safe_name("x" * 500 + ".jpg", "image/jpeg", "f").endswith("x.jpg")


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.JPG", "notes.txt", ".hidden.jpg", "sub/c.heic", ".git/d.jpg", "sub/deeper/e.PnG"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nothing")
    found = read_folder(tmp_path)
    assert [photo.name for photo in found.photos] == ["a.JPG", "b.jpg", "sub/c.heic", "sub/deeper/e.PnG"]
    assert (found.others, {photo.size for photo in found.photos}) == (1, {5})
    assert [photo.name for photo in read_folder(tmp_path / "b.jpg").photos] == ["b.jpg"]
    with pytest.raises(WrongUse):
        read_folder(tmp_path / "nowhere")


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be listed, one whose files may not be looked at; for root, too, who may do everything."""
    for name in ("closed/a.jpg", "locked/b.jpg", "locked/notes.txt", "open/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    scan, look = os.scandir, Path.stat

    def denied(path: Any) -> PermissionError:
        return PermissionError(errno.EACCES, "Permission denied", str(path))

    def scandir(path: Any) -> Any:
        if Path(path).name == "closed":
            raise denied(path)
        return scan(path)

    def stat(path: Path, **options: Any) -> os.stat_result:
        if path.parent.name == "locked":
            raise denied(path)
        return look(path, **options)

    monkeypatch.setattr("os.scandir", scandir)
    monkeypatch.setattr(Path, "stat", stat)
    found = read_folder(tmp_path)
    assert [photo.name for photo in found.photos] == ["open/c.jpg"]
    assert {name: error.code for name, error in found.unreadable.items()} == {
        "closed": "unreadable",
        "locked/b.jpg": "unreadable",
    }


def test_the_files_that_are_sent_are_those_that_the_site_names() -> None:
    from galleries.filenames import EXTENSIONS

    assert {f".{each}" for kinds in EXTENSIONS.values() for each in kinds} == SUFFIXES


@pytest.mark.parametrize(
    "name", [" A  b ", "Cafe\u0301", "a\u202eb", "a\tb", "a\r\nb", "\U0001f469\u200d\U0001f4bb", "\u2028x", "\ud800"]
)
def test_a_gallery_is_looked_for_as_the_site_writes_it(name: str) -> None:
    from galleries.forms import GalleryForm

    form = GalleryForm({"title": name, "retention": "7d"})
    assert as_title(name) == (form.cleaned_data["title"] if form.is_valid() else "")


def body_of(path: Path, fields: dict[str, str], size: int | None = None) -> Multipart:
    photo = Photo(path, path.name, path.stat().st_size if size is None else size)
    return Multipart(photo, hash_file(path), fields, lambda _: None)


def test_a_body_has_the_length_that_it_says_each_time(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(os.urandom(700_000))
    body = body_of(path, {"filename": 'a"\r\n\udcff.jpg'})
    for _ in range(2):
        sent = b"".join(body())
        assert len(sent) == body.length
        assert path.read_bytes() in sent


def test_a_file_that_changes_while_it_is_sent_never_arrives(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(b"a" * 10)
    changed, shorter = body_of(path, {}), body_of(path, {})
    path.write_bytes(b"b" * 10)
    sent: list[bytes] = []
    with pytest.raises(CliError, match="changed"):
        sent.extend(changed())
    assert changed.tail not in sent
    path.write_bytes(b"a")
    with pytest.raises(CliError, match="changed"):
        list(shorter())


def image(number: int, filename: str) -> dict[str, Any]:
    return {"id": f"{number:032x}", "filename": filename, "content_type": "image/jpeg"}


def test_what_is_added_later_changes_no_files_name() -> None:
    """The site lists the latest first."""
    first, second, third = image(1, "a.jpg"), image(2, "A.jpg"), image(3, "a.jpg")
    before = choose_names([second, first])
    after = choose_names([third, second, first])
    for each in (first, second):
        assert after[each["id"]] == before[each["id"]]
    assert [after[each["id"]].own[0] for each in (first, second, third)] == [
        "a.jpg", f"A-{'2'.zfill(12)}.jpg", f"a-{'3'.zfill(12)}.jpg"
    ]  # fmt: skip
    alone = choose_names([third, second])  # the oldest is gone
    assert alone[second["id"]].own == ("A.jpg", f"A-{'2'.zfill(12)}.jpg")
    assert set(after[second["id"]].all) == set(alone[second["id"]].all)


def test_one_pull_at_a_time_writes_to_a_file(tmp_path: Path) -> None:
    path, stop = part_of(tmp_path, "0" * 32), threading.Event()
    waiting, seen = threading.Event(), []

    def second() -> None:
        waiting.set()
        with open_part(path, stop) as file:
            seen.append(file.read())

    with open_part(path, stop) as file:
        thread = threading.Thread(target=second)
        thread.start()
        assert waiting.wait(10)
        file.write(b"whole")
        file.flush()
        assert not seen
        take_name(path, tmp_path / "a.jpg")
    thread.join(timeout=20)
    assert seen == [b""]  # a file of its own: what has its name is written to no more
    assert (tmp_path / "a.jpg").read_bytes() == b"whole"


def test_who_waits_for_another_pull_can_be_stopped(tmp_path: Path) -> None:
    path, stop = part_of(tmp_path, "0" * 32), threading.Event()
    stop.set()
    with open_part(path, stop), pytest.raises(Stopped), open_part(path, stop):
        pass


def test_nothing_unprintable_reaches_a_terminal() -> None:
    assert printable("a\x1b[2J\u202e\ud800 b") == "a?[2J?? b"


def test_progress_says_how_far(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 2.0])
    progress = Progress("Sending", shown=True, out=io.StringIO(), clock=lambda: next(times))
    assert not progress.shown  # not a terminal
    progress.expect(4, 4_000)
    progress.move(1_000)
    progress.finish(1_000)
    assert progress.line() == "Sending [######..................] 1/4  500 B/s"
    assert [human(n) for n in (999, 1_500, 250_000, 4_100_000_000)] == ["999 B", "1.5 kB", "250 kB", "4.1 GB"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_over_itself_on_a_terminal_alone() -> None:
    out, seconds = Terminal(), iter(range(100))
    progress = Progress("Sending", shown=True, out=out, clock=lambda: float(next(seconds)))
    progress.expect(2, 20)
    for _ in range(2):
        progress.move(10)
        progress.finish(10)
    progress.say("a.jpg: \x1b[31mbad")
    progress.close()
    drawn = out.getvalue().split("\r\x1b[K")
    assert "\n" not in "".join(drawn[:-2])  # one line
    assert [line.partition("  ")[0] for line in drawn if "2/2" in line][-1] == f"Sending [{'#' * 24}] 2/2"
    assert "a.jpg: ?[31mbad\n" in drawn
    quiet = Terminal()
    silent = Progress("Sending", shown=False, out=quiet)
    silent.expect(1, 1)
    silent.finish(1)
    assert quiet.getvalue() == ""
