"""One site is set up for all tests of this folder; each test breaks a copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.site import FaultSite


@pytest.fixture(scope="session")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> FaultSite:
    """Set up, never started."""
    site = FaultSite(tmp_path_factory.mktemp("pattern"))
    site.make()
    return site


@pytest.fixture
def still_site(pattern: FaultSite, tmp_path: Path) -> Iterator[FaultSite]:
    """A fresh site that does not run yet; whatever runs of it at the end is killed."""
    site = pattern.copy_to(tmp_path / "site")
    yield site
    site.kill()


@pytest.fixture
def site(still_site: FaultSite) -> FaultSite:
    """A fresh site that runs."""
    still_site.start()
    return still_site
