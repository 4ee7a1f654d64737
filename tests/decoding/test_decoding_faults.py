"""Whatever a picture does to the process that opens it, it is one picture (P6), and nothing is left behind."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from galleries.decoding import DecodedImage, Decoder, DecoderUnavailable, ImageRejected
from galleries.decoding.client import PROJECT_ROOT
from tests.decoding.conftest import LIMITS
from tests.decoding.processes import is_running, wait_until


def decode(decoder: Decoder, source: Path, name: str = "out") -> DecodedImage:
    workdir = source.parent / name
    workdir.mkdir()
    return decoder.decode(source, workdir, keep_metadata=False)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("segfault", "corrupt_image"),
        ("use_memory", "too_many_pixels"),
        ("sleep", "corrupt_image"),
        ("sleep_deaf", "corrupt_image"),
        ("spin", "corrupt_image"),
        ("raise_error", "corrupt_image"),
        ("report_without_end", "corrupt_image"),
        ("report:", "corrupt_image"),
        ("report:[1]", "corrupt_image"),
        ('report:{"result": {"kind": "jpeg"}}', "corrupt_image"),
        ('report:{"rejected": {"code": "made_up", "message": "x"}}', "corrupt_image"),
        ('report:{"failed": {"errno": "x"}}', "corrupt_image"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit address space")
def test_one_bad_picture_is_one_refusal(
    text: str, code: str, faulty: Decoder, fault: Callable[[str], Path], good: Path
) -> None:
    with pytest.raises(ImageRejected) as rejected:
        decode(faulty, fault(text))
    assert rejected.value.code == code
    assert not list((good.parent / "out").iterdir())
    child = int((good.parent / "child.pid").read_text())
    assert wait_until(lambda: not is_running(child))
    assert decode(faulty, good, "next").width == 64


def test_full_disk_is_not_the_pictures_fault(faulty: Decoder, fault: Callable[[str], Path], good: Path) -> None:
    with pytest.raises(DecoderUnavailable) as unavailable:
        decode(faulty, fault("fill_disk"))
    assert unavailable.value.errno == errno.ENOSPC
    assert decode(faulty, good, "next").width == 64


def test_child_cannot_fill_the_disk(faulty: Decoder, fault: Callable[[str], Path], good: Path) -> None:
    with pytest.raises(DecoderUnavailable):
        decode(faulty, fault("write_without_end"))
    assert not list((good.parent / "out").iterdir())


def test_missing_source_is_unavailable(faulty: Decoder, tmp_path: Path, workdir: Path) -> None:
    with pytest.raises(DecoderUnavailable) as unavailable:
        faulty.decode(tmp_path / "nothing", workdir, keep_metadata=False)
    assert unavailable.value.errno == errno.ENOENT


def test_dead_parent_is_replaced(faulty: Decoder, fault: Callable[[str], Path], good: Path) -> None:
    assert decode(faulty, fault("kill_parent")).width == 64
    assert decode(faulty, good, "next").width == 64


def test_parent_that_dies_again_is_unavailable(faulty: Decoder, fault: Callable[[str], Path], good: Path) -> None:
    with pytest.raises(DecoderUnavailable):
        decode(faulty, fault("kill_parent:always"))
    assert not list((good.parent / "out").iterdir())
    assert decode(faulty, good, "next").width == 64


def test_parent_killed_between_pictures_is_replaced(good: Path) -> None:
    decoder = Decoder()
    try:
        decode(decoder, good)
        assert decoder.server_pid is not None
        os.kill(decoder.server_pid, signal.SIGKILL)
        assert decode(decoder, good, "next").width == 64
    finally:
        decoder.close()


def test_stopping_the_service_lets_uploads_finish(good: Path) -> None:
    decoder = Decoder()
    try:
        decode(decoder, good)
        pid = decoder.server_pid
        assert pid is not None
        os.kill(pid, signal.SIGTERM)
        assert decode(decoder, good, "next").width == 64
        assert decoder.server_pid == pid
    finally:
        decoder.close()


def test_closed_decoder_leaves_no_process(good: Path) -> None:
    decoder = Decoder()
    decode(decoder, good)
    pid = decoder.server_pid
    assert pid is not None
    decoder.close()
    assert not is_running(pid)
    assert decoder.server_pid is None
    decoder.close()


def test_decoder_that_cannot_start_is_unavailable(good: Path) -> None:
    with pytest.raises(DecoderUnavailable):
        decode(Decoder(server_module="tests.decoding.no_such_module"), good)


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of macOS differ")
def test_child_knows_no_secret_and_has_limits(
    faulty: Decoder, fault: Callable[[str], Path], good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_SECRET_KEY", "planted")
    faulty.close()
    # The numbers of descriptors in a busy web process are large.
    with ExitStack() as files:
        for _ in range(400):
            files.enter_context(Path(os.devnull).open("rb"))
        with pytest.raises(ImageRejected):
            decode(faulty, fault("tell"))
    facts = json.loads((good.parent / "facts.json").read_text())
    assert facts["environment"].keys() <= {"PYTHONPATH", "LC_ALL", "MALLOC_ARENA_MAX", "GLIBC_TUNABLES"}
    assert "PIL" in facts["modules"]
    assert "django" not in facts["modules"]
    assert facts["descriptors"] == [0, 1, 2, 3]
    assert facts["limits"] == {
        "RLIMIT_CPU": [1, 2],
        "RLIMIT_AS": [1 << 30, 1 << 30],
        "RLIMIT_FSIZE": [len("tell") + LIMITS.spare_file_bytes] * 2,
        "RLIMIT_CORE": [0, 0],
        "RLIMIT_NOFILE": [32, 32],
    }


def test_web_process_does_not_import_the_codecs() -> None:
    code = "import sys, galleries.decoding; sys.exit('PIL' in sys.modules or 'django' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=True)


def test_eight_threads_share_two_children(faulty: Decoder, fault: Callable[[str], Path], good: Path) -> None:
    (good.parent / "marks").mkdir()
    source = fault("overlap")

    def attempt(number: int) -> None:
        with pytest.raises(ImageRejected):
            decode(faulty, source, f"out{number}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(attempt, range(8)))
    counts = [int(line) for line in (good.parent / "counts").read_text().split()]
    assert len(counts) == 8
    assert max(counts) == 2


def test_eight_threads_get_their_own_answers(decoder: Decoder, tmp_path: Path) -> None:
    sources = []
    for number in range(32):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (100 + number, 50), (number * 7, 20, 20)).save(path)
        sources.append(path)
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda path: decode(decoder, path, f"out{path.stem}"), sources))
    assert [result.width for result in results] == [100 + number for number in range(32)]


def test_too_long_a_queue_is_unavailable(fault: Callable[[str], Path], good: Path) -> None:
    limits = replace(LIMITS, children=1, queue_seconds=0)
    decoder = Decoder(limits, server_module="tests.decoding.faulty_server")
    try:
        with ThreadPoolExecutor(1) as threads:
            sleeping = threads.submit(decode, decoder, fault("sleep"))
            assert wait_until((good.parent / "child.pid").exists)
            with pytest.raises(DecoderUnavailable):
                decode(decoder, good, "next")
            assert isinstance(sleeping.exception(), ImageRejected)
    finally:
        decoder.close()


KILLED_CLIENT = """
import sys
from pathlib import Path
from galleries.decoding import Decoder
source = Path(sys.argv[1])
decoder = Decoder(server_module="tests.decoding.faulty_server")
workdir = source.parent / "first"
workdir.mkdir()
decoder.decode(source.parent / "good.jpg", workdir, keep_metadata=False)
print(decoder.server_pid, flush=True)
decoder.decode(source, source.parent / "out", keep_metadata=False)
"""


def test_nothing_outlives_a_killed_web_process(fault: Callable[[str], Path], good: Path) -> None:
    (good.parent / "out").mkdir()
    arguments = [sys.executable, "-c", KILLED_CLIENT, os.fspath(fault("sleep"))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=PROJECT_ROOT) as client:
        assert client.stdout is not None
        server = int(client.stdout.readline())
        pid_file = good.parent / "child.pid"
        assert wait_until(lambda: pid_file.exists() and pid_file.read_text() != "")
        child = int(pid_file.read_text())
        assert is_running(server)
        assert is_running(child)
        client.kill()
    assert wait_until(lambda: not is_running(server))
    assert wait_until(lambda: not is_running(child))


FORKED_CLIENT = """
import os, sys
from pathlib import Path
from galleries.decoding import Decoder
source = Path(sys.argv[1])
decoder = Decoder()
def decode(name):
    workdir = source.parent / name
    workdir.mkdir()
    decoder.decode(source, workdir, keep_metadata=False)
    return decoder.server_pid
before = decode("before")
reader, writer = os.pipe()
if os.fork() == 0:
    os.close(writer)
    assert decoder.server_pid is None
    os.read(reader, 1)  # until the other has closed its decoder
    after = decode("after")
    assert after not in (None, before)
    decoder.close()
    os._exit(0)
decoder.close()  # would hang and kill if the other held the socket
assert decoder.server_pid is None
os.close(writer)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_forked_process_starts_a_server_of_its_own(good: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKED_CLIENT, os.fspath(good)], cwd=PROJECT_ROOT, check=True, timeout=30)
