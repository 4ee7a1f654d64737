"""One real decoding process for all tests of a worker: it is what is tested, limits included."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from galleries.decoding import Decoder


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
