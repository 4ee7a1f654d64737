"""``manage.py serve_metrics``: numbers for Prometheus on http://127.0.0.1:9464/metrics, until told to stop."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from galleries.management.arguments import positive
from galleries.metrics import add_up
from galleries.vitals import read_vitals

HOST = "127.0.0.1"  # never another: whoever reads this learns how many people do what
PORT = 9464


class Vitals:
    """The numbers of galleries/vitals.py, read when Prometheus asks; ``gallery_up`` is 0 without a database."""

    def collect(self) -> Iterator[Metric]:
        try:
            vitals = read_vitals(timezone.now())
        except DatabaseError:
            yield GaugeMetricFamily("gallery_up", "1: the database answers", 0)
            return
        yield GaugeMetricFamily("gallery_up", "1: the database answers", 1)
        for vital in vitals:
            yield GaugeMetricFamily(f"gallery_{vital.name}", vital.meaning, vital.value)


def exposition() -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    add_up(registry)
    registry.register(Vitals())
    return generate_latest(registry)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path == "/metrics"
        try:
            body = exposition() if found else b"There is /metrics.\n"
        finally:
            close_old_connections()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        return None


class Command(BaseCommand):
    help = "Serve numbers for Prometheus to this machine alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=positive, default=PORT, metavar="N")

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        server = ThreadingHTTPServer((HOST, port), Handler)
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        with server:
            self.stdout.write(f"http://{HOST}:{server.server_port}/metrics")
            server.serve_forever()
