"""One real decoding process for all tests of a worker: it is what is tested, limits included."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from galleries.decoding import Decoder, Limits

# One second instead of twenty: the limits are what is tested, not their size.
LIMITS = replace(Limits(), cpu_seconds=1, wall_seconds=2)


@pytest.fixture(scope="module")
def faulty() -> Iterator[Decoder]:
    decoder = Decoder(LIMITS, server_module="tests.decoding.faulty_server")
    yield decoder
    decoder.close()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.jpg"
    Image.new("RGB", (64, 48), "teal").save(path)
    return path


@pytest.fixture
def fault(tmp_path: Path) -> Callable[..., Path]:
    """``fault("sleep")``: a picture that does so in its child."""

    def write(text: str, name: str = "fault") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    decoder = Decoder()
    yield decoder
    decoder.close()


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path
