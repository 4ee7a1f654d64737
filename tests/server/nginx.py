"""Debian's nginx with the configuration as shipped: only ports, folders and names are put in other places."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.live import ROOT, LiveSite, free_port

NGINX = "/usr/sbin/nginx"
SHIPPED = ROOT / "deploy" / "nginx"

# pytest's folders are open to their owner alone, whom nginx would stop being.
MAIN = """
{user}
daemon off;
pid {home}/nginx.pid;
worker_processes 2;
error_log {home}/start.log notice;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/image-gallery.conf;
    server {{
        listen 127.0.0.1:{port} default_server;
        return 444;
    }}
    server {{
        listen 127.0.0.1:{port};
        server_name localhost gallery.example.org;
        include {home}/site.conf;
    }}
}}
"""


@dataclass
class Nginx:
    """nginx in front of ``site``, with everything that it writes below ``home``."""

    home: Path
    site: LiveSite
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.port = self.port or free_port()

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def configure(self) -> None:
        """Write the shipped files with this test's places."""
        (self.home / "pages").mkdir(parents=True)
        places = {
            "unix:/run/image-gallery/site.sock": f"127.0.0.1:{self.site.port}",
            "/var/cache/nginx/image-gallery": str(self.home / "passes"),
            "/var/log/nginx/": f"{self.home}/",
            "/var/lib/image-gallery": str(self.site.data_dir),
            "/usr/share/image-gallery": str(self.home / "pages"),
        }
        for name in ("image-gallery.conf", "site.conf"):
            text = (SHIPPED / name).read_text()
            for shipped, here in places.items():
                text = text.replace(shipped, here)
            (self.home / name).write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        (self.home / "nginx.conf").write_text(MAIN.format(user=user, home=self.home, port=self.port))

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: it ended or does not listen; with its own words.
        """
        command = [NGINX, "-p", str(self.home), "-c", str(self.home / "nginx.conf")]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            if (self.home / "nginx.pid").exists():
                return
            time.sleep(0.01)
        process, self.process = self.process, None
        process.kill()
        raise RuntimeError(f"nginx did not start: {process.communicate()[1].decode()}")

    def stop(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.communicate(timeout=10)
            self.process = None

    @property
    def log(self) -> str:
        """The access log."""
        return (self.home / "image-gallery.log").read_text()

    def lines(self) -> int:
        """How many lines the access log has now."""
        return len(self.log.splitlines())

    def forget_passes(self) -> None:
        """As if the minute were over: nginx drops what it knows of passes (a new process starts with nothing)."""
        self.stop()
        shutil.rmtree(self.home / "passes")
        (self.home / "nginx.pid").unlink(missing_ok=True)
        self.start()
