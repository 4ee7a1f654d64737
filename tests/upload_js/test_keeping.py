"""The store of what is not yet safe, and who writes to it: alone, in Chromium."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def test_connection_to_the_store_that_was_closed_is_opened_again(blank_page: Page) -> None:
    """Browsers close it when they clear a site's data; another version of the site asks for that."""
    found = blank_page.evaluate(
        """async () => {
          const { Vault } = await import("/static/js/upload/vault.js");
          let opened = 0;
          const databases = [];
          const factory = {
            open: (...given) => {
              opened += 1;
              if (opened === 1) throw new Error("not now");
              const request = indexedDB.open(...given);
              request.addEventListener("success", () => databases.push(request.result));
              return request;
            },
          };
          const vault = new Vault({ person: "zoe", factory });
          const batch = { id: "b", total: 2 }, target = { galleryId: "g" };
          const record = (key) => ({ key, order: 0, batch, target, tab: "t" });
          const first = await vault.put(record("one")).then(() => "kept", () => "refused");
          await vault.put(record("two"));
          databases[0].close();
          await vault.put(record("three"));
          const keys = (await vault.list()).map(({ key }) => key);
          await vault.forget();
          return [first, keys.sort(), opened];
        }"""
    )
    assert found == ["refused", ["three", "two"], 3]


def test_unreadable_file_costs_the_others_nothing(blank_page: Page) -> None:
    kept = blank_page.evaluate(
        """async () => {
          const { Keeper } = await import("/static/js/upload/keeper.js");
          const { createItem } = await import("/static/js/upload/item.js");
          const records = new Map();
          const vault = {
            putAll: async (all) => all.forEach((each) => records.set(each.key, each)),
            remove: async (keys) => keys.forEach((key) => records.delete(key)),
            put: async (record) => {
              if (record.file?.isGone) throw new DOMException("cannot be read", "DataError");
              records.set(record.key, record);
            },
          };
          class Gone extends File {
            isGone = true;
            slice() {
              return { arrayBuffer: () => Promise.reject(new DOMException("gone", "NotFoundError")) };
            }
          }
          const keeper = new Keeper({ vault, tab: Promise.resolve("t"), estimate: async () => null });
          const target = { galleryId: "g" }, batch = { id: "b", total: 4 };
          const make = (key) => new (key === "b" ? Gone : File)([key], key);
          const items = ["a", "b", "c", "d"].map((key) => createItem({ key, target, batch, file: make(key) }));
          keeper.take(items);
          for (let turn = 0; turn < 2000 && !items[3].isKept; turn += 1) await new Promise((go) => setTimeout(go));
          return [[...records.values()].filter(({ file }) => file).map(({ key }) => key), records.size, keeper.isShort];
        }"""
    )
    assert kept == [["a", "c", "d"], 4, False]


# `later(hours)`: what of the other app's photos `person` is told of then, by name; purged before, or not.
SHARED = """async (steps) => {
  const { Vault } = await import("/static/js/upload/vault.js");
  let hours = 0;
  const now = () => hours * 3_600_000;
  const open = (person) => new Vault({ person, now });
  const seen = [];
  for (const [at, act, who] of steps) {
    hours = at;
    if (act === "share") await open("").putShared([new File(["x"], who)]);
    if (act === "purge") await open(who).purge();
    if (act === "list") seen.push((await open(who).listShared()).map(({ name }) => name));
  }
  const rest = await new Promise((resolve) => {
    indexedDB.open("image-gallery-uploads").onsuccess = ({ target: { result } }) => {
      result.transaction("shared").objectStore("shared").getAll().onsuccess = ({ target }) => {
        result.close();
        resolve(target.result.map(({ name }) => name));
      };
    };
  });
  for (const person of ["zoe", "yan"]) await open(person).forget();
  return [seen, rest];
}"""


def test_photos_of_another_app_stay_with_whoever_was_asked_about_them(blank_page: Page) -> None:
    """A page that is open for hours still shows them; what nobody opened is gone after one."""
    steps: list[tuple[float, str, str]] = [
        (0, "share", "shown.jpg"),
        (0.5, "list", "zoe"),
        (1, "share", "unseen.jpg"),
        (2.5, "list", "zoe"),
        (2.5, "list", "yan"),
    ]
    seen, rest = blank_page.evaluate(SHARED, steps)
    assert seen == [["shown.jpg"], ["shown.jpg"], []]
    assert rest == ["shown.jpg"]


def test_photos_of_another_app_that_nobody_came_back_for_go_too(blank_page: Page) -> None:
    steps: list[tuple[float, str, str]] = [
        (0, "share", "shown.jpg"),
        (0, "list", "zoe"),
        (1, "share", "unseen.jpg"),
        (24 * 6, "share", "fresh.jpg"),
    ]
    assert blank_page.evaluate(SHARED, [*steps, (24 * 6 + 0.5, "purge", "yan")])[1] == ["shown.jpg", "fresh.jpg"]
    assert blank_page.evaluate(SHARED, [*steps, (24 * 7 + 1, "purge", "yan")])[1] == []


def test_device_without_room_lets_go_what_it_holds(blank_page: Page) -> None:
    """Whatever an earlier visit left can be sent and forgotten, though nothing more can be written."""
    found = blank_page.evaluate(
        """async () => {
          const { Vault } = await import("/static/js/upload/vault.js");
          const { forget, takeUp } = await import("/static/js/upload/leftovers.js");
          const vault = new Vault({ person: "zoe" });
          const keys = ["one", "two", "three"];
          const batch = { id: "b", total: 3 }, target = { galleryId: "g" };
          const record = (key, order) => ({ key, order, batch, target, tab: "gone", blob: new Blob([key]) });
          await vault.putAll(keys.map(record));
          const { put } = IDBObjectStore.prototype;
          IDBObjectStore.prototype.put = function (...given) {
            put.apply(this, given);
            this.transaction.abort(); // as when a disk is full: not before the transaction ends
          };
          try {
            const taken = await takeUp(vault, "mine", ["three", "two", "gone", "one"]);
            const bodies = await Promise.all(taken.map(({ blob }) => blob.text()));
            const before = (await vault.list()).length;
            await forget(vault, "mine", ["one", "two"]);
            return [bodies, before, (await vault.list()).map(({ key }) => key)];
          } finally {
            IDBObjectStore.prototype.put = put;
            await vault.forget();
          }
        }"""
    )
    assert found == [["one", "two", "three"], 3, ["three"]]


# A name whose lock is taken is that of a tab that lives: this one is its copy and needs another.
NAME_A_COPY = """async () => {
  const { timeout } = AbortSignal;
  delete AbortSignal.timeout; // as in Safari 15, which has locks
  let letGo;
  const { nameTab } = await import("/static/js/upload/tabs.js");
  const kept = new Map([["upload-tab", "copied"]]);
  const storage = { getItem: (name) => kept.get(name), setItem: (name, value) => kept.set(name, value) };
  try {
    await new Promise((taken) => {
      navigator.locks.request("upload-tab:copied", () => new Promise((go) => taken((letGo = go))));
    });
    return [await nameTab({ storage, newName: () => "fresh" }), kept.get("upload-tab")];
  } finally {
    letGo();
    AbortSignal.timeout = timeout;
  }
}"""


def test_copy_of_a_tab_has_a_name_of_its_own_in_old_browsers_too(blank_page: Page) -> None:
    assert blank_page.evaluate(NAME_A_COPY) == ["fresh", "fresh"]
