"""What try_install.sh asks of the site on its machine: a page, static files, an upload and its thumbnail; with
``--during COMMAND`` pages and uploads all the while a command runs, of which none may fail."""

from __future__ import annotations

import argparse
import http.client
import json
import shlex
import struct
import subprocess
import sys
import threading
import time
import uuid
import zlib

MANAGE = "/usr/local/bin/gallery-manage"


class NotAsItShould(Exception):
    """The site answered something else; the message says what."""


def expect(holds: object, found: object) -> None:
    """Go on only when ``holds``."""
    if not holds:
        raise NotAsItShould(repr(found))


def ask(
    name: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """One request through nginx on this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=90)
    try:
        connection.request(method, path, body, {"Host": name, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def png(number: int) -> bytes:
    """A picture of 32 x 32 pixels, another one for each number."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixel = bytes((number % 256, number // 256 % 256, 90))
    rows = b"".join(b"\0" + pixel * 32 for _ in range(32))
    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Person:
    """A program with a token and a gallery."""

    def __init__(self, name: str) -> None:
        self.name = name
        account = f"u{uuid.uuid4().hex[:8]}"
        made = f"from gallery_site.accounts.models import User; User.objects.create_user({account!r})"
        subprocess.run([MANAGE, "shell", "-v0", "-c", made], check=True)
        token = subprocess.run([MANAGE, "create_api_token", account], check=True, capture_output=True, text=True).stdout
        self.headers = {"Authorization": f"Bearer {token.strip()}"}
        gallery = self.call("POST", "/api/v1/galleries", b'{"title": "Try"}', {"Content-Type": "application/json"})
        self.gallery = json.loads(gallery)["id"]

    def call(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        status, _, answer = ask(self.name, method, path, body, self.headers | (headers or {}))
        expect(status in {200, 201}, (status, path, answer[:300]))
        return answer

    def upload(self, number: int) -> str:
        """A new picture; the address of its thumbnail."""
        border = uuid.uuid4().hex
        head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="p.png"\r\n\r\n'
        body = head.encode() + png(number) + f"\r\n--{border}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={border}"}
        answer = json.loads(self.call("POST", f"/api/v1/galleries/{self.gallery}/images", body, kind))
        return str(answer["renditions"]["thumbnail"]["url"])


def look(name: str, person: Person) -> None:
    """Everything once."""
    status, headers, page = ask(name, "GET", "/")
    expect(status == 200, (status, page[:300]))
    expect(headers["server"] == "nginx", headers)
    sheet = page.decode().partition('rel="stylesheet" href="')[2].partition('"')[0]
    status, headers, _ = ask(name, "GET", sheet, headers={"Accept-Encoding": "gzip"})
    expect((status, headers.get("content-encoding")) == (200, "gzip"), (sheet, status, headers))
    thumbnail = person.upload(1)
    status, headers, body = ask(name, "GET", thumbnail)
    expect((status, headers["content-type"], body[8:12]) == (200, "image/webp", b"WEBP"), (status, headers))
    status, headers, _ = ask(name, "POST", "/accounts/login/", b"x" * 2_000_000)
    expect((status, headers["content-type"]) == (413, "text/html"), (status, headers))
    print("a page, its style sheet, an upload, its thumbnail: all there")


def during(name: str, person: Person, command: str) -> int:
    """Run ``command``; pages and uploads meanwhile, and for two seconds more. Returns its exit code."""
    done = threading.Event()
    counts, wrong = {"pages": 0, "uploads": 0}, []

    def go_on(kind: str) -> None:
        while not done.is_set():
            try:
                if kind == "pages":
                    status = ask(name, "GET", "/")[0]
                    expect(status == 200, status)
                else:
                    person.upload(100 + counts[kind])
            except (NotAsItShould, OSError, http.client.HTTPException) as error:
                wrong.append(repr(error))
            counts[kind] += 1
            time.sleep(0.1)

    threads = [threading.Thread(target=go_on, args=(kind,)) for kind in counts]
    for thread in threads:
        thread.start()
    code = subprocess.run(shlex.split(command), check=False).returncode
    time.sleep(2)
    done.set()
    for thread in threads:
        thread.join()
    print(f"meanwhile {counts}, {len(wrong)} failed")
    expect(not wrong, wrong[:5])
    return code


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--during", default="")
    parser.add_argument("--fails", action="store_true", help="the command must fail")
    options = parser.parse_args()
    person = Person(options.name)
    if options.during:
        code = during(options.name, person, options.during)
        expect((code != 0) == options.fails, code)
    look(options.name, person)
    return 0


if __name__ == "__main__":
    sys.exit(main())
