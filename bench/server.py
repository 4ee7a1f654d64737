"""The site as on a server, for figures: PostgreSQL that waits for its disk, Redis, gunicorn on a socket, nginx."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.client import Client
from bench.site import cpu_seconds, family
from tests.server.nginx import Nginx
from tests.server.services import Postgres, Redis
from tests.server.site import Machine, ServerSite, SocketConnection

ROOM = ("max_connections=200",)  # and else as installed: an acknowledged photo is on the disk


class DirectClient(Client):
    """A connection to gunicorn's own socket."""

    def __init__(self, path: Path, headers: dict[str, str] | None = None) -> None:
        super().__init__("http://localhost", headers)
        self.connection = SocketConnection(path)


@dataclass(frozen=True)
class Server:
    """One node behind nginx."""

    site: ServerSite
    nginx: Nginx

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.site.tokens[0]}"}

    def site_cpu(self) -> float:
        """CPU seconds so far of gunicorn and the decoder."""
        assert self.site.process is not None
        return sum(cpu_seconds(pid) for pid in family(self.site.process.pid))

    def nginx_cpu(self) -> float:
        assert self.nginx.process is not None
        return sum(cpu_seconds(pid) for pid in family(self.nginx.process.pid))


@contextmanager
def running_server(scratch: Path) -> Iterator[Server]:
    """A server for the time of this block."""
    with ExitStack() as stack:
        postgres, redis = Postgres(ROOM), Redis()
        stack.callback(postgres.stop)
        postgres.start()
        stack.callback(redis.stop)
        redis.start()
        machine = Machine(postgres, redis, scratch / "prepared")
        machine.prepared.mkdir(parents=True)
        machine.prepare()
        site = machine.site(scratch / "site", GALLERY_WORKERS="1")
        nginx = Nginx(scratch / "nginx", site.data_dir, [site.socket_path])
        nginx.home.mkdir()
        site.environment |= {"SITE_URL": nginx.address}
        site.start()
        stack.callback(site.close)
        nginx.start()
        stack.callback(nginx.stop)
        yield Server(site, nginx)


class Pipeline:
    """One connection that asks for the same again and again without waiting: the client costs next to nothing."""

    def __init__(self, nginx: Nginx, path: str) -> None:
        self.line = socket.create_connection(("127.0.0.1", nginx.port), timeout=60)
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.buffer = bytearray(1 << 20)
        self.size = self._measure_one()

    def _measure_one(self) -> int:
        """Bytes of one whole answer."""
        self.line.sendall(self.request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.line.recv(65536)
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head[:200].decode())
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        left = length - len(rest)
        while left > 0:
            left -= len(self.line.recv(65536))
        return len(head) + 4 + length

    def ask(self, times: int, at_once: int = 50) -> None:
        """``times`` answers of the same length as the first."""
        for _ in range(times // at_once):
            self.line.sendall(self.request * at_once)
            left = self.size * at_once
            while left > 0:
                got = self.line.recv_into(self.buffer, min(left, len(self.buffer)))
                if got == 0:
                    raise RuntimeError("nginx closed the connection")
                left -= got

    def close(self) -> None:
        self.line.close()


def close_all(pipelines: Sequence[Pipeline]) -> None:
    for pipeline in pipelines:
        pipeline.close()
