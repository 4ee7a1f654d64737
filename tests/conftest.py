"""The fixed cast and the places that every test uses: alice owns, bob shares, charlie is a stranger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import log_watch

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django import Settings

    from galleries.models import Gallery
    from gallery_site.accounts.models import User

# Milliseconds that a page may take to show what is expected of it: no test measures speed, and the cores are shared.
PATIENCE = 30_000
# For each window Chromium renders two pop-ups of its address bar in processes of their own, which is two fifths of what
# a small page costs. Playwright's own list is said again: a second one replaces it.
ADDRESS_BAR = ["WebUIOmniboxAimPopup", "WebUIOmniboxPopup"]
PLAYWRIGHTS = [
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(ADDRESS_BAR + PLAYWRIGHTS)}",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="Only tests that open the database of the run.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The slow ones first, or the last of them would run alone at the end. On another database what never opens one
    would only be the same run twice (.ci/run)."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if config.getoption("--database-only"):
        others = [item for item in items if not opens_database(item)]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if opens_database(item)]


def opens_database(item: pytest.Item) -> bool:
    """Whether the test, or a fixture of it, asked for the database. Sites in processes of their own have another."""
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or bool({"db", "transactional_db"} & set(fixtures))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, with WAL and its one writer, as on a real site; without waiting for the disk."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
        database["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"


PASSWORD = "correct horse battery"  # noqa: S105 (the cast's)


@pytest.fixture(autouse=True)
def _own_places(settings: Settings, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own media and upload folders; plain static files; a fast hasher; no timer thread; and /readyz
    looks each time."""
    monkeypatch.setattr("gallery_site.health.KEPT", 0.0)
    place = tmp_path_factory.mktemp("data")
    storages = {
        "default": {"BACKEND": "galleries.storage.LocalMediaStorage", "OPTIONS": {"location": place}},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    (place / "static").mkdir()
    settings.STATIC_ROOT = place / "static"
    settings.STORAGES = storages
    settings.UPLOAD_DIR = place / "incoming"
    settings.DATA_DIR = place
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.GALLERY_MIN_FREE_BYTES = 0
    settings.GALLERY_MIN_FREE_SHARE = 0
    settings.RUN_TIMERS = False


@pytest.fixture(scope="session", autouse=True)
def _logs_of_live_sites_tell_nothing() -> Iterator[None]:
    """The logs of sites in processes of their own, when all of them have ended (tests/log_watch.py)."""
    yield
    found = log_watch.live_leaks()
    assert not found, "\n".join(found[:10])


@pytest.fixture(autouse=True)
def _logs_tell_nothing(_own_places: None) -> Iterator[None]:
    """Whatever a test does: no token, pass, session key, password or mail address reaches a log."""
    log_watch.install()
    log_watch.leaks()  # what a thread of an earlier test said late is nobody's
    yield
    found = log_watch.leaks()
    assert not found, "\n".join(found[:10])


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Chromium as the system has it: no browser is ever downloaded."""
    from playwright.sync_api import expect

    from gallery_site.runner.browser import obtain_chromium

    expect.set_options(timeout=PATIENCE)
    return {**browser_type_launch_args, "executable_path": obtain_chromium(), "args": CHROMIUM_FLAGS}


@pytest.fixture
def data_dir(settings: Settings) -> Path:
    """Where this test's objects lie."""
    return Path(settings.DATA_DIR)


def _person(name: str) -> User:
    from gallery_site.accounts.models import User

    return User.objects.create_user(username=name, email=f"{name}@example.org", password=PASSWORD)


@pytest.fixture
def alice(db: None) -> User:
    """Owns."""
    return _person("alice")


@pytest.fixture
def bob(db: None) -> User:
    """Shares."""
    return _person("bob")


@pytest.fixture
def charlie(db: None) -> User:
    """A stranger."""
    return _person("charlie")


@pytest.fixture
def gallery(alice: User) -> Gallery:
    """Alice's gallery, kept for 7 days."""
    from django.utils import timezone

    from galleries.galleries import create_gallery

    return create_gallery(alice, title="Summer", retention="7d", now=timezone.now())


@pytest.fixture
def alice_client(alice: User, client: Client) -> Client:
    """Alice's browser."""
    client.force_login(alice)
    return client


@pytest.fixture(scope="session", autouse=True)
def _close_decoder() -> Iterator[None]:
    """The decoder's parent process ends with the tests."""
    yield
    from galleries.uploads import decoder

    if decoder.cache_info().currsize:
        decoder().close()
