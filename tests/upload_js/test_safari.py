"""What WebKit, the engine of Safari and of every browser on iPhones, does otherwise, made up in Chromium.

A file that was read from IndexedDB lies on the device for as long as the record that it was read from: replaced or
removed, the file is gone. And no file and no blob can be read from the press of a link until the next page is there."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_photo_that_is_claimed_keeps_its_record(blank_page: Page) -> None:
    """And yet it is the new tab's, as long as that lives; what was kept by an earlier version of the site as well."""
    found = blank_page.evaluate(
        """async () => {
          const { Vault } = await import("/static/js/upload/vault.js");
          const made = await new Promise((resolve) => {
            const request = indexedDB.open("image-gallery-uploads", 1);
            request.onupgradeneeded = () => {
              const items = request.result.createObjectStore("items", { keyPath: ["person", "key"] });
              items.createIndex("at", "at");
              request.result.createObjectStore("shared", { autoIncrement: true });
              const record = { person: "zoe", at: Date.now(), order: 0, tab: "gone", file: new File(["x"], "x") };
              for (const key of ["one", "two"]) items.put({ ...record, key });
            };
            request.onsuccess = () => resolve(request.result);
          });
          made.close();
          const vault = new Vault({ person: "zoe" });
          const written = [];
          const { put } = IDBObjectStore.prototype;
          IDBObjectStore.prototype.put = function (...given) {
            written.push(this.name);
            return put.apply(this, given);
          };
          const claim = async (tab, living) => (await vault.claim("one", tab, (name) => name === living))?.tab ?? null;
          const claims = [await claim("mine", "mine"), await claim("other", "mine"), await claim("mine", "mine")];
          const tabs = (await vault.list()).map(({ key, tab }) => `${key}: ${tab}`);
          claims.push(await claim("other", ""));
          await vault.removeFree(["one"], "mine", (name) => name === "other");
          const left = [(await vault.list()).length];
          await vault.removeFree(["one"], "other", () => false);
          await vault.put({ key: "one", order: 1, tab: "third" });
          left.push((await vault.list()).map(({ tab }) => tab));
          await vault.forget();
          IDBObjectStore.prototype.put = put;
          return { claims, tabs, written, left };
        }"""
    )
    assert found["claims"] == ["mine", None, "mine", "other"]
    assert found["tabs"] == ["one: mine", "two: gone"]
    assert found["written"] == ["claims", "claims", "items"]
    assert found["left"] == [2, ["gone", "third"]]


def test_kept_photo_that_goes_as_it_is_keeps_its_record(blank_page: Page) -> None:
    """What a chosen file becomes takes its place in the store; what is sent from there must stay."""
    sent = blank_page.evaluate(
        """async () => {
          const { Keeper } = await import("/static/js/upload/keeper.js");
          const { UploadQueue } = await import("/static/js/upload/queue.js");
          const kept = {};
          const put = async ({ name, blob, file }) => {
            kept[name] = blob ? "what it became" : file ? "as chosen" : "its name";
          };
          const vault = { put, putAll: async (all) => all.forEach(put), remove: async () => {} };
          const keeper = new Keeper({ vault, tab: Promise.resolve("t"), estimate: async () => null });
          const sent = {};
          const queue = new UploadQueue({
            hash: async (file) => file.name,
            ask: async () => ({}),
            prepare: async (file) => ({ // as of a worker, which answers copies
              blob: file.name.endsWith("heic") ? structuredClone(file) : new Blob(["light"]),
              reason: "",
              renditions: {},
            }),
            send: async ({ name }) => {
              sent[name] = kept[name];
              return { kind: "stored", duplicate: false };
            },
            newKey: () => "fresh",
            keeper,
          });
          const target = { galleryId: "g" }, batch = { id: "b", total: 2 };
          const make = (name) => new File(["x"], name);
          const records = ["kept.heic", "kept.jpeg"].map((name) => {
            kept[name] = "as chosen";
            return { key: name, batch, target, name, size: 1, file: make(name) };
          });
          queue.restore(records);
          queue.add([make("fresh.heic")], target);
          for (let turn = 0; turn < 2000 && queue.summary().left > 0; turn += 1)
            await new Promise((go) => setTimeout(go));
          return sent;
        }"""
    )
    assert sent == {
        "kept.heic": "as chosen",
        "kept.jpeg": "what it became",
        "fresh.heic": "what it became",
    }


# `stop()` and `go()`: from now on the browser reads no blob, and does again.
READING = """
  const { arrayBuffer } = Blob.prototype;
  let isStopped = false;
  Blob.prototype.arrayBuffer = function () {
    return isStopped ? Promise.reject(new DOMException("leaving", "NotReadableError")) : arrayBuffer.call(this);
  };
  const stop = () => (isStopped = true), go = () => (isStopped = false);
"""


def test_file_is_not_unreadable_because_nothing_is(blank_page: Page) -> None:
    """The store must not let go of a photo because a link was pressed while it was being sent."""
    answers = blank_page.evaluate(
        f"""async () => {{
          {READING}
          const {{ isReadable }} = await import("/static/js/upload/readable.js");
          class Gone extends File {{
            slice() {{
              return {{ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) }};
            }}
          }}
          const file = new File(["x"], "x"), gone = new Gone(["x"], "x");
          const ask = async () => [await isReadable(file), await isReadable(gone)];
          const before = await ask();
          stop();
          const meanwhile = await ask();
          go();
          Blob.prototype.arrayBuffer = arrayBuffer;
          return [before, meanwhile];
        }}"""
    )
    assert answers == [[True, False], [True, True]]


def test_what_fails_while_nothing_can_be_read_is_done_again(blank_page: Page) -> None:
    """Once; and not for a file that fails by itself, or that is not wanted any more."""
    found = blank_page.evaluate(
        f"""async () => {{
          {READING}
          const {{ onceReading }} = await import("/static/js/upload/readable.js");
          const file = new File(["x"], "x");
          const told = (doing) => doing.then((answer) => answer, (error) => error.message);
          let calls = 0;
          const read = async () => {{
            calls += 1;
            return (await file.arrayBuffer()).byteLength;
          }};
          stop();
          const later = told(onceReading(read));
          const aborted = new AbortController();
          const cancelled = told(onceReading(read, aborted.signal));
          aborted.abort(new Error("cancelled"));
          setTimeout(go, 0);
          const answers = [await later, await cancelled, calls];
          Blob.prototype.arrayBuffer = arrayBuffer;
          let faults = 0;
          answers.push(await told(onceReading(() => Promise.reject(new Error(`fault ${{(faults += 1)}}`)))));
          return answers;
        }}"""
    )
    assert found == [1, "cancelled", 3, "fault 2"]


def test_picture_is_not_undecodable_because_nothing_is_read(blank_page: Page) -> None:
    """It would be sent as it is, large, though it can be made lighter a moment later."""
    answers = blank_page.evaluate(
        f"""async () => {{
          {READING}
          const {{ prepare }} = await import("/static/js/upload/prepare.js");
          const {{ offscreen }} = await import("/static/js/upload/surface.js");
          const canvas = new OffscreenCanvas(32, 32);
          canvas.getContext("2d").fillRect(0, 0, 16, 32);
          const file = await canvas.convertToBlob({{ type: "image/png" }});
          const {{ createImageBitmap }} = globalThis;
          globalThis.createImageBitmap = async () => {{
            throw new DOMException("no", "InvalidStateError");
          }};
          const ask = () => prepare(file, {{ quality: "full", maxPixels: 1e6 }}, offscreen).then(
            ({{ reason }}) => reason, (error) => error.name);
          const reads = await ask();
          globalThis.createImageBitmap = async () => {{
            stop();
            throw new DOMException("no", "InvalidStateError");
          }};
          const readsNothing = await ask();
          Object.assign(globalThis, {{ createImageBitmap }});
          Blob.prototype.arrayBuffer = arrayBuffer;
          return [reads, readsNothing];
        }}"""
    )
    assert answers == ["undecodable", "InvalidStateError"]


def test_wide_picture_without_its_profile_is_encoded_again(blank_page: Page) -> None:
    """Safari's canvases without a page do not tell what they are made of, as others do; their pixels do."""
    encoded = blank_page.evaluate(
        """async () => {
          const { draw } = await import("/static/js/upload/draw.js");
          const { offscreen } = await import("/static/js/upload/surface.js");
          const context = OffscreenCanvasRenderingContext2D.prototype;
          const { getContextAttributes } = context;
          delete context.getContextAttributes;
          const spaces = [];
          const encode = async (canvas) => {
            spaces.push(getContextAttributes.call(canvas.getContext("2d")).colorSpace);
            return new Blob([Uint8Array.of(0xff, 0xd8, 0xff, 0xd9)], { type: "image/jpeg" }); // says nothing of colours
          };
          const canvas = new OffscreenCanvas(64, 64);
          canvas.getContext("2d").fillRect(0, 0, 32, 64);
          const size = { width: 64, height: 64 };
          const wish = { size, bytes: 1000, reason: "", isLighter: true, jpeg: 0.8, isOpaque: false, maxPixels: 1e6 };
          const looks = [];
          for (const isWide of [true, false]) {
            canvas.getContext("2d").fillStyle = "white";
            canvas.getContext("2d").fillRect(32, 0, 32, 64);
            const bitmap = await createImageBitmap(canvas);
            await draw(bitmap, { ...wish, isWide }, { ...offscreen, encode });
            looks.push(spaces.splice(0).slice(1)); // the first is of the line in the panel
          }
          context.getContextAttributes = getContextAttributes;
          return looks;
        }"""
    )
    assert encoded == [["display-p3", "srgb"], ["srgb"]]
