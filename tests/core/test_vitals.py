"""Numbers for operators: the admin's status page, and what Prometheus is given."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from galleries.management.commands.serve_metrics import exposition
from galleries.metrics import _make
from galleries.models import Gallery, Image, SweepHold
from galleries.vitals import read_vitals
from gallery_site.health import look_first
from tests.core.world import add, together
from tests.faults.ledger import Uploader
from tests.live import ROOT, LiveSite, free_port
from tests.pictures import jpeg

NAMES = {"images", "stored_bytes", "oldest_due_seconds", "outbox_depth", "outbox_oldest_seconds", "held_images"}


def values() -> dict[str, float]:
    return {vital.name: vital.value for vital in read_vitals(timezone.now())}


def alarming() -> set[str]:
    return {vital.name for vital in read_vitals(timezone.now()) if vital.alarming} - {"disk_full_ratio"}


@pytest.mark.django_db
def test_quiet_site_alarms_nobody(gallery: Gallery) -> None:
    add(gallery, 1)
    assert set(values()) >= NAMES
    assert values()["images"] == 1
    assert alarming() == set()


@pytest.mark.django_db
def test_photo_that_nobody_sweeps_is_seen(gallery: Gallery) -> None:
    image = add(gallery, 1)
    late = timedelta(hours=3)
    Image.objects.filter(id=image.id).update(due_at=timezone.now() - settings.GRACE - late)
    assert values()["due_images"] == 1
    assert late.total_seconds() <= values()["oldest_due_seconds"] < late.total_seconds() + 60
    assert alarming() == {"oldest_due_seconds"}


@pytest.mark.django_db
def test_sweep_that_is_held_is_seen(gallery: Gallery) -> None:
    SweepHold.objects.create(place="rows", first_seen_at=timezone.now(), uptime=1, due=1_500)
    assert values()["held_images"] == 1_500
    assert alarming() == {"held_images"}


@pytest.mark.django_db
def test_staff_sees_the_status_and_nobody_else_does(
    gallery: Gallery, admin_client: Client, alice_client: Client
) -> None:
    add(gallery, 1)
    page = admin_client.get("/admin/status/").content.decode()
    assert all(name in page for name in NAMES)
    assert "GALLERY_METRICS_DIR is not set" in page
    assert gallery.title not in page
    assert alice_client.get("/admin/status/").status_code == 302
    assert admin_client.post("/admin/status/").status_code == 405


@pytest.mark.django_db
def test_prometheus_reads_the_same_numbers(gallery: Gallery) -> None:
    add(gallery, 1)
    text = exposition().decode()
    assert "gallery_up 1.0" in text
    assert "gallery_images 1.0" in text
    for name, value in values().items():
        assert f"\ngallery_{name} " in text, (name, value)


@pytest.mark.django_db
def test_the_alarms_that_are_written_down_are_those_that_are_measured() -> None:
    """By the names that Prometheus knows, and with the numbers of the status page."""
    text = (ROOT / "docs" / "operations.md").read_text()
    alarms = text.partition("## Alarms\n")[2].partition("\n## ")[0]
    written = dict(re.findall(r"^\| `(gallery_\w+)`[^|]*\| ([^|]+) \|", alarms, re.MULTILINE))
    counters = {
        f"{family.name}_total"
        for instrument in vars(_make()).values()
        for family in instrument.describe()
        if family.type == "counter"
    }
    measured = {f"gallery_{vital.name}": vital.alarm for vital in read_vitals(timezone.now())}
    assert written.keys() <= measured.keys() | counters | {"gallery_up"}
    numbers = {name: float(above.replace(",", "")) for name, above in written.items() if name in measured}
    assert numbers == {name: alarm for name, alarm in measured.items() if alarm is not None}


@pytest.mark.slow
def test_processes_of_a_site_count_together(tmp_path: Path) -> None:
    """Requests and uploads of two workers, as the metrics' own process and the status page add them up."""
    folder = tmp_path / "metrics"
    site = LiveSite(tmp_path / "site", {"GALLERY_METRICS_DIR": str(folder), "GALLERY_WORKERS": "2"})
    site.data_dir.mkdir()
    site.set_up()
    site.add_person("alice")
    client = Uploader(site.address, site.token("alice"))
    site.start()
    try:
        place = client.make_gallery()
        assert client.upload(place, jpeg(1)).status == 201
        assert client.upload(place, jpeg(1)).status == 200
        assert client.upload(place, b"no picture").status == 415
        for _ in range(20):
            assert site.answers()
        command = [sys.executable, str(ROOT / "manage.py"), "serve_metrics", "--port", str(port := free_port())]
        server = subprocess.Popen(command, env=site.environ(), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        assert server.stdout.readline().strip() == f"http://127.0.0.1:{port}/metrics"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        server.terminate()
        assert server.wait(20) == 0
        server.stdout.close()
    finally:
        site.stop()
    assert 'gallery_uploads_total{outcome="stored"} 1.0' in text
    assert 'gallery_uploads_total{outcome="duplicate"} 1.0' in text
    assert 'gallery_uploads_total{outcome="unsupported_format"} 1.0' in text
    assert 'gallery_decoder_failures_total{code="unsupported_format"} 1.0' in text
    assert f"gallery_upload_bytes_total {float(len(jpeg(1)))}" in text
    assert 'gallery_upload_seconds_count{stage="decode"} 2.0' in text
    found = re.search(r'gallery_requests_total\{method="GET",route="[^"]*alive[^"]*",status="200"\} (\d+)', text)
    assert found, text
    assert int(found[1]) >= 20
    assert "gallery_images 1.0" in text
    assert place not in text


@pytest.mark.django_db(transaction=True)
def test_first_look_of_a_process_gives_its_connection_back() -> None:
    """Its thread ends, and a pool would count the connection as in use for ever."""

    def first_look(_: int) -> object:
        look_first()
        return connection.connection

    assert together(first_look, [1]) == [None]
