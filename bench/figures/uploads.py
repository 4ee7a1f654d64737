"""Many uploads at once: how many a second, and whether each was kept, once."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.client import Client
from bench.context import PERSON, Bench
from bench.decode_limit import LIMIT, DecodeLimit
from bench.photo import photo, upload_of
from bench.site import Site
from bench.table import Row, Wanted

CLIENTS = 4
CORES = 2
PAGE = 200  # the API's largest page


def measure(bench: Bench) -> Iterator[Row]:
    """The rate in several parts of the run, by turns with the limit, and what the gallery holds in the end."""
    parts = bench.scaled(5, 3)
    each = bench.scaled(200, 16)
    site = bench.site("uploads")
    path = f"/api/v1/galleries/{site.inside('bench.filling:new_gallery', person=PERSON)}/images"
    headers = {"Authorization": f"Bearer {site.token(PERSON)}"}
    rates, limits = [], []
    acknowledged: list[str] = []
    cores = min(CORES, os.cpu_count() or 1)
    with DecodeLimit(photo()) as limit:
        for part in range(parts):
            limits.append(cores / limit.seconds(10))
            begin = time.perf_counter()
            acknowledged += _upload_together(site, path, headers, range(part * each, (part + 1) * each))
            rates.append(each / (time.perf_counter() - begin))
    name = f"uploads a second, {CLIENTS} clients, {cores} cores"
    yield Row(name, "/s", rates, limits, f"{cores} / ({LIMIT})", Wanted(0.75, "high", "ratio"))
    wrong = lost_or_doubled(acknowledged, _listed(site, path, headers))
    yield Row(f"lost or doubled of {len(acknowledged):,}", "", [wrong], wanted=Wanted(0))


def lost_or_doubled(acknowledged: Iterable[str], listed: Iterable[str]) -> int:
    """How many ids were acknowledged and are not listed as often, or are listed without that; each way counts."""
    promised, kept = Counter(acknowledged), Counter(listed)
    return (promised - kept).total() + (kept - promised).total()


def _upload_together(site: Site, path: str, headers: dict[str, str], numbers: range) -> list[str]:
    """The ids that were answered with 201."""

    def upload_share(client_number: int) -> list[str]:
        ids = []
        with Client(site.address, headers) as client:
            for number in numbers[client_number::CLIENTS]:
                answer = client.send("POST", path, *upload_of(number))
                assert answer.status == 201, answer
                ids.append(json.loads(answer.body)["id"])
        return ids

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [identifier for share in pool.map(upload_share, range(CLIENTS)) for identifier in share]


def _listed(site: Site, path: str, headers: dict[str, str]) -> Iterator[str]:
    """Every id that the gallery lists."""
    cursor = ""
    with Client(site.address, headers) as client:
        while True:
            page = json.loads(client.get(f"{path}?limit={PAGE}&cursor={cursor}").body)
            yield from (item["id"] for item in page["items"])
            cursor = page["next"]
            if not cursor:
                return
