"""What ``run.py aws`` starts, as a person meets it in a browser, and as its schedule runs the sweep by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from playwright.sync_api import Browser, Page, expect

from cleanup_lambda.keys import original_key, rendition_key
from cleanup_lambda.records import STATE_KEY, ImageRecord, put
from gallery_site.runner.emulator import emulator_environment
from tests.aws.conftest import become_the_instance
from tests.aws.test_run_aws import wait_until_ready
from tests.browser.conftest import DESK, Visitor
from tests.browser.test_main_job import PHOTOS, add_photos, make_gallery
from tests.live import PASSWORD, ROOT, free_port

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("cloud")]
PATIENCE = 240.0  # seconds: the schedule ticks once a minute, on a machine that has other things to do
HOUR = 3_600


@dataclass(frozen=True)
class Running:
    """What runs: the site's address, and its environment."""

    address: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    emulator = emulator_environment(ROOT)
    emulator.ensure()
    folder = tmp_path_factory.mktemp("aws")
    environment, port = folder / "environment.json", free_port()
    foreign = ("AWS_", "DATABASE_", "GALLERY_", "SITE_", "CACHE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    command = [sys.executable, "-m", "deploy.emulator", f"--python={emulator.python}", f"--folder={folder / 'data'}"]
    command.append(f"--environment={environment}")
    with (folder / "log").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=kept | {"PORT": str(port)}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{address}/readyz", process)
        yield Running(address, json.loads(environment.read_text()))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@pytest.fixture
def window(running: Running, browser: Browser) -> Iterator[Visitor]:
    context = browser.new_context(viewport=DESK)  # type: ignore[arg-type]
    window: Any = Visitor(running, context)  # type: ignore[arg-type]
    yield window
    context.close()
    assert window.complaints == []


def _shot(page: Page, name: str) -> None:
    """A picture for somebody who wants to look, where GALLERY_SHOTS names a folder."""
    if folder := os.environ.get("GALLERY_SHOTS"):
        page.screenshot(path=str(Path(folder) / f"aws-{name}.png"))


def _wait(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def test_a_person_adds_looks_keeps_deletes_and_brings_back(running: Running, window: Visitor) -> None:
    page, edge = window.page, running.environment["CLOUDFRONT_DOMAIN"]
    window.open("/accounts/signup/")
    page.fill("input[name=username]", "dora")
    page.fill("input[name=email]", "dora@example.org")
    page.fill("input[name=password1]", PASSWORD)
    page.locator("main button[type=submit]").first.click()
    page.wait_for_url(f"{running.address}/")
    address = make_gallery(window, "Summer by the sea")
    add_photos(window, PHOTOS[:3])
    window.open(address)
    tiles = page.locator("#grid .tile:visible")
    expect(tiles).to_have_count(3)
    for picture in page.locator("#grid .tile-over").all():
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("each => each.naturalWidth") > 0
        assert picture.evaluate("each => each.currentSrc").startswith(f"{edge}/media/"), "from the edge, signed"
    _shot(page, "gallery")

    page.locator("#grid .tile-link").first.click()
    shown = page.locator("dialog#lightbox .stage img, dialog#lightbox img").first
    expect(shown).to_have_js_property("complete", True)
    _shot(page, "lightbox")
    page.keyboard.press("i")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("1 photo kept for 7 days from now.")
    window.open(address)

    page.locator("#grid .tile").first.hover()
    page.locator("#grid .tile .check").first.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(tiles).to_have_count(2)
    _shot(page, "deleted")
    page.get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(3)
    page.reload()
    expect(tiles).to_have_count(3)
    page.locator("#grid .tile").first.hover()
    page.locator("#grid .tile .check").first.click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(tiles).to_have_count(2)
    page.reload()
    expect(tiles).to_have_count(2)


def test_the_schedule_runs_the_sweep_by_itself(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record without a row is nobody's but the Lambda's: no timer of the site deletes its objects."""
    variables = running.environment
    become_the_instance(monkeypatch, variables)
    session: Any = boto3.session.Session(region_name=variables["AWS_REGION"])
    s3, table = (session.client(name, endpoint_url=variables["AWS_ENDPOINT_URL"]) for name in ("s3", "dynamodb"))
    due, live = (_record(round(time.time()) + seconds) for seconds in (-2 * HOUR, 2 * HOUR))
    place = {"TableName": variables["GALLERY_TABLE"]}
    for record in (due, live):
        for key in record.keys:
            s3.put_object(Bucket=variables["GALLERY_BUCKET"], Key=key, Body=b"picture")
        table.put_item(**place, **put(record))
    assert "grace" in table.get_item(**place, Key=STATE_KEY)["Item"], "the site has said it"
    _wait(lambda: "Item" not in table.get_item(**place, Key=due.key), "nothing ticks")
    stored = s3.list_objects_v2(Bucket=variables["GALLERY_BUCKET"], Prefix="media/").get("Contents", [])
    assert {each["Key"] for each in stored} & {*due.keys, *live.keys} == {*live.keys}
    assert "Item" in table.get_item(**place, Key=live.key)


def _record(due_at: int) -> ImageRecord:
    owner, gallery, image = (uuid.uuid4().hex for _ in range(3))
    keys = (original_key(owner, gallery, image, "jpg"), rendition_key(owner, gallery, image, "preview", "jpg"))
    return ImageRecord(owner, gallery, image, keys, 7, "image/jpeg", 4, 3, "a.jpg", 900, due_at, due_at, 1)
