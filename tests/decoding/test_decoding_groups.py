"""Pictures of one group may follow each other in one process, and are judged as if each had its own."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from galleries.decoding import DecodedImage, Decoder, DecoderUnavailable, ImageRejected, Limits
from tests.decoding.conftest import LIMITS
from tests.decoding.processes import is_running, wait_until

Decode = Callable[..., DecodedImage]


@pytest.fixture
def open_picture(faulty: Decoder, fault: Callable[..., Path], good: Path, tmp_path: Path) -> Decode:
    """``open_picture("segfault", "a")``: a picture that does so, of group "a"; good ones have 64 x 48 pixels."""
    names = iter(range(100))

    def decode(text: str, group: str, decoder: Decoder = faulty) -> DecodedImage:
        name = next(names)
        workdir = tmp_path / f"out{name}"
        workdir.mkdir()
        source = fault(text, f"source{name}")
        try:
            return decoder.decode(source, workdir, keep_metadata=False, group=f"{tmp_path} {group}" if group else "")
        except ImageRejected:
            assert not list(workdir.iterdir())
            raise

    return decode


@pytest.fixture
def child(tmp_path: Path) -> Callable[[], int]:
    """The process of the last picture."""
    return lambda: int((tmp_path / "child.pid").read_text())


def test_pictures_of_a_group_follow_each_other_in_a_process(open_picture: Decode, child: Callable[[], int]) -> None:
    """In one or, on a machine so busy that a second passes between two of them, in two."""
    processes = set()
    for _ in range(5):
        assert open_picture("good", "a").width == 64
        processes.add(child())
    assert len(processes) <= 2


@pytest.mark.parametrize("groups", ["ab", ["", ""], ["a", ""]], ids=["another", "none", "none after one"])
def test_others_have_a_process_of_their_own(groups: list[str], open_picture: Decode, child: Callable[[], int]) -> None:
    processes = []
    for group in groups:
        assert open_picture("good", group).width == 64
        processes.append(child())
    assert len(set(processes)) == len(groups)


@pytest.mark.parametrize("text", ["refuse", "raise_error", "fill_disk"])
def test_no_picture_follows_one_that_went_wrong(text: str, open_picture: Decode, child: Callable[[], int]) -> None:
    with pytest.raises((ImageRejected, DecoderUnavailable)):
        open_picture(text, "a")
    before = child()
    assert open_picture("good", "a").width == 64
    assert child() != before


@pytest.mark.parametrize(
    "text",
    [
        "segfault",
        "be_killed",
        "refuse",
        "raise_error",
        "fill_disk",
        "write_without_end",
        "report:",
        "report_without_end",
        'report:{"rejected": {"code": "corrupt_image", "message": "x"}}',
        pytest.param("use_memory", marks=pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit it")),
    ],
)
def test_what_an_earlier_picture_left_behind_is_no_later_ones_fault(
    text: str, open_picture: Decode, child: Callable[[], int]
) -> None:
    assert open_picture("good", "a").width == 64
    before = child()
    assert open_picture(f"after_others:{text}", "a").width == 64
    assert child() != before
    assert wait_until(lambda: not is_running(before))


def test_bad_picture_is_refused_after_good_ones_too(open_picture: Decode, child: Callable[[], int]) -> None:
    assert open_picture("good", "a").width == 64
    before = child()
    with pytest.raises(ImageRejected) as rejected:
        open_picture("segfault", "a")
    assert rejected.value.code == "corrupt_image"
    assert child() != before
    assert open_picture("good", "a").width == 64


@pytest.mark.parametrize("text", ["spin", "sleep", "sleep_deaf"])
def test_picture_that_takes_too_long_is_tried_once(text: str, open_picture: Decode, tmp_path: Path) -> None:
    assert open_picture("good", "a").width == 64
    (tmp_path / "tries").unlink()
    with pytest.raises(ImageRejected):
        open_picture(text, "a")
    assert (tmp_path / "tries").read_text() == "."


@pytest.mark.skipif(sys.platform != "linux", reason="the limits of macOS differ")
def test_each_picture_has_limits_of_its_own(open_picture: Decode, tmp_path: Path) -> None:
    """The soft ones count; the hard ones leave room for those of the next picture."""
    for text in ("tell:and open", "tell:and open" + " " * 1000):
        assert open_picture(text, "a").width == 64
        facts = json.loads((tmp_path / "facts.json").read_text())
        assert facts["limits"]["RLIMIT_CPU"] == [LIMITS.cpu_seconds, LIMITS.cpu_seconds + 3]
        assert facts["limits"]["RLIMIT_FSIZE"][0] == len(text) + LIMITS.spare_file_bytes
        assert facts["limits"]["RLIMIT_AS"] == [1 << 30, 1 << 30]
        assert len(facts["descriptors"]) == 5  # the standard ones, its pipe, and where more pictures come from


def test_process_that_has_grown_ends(open_picture: Decode, child: Callable[[], int]) -> None:
    assert open_picture("grow", "a").width == 64
    before = child()
    assert wait_until(lambda: not is_running(before))


def test_process_that_has_worked_long_ends(open_picture: Decode, child: Callable[[], int]) -> None:
    decoder = Decoder(Limits(), server_module="tests.decoding.faulty_server")
    try:
        assert open_picture("work_for:2.1", "a", decoder).width == 64
        before = child()
        assert open_picture("good", "a", decoder).width == 64
        assert child() != before
    finally:
        decoder.close()


def test_process_without_more_pictures_ends(open_picture: Decode, child: Callable[[], int]) -> None:
    assert open_picture("good", "a").width == 64
    resting = child()
    assert wait_until(lambda: not is_running(resting))


def test_closed_decoder_leaves_no_resting_process(good: Path, open_picture: Decode, child: Callable[[], int]) -> None:
    decoder = Decoder(server_module="tests.decoding.faulty_server")
    assert open_picture("good", "a", decoder).width == 64
    resting = child()
    decoder.close()
    assert wait_until(lambda: not is_running(resting))


def test_resting_process_that_is_killed_is_replaced(open_picture: Decode, child: Callable[[], int]) -> None:
    assert open_picture("good", "a").width == 64
    before = child()
    os.kill(before, signal.SIGKILL)
    assert wait_until(lambda: not is_running(before))
    assert open_picture("good", "a").width == 64
    assert child() != before
