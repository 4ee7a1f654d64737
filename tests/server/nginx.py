"""Debian's nginx with the configuration as shipped: only ports, folders and names are put in other places."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.nginx_files import write_files
from tests.live import free_port

NGINX = "/usr/sbin/nginx"
SITE = "http://gallery.example.org"
PATIENCE = 20.0  # seconds

# pytest's folders are open to their owner alone, whom nginx would stop being.
MAIN = """
{user}
daemon off;
pid {home}/nginx.pid;
worker_processes 2;
worker_rlimit_nofile 8192;
error_log {home}/start.log notice;
events {{ worker_connections 2048; }}
http {{
    include /etc/nginx/mime.types;
    gzip on;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/etc/conf.d/*.conf;
    include {home}/etc/sites-enabled/*;
}}
"""


@dataclass
class Nginx:
    """nginx in front of what listens on ``sockets``; everything that it writes is below ``home``. ``fronts`` is
    GALLERY_FRONT_PROXIES; by default it believes this machine, so that a test can say who asks."""

    home: Path
    data_dir: Path
    sockets: Sequence[Path]
    site_url: str = SITE
    fronts: str = "127.0.0.1/32"
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def configure(self) -> None:
        """Write the shipped files as install.sh does, then put this test's places into them."""
        etc = self.home / "etc"
        write_files(etc, self.site_url, "localhost", self.fronts)
        # One site is asked whatever it did before; of several, one that is dead is left alone for a while.
        how = " fail_timeout=0" if len(self.sockets) == 1 else ""
        places = {
            "    server unix:/run/image-gallery/site.sock fail_timeout=0;": "\n".join(
                f"    server unix:{path}{how};" for path in self.sockets
            ),
            "/var/cache/nginx/image-gallery": f"{self.home}/passes",
            "/var/log/nginx/": f"{self.home}/",
            "/var/lib/image-gallery": str(self.data_dir),
            "    listen [::]:80 default_server;\n": "",
            "    listen [::]:443 ssl http2 default_server;\n": "",
            "    listen [::]:80;\n": "",
            "listen 80": f"listen 127.0.0.1:{self.port}",
            "listen 443": f"listen 127.0.0.1:{self.tls_port}",
        }
        for path in etc.rglob("*"):
            if path.is_file() and not path.is_symlink():
                text = path.read_text()
                for shipped, here in places.items():
                    text = text.replace(shipped, here)
                path.write_text(text)
        user = "user root;" if os.geteuid() == 0 else ""
        (etc / "nginx.conf").write_text(MAIN.format(user=user, home=self.home))

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            RuntimeError: it ended or does not listen; with its own words.
        """
        if not (self.home / "etc").exists():
            self.configure()
        (self.home / "nginx.pid").unlink(missing_ok=True)
        command = [NGINX, "-p", str(self.home), "-c", str(self.home / "etc" / "nginx.conf")]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            if (self.home / "nginx.pid").exists():
                return
            time.sleep(0.01)
        process, self.process = self.process, None
        process.kill()
        raise RuntimeError(f"nginx did not start: {process.communicate()[1].decode()}")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL for all of it."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """As ``systemctl reload nginx``."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)

    def kept_answers(self) -> list[str]:
        """The files into which it takes answers that their readers have not read; without a name, but open."""
        assert self.process is not None
        workers = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        files = [os.readlink(each) for worker in workers for each in Path(f"/proc/{worker}/fd").iterdir()]
        return [name for name in files if name.startswith(f"{self.home}/proxy/")]

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, number)
            self.process.communicate(timeout=PATIENCE)
            self.process = None

    @property
    def log(self) -> str:
        """The access log."""
        path = self.home / "image-gallery.log"
        return path.read_text() if path.exists() else ""

    def lines(self) -> int:
        """How many lines the access log has now."""
        return len(self.log.splitlines())

    def logs(self) -> str:
        """Everything that it has logged, its start and its errors too."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.home.glob("*.log")))

    def forget_passes(self) -> None:
        """As if the minute were over: nginx drops what it knows of passes (a new process starts with nothing)."""
        self.stop()
        shutil.rmtree(self.home / "passes")
        self.start()
