"""Other libraries that compress in the browser, on the same photos, in the same Chromium, in turn.

Each at its own default quality and at full size. They come from the npm registry that this machine is configured for,
exactly as `rivals/lock.json` pins them, into the run's own folder.
"""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image as Pillow
from playwright.sync_api import Page

from bench.context import Bench
from bench.folder_server import serve
from bench.npm import install
from bench.real_photos import write_photos
from bench.ssim import similarity
from bench.table import Row
from bench.uploader import LONG_TASKS, READ, chromium, tab

SOURCE = Path(__file__).parents[1] / "rivals"
NAMES = ("@uppy/compressor", "compressorjs", "browser-image-compression")
MB = 1_000_000
RUN = """async (name) => {
  const { rivals } = await import("/rivals.js");
  const begin = performance.now();
  window.made = await rivals[name]([...bench.files]);
  return (performance.now() - begin) / 1000;
}"""
PAGE = "<!doctype html><title>Rivals</title><input type=file id=bench multiple>"


def measure(bench: Bench) -> Iterator[Row]:
    files = write_photos(bench.scratch / "rival-photos", bench.scaled(18, 3))
    folder = _install(bench.scratch / "rivals")
    site = bench.site("rivals")
    with chromium() as browser:
        with tab(browser, site) as opened:
            opened.compress(files[:2])  # warm
        with tab(browser, site) as opened:
            yield from _rows("ours", opened.page, files, opened.compress(files))
        for name in NAMES:
            with serve(folder) as address:
                page = browser.new_page()
                page.add_init_script(LONG_TASKS)
                page.goto(address)
                page.set_input_files("#bench", list(files))
                page.evaluate("import('/rivals.js')")
                yield from _rows(name, page, files, page.evaluate(RUN, name))
                page.close()


def _rows(name: str, page: Page, files: Sequence[Path], seconds: float) -> Iterator[Row]:
    made = [base64.b64decode(page.evaluate(READ, index)) for index in range(len(files))]
    longest = page.evaluate("window.longest")
    chosen = sum(file.stat().st_size for file in files)
    likeness = [
        similarity(Pillow.open(file), Pillow.open(io.BytesIO(body)))
        for file, body in list(zip(files, made, strict=True))[:3]
    ]
    yield Row(f"{name}: a photo of 12 MP", "ms", [seconds * 1000 / len(files)])
    yield Row(f"{name}: bytes left", "%", [100 * sum(map(len, made)) / chosen])
    yield Row(f"{name}: SSIM, mean of three", "", [sum(likeness) / len(likeness)])
    yield Row(f"{name}: longest stall of the page", "ms", [longest])


def _install(folder: Path) -> Path:
    """The libraries in one module, made here and gone with the run."""
    install(SOURCE, folder)
    shutil.copy(SOURCE / "page.js", folder)
    bundle = ["node_modules/.bin/esbuild", "page.js", "--bundle", "--format=esm", "--outfile=public/rivals.js"]
    subprocess.run(bundle, cwd=folder, check=True, capture_output=True)
    (folder / "public" / "index.html").write_text(PAGE)
    return folder / "public"
