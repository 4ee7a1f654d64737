"""Other ways into a gallery than the picker: drop, paste, whole folders, and what Android offers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.interception import intercept
from tests.pictures import jpeg
from tests.upload_js.choosing import wait_for_end
from tests.upload_js.conftest import open_gallery, wait_until
from tests.upload_js.fake_site import FakeSite

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DROP = """([type, names]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of names) {
    transfer.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  }
  const event = type === "paste"
    ? new ClipboardEvent(type, { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""


def encoded(name: str, body: bytes) -> list[str]:
    import base64

    return [name, base64.b64encode(body).decode()]


def test_drop_anywhere_with_a_veil_that_names_the_gallery(gallery_page: Page, site: FakeSite) -> None:
    files = [encoded("one.jpg", jpeg(1)), encoded("two.jpg", jpeg(2))]
    gallery_page.evaluate(DROP, ["dragenter", files])
    veil = gallery_page.locator(".upload-veil")
    expect(veil).to_contain_text("Drop to add to Summer & <sea>")
    gallery_page.evaluate(DROP, ["drop", files])
    expect(veil).to_be_hidden()
    wait_for_end(gallery_page, "2 photos safe")


def test_dragging_a_picture_of_the_page_is_no_upload(gallery_page: Page, site: FakeSite) -> None:
    gallery_page.evaluate(DROP, ["dragstart", []])
    gallery_page.evaluate(DROP, ["dragenter", [encoded("one.jpg", jpeg(1))]])
    expect(gallery_page.locator(".upload-veil")).to_be_hidden()


def test_drag_whose_picture_went_away_hides_nothing(gallery_page: Page, site: FakeSite) -> None:
    """htmx took the dragged picture out of the page, so its drag never ended; files dropped later are files."""
    gallery_page.evaluate(
        """() => {
          const picture = document.querySelector("#grid").appendChild(document.createElement("img"));
          picture.dispatchEvent(new DragEvent("dragstart", { bubbles: true }));
          picture.remove();
        }"""
    )
    gallery_page.evaluate(DROP, ["drop", [encoded("one.jpg", jpeg(1))]])
    wait_until(lambda: len(site.stored) == 1)
    gallery_page.evaluate(DROP, ["dragstart", []])  # and one whose end was not said for another reason
    gallery_page.mouse.move(10, 10)
    gallery_page.evaluate(DROP, ["drop", [encoded("two.jpg", jpeg(2))]])
    wait_until(lambda: len(site.stored) == 2)


def test_paste(gallery_page: Page, site: FakeSite) -> None:
    gallery_page.evaluate(DROP, ["paste", [encoded("image.png", jpeg(3))]])
    wait_for_end(gallery_page, "1 photo safe")
    assert re.fullmatch(r"Pasted \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png", site.received[0].filename)


def test_folders_are_walked_to_the_bottom(gallery_page: Page) -> None:
    names = gallery_page.evaluate(
        """async () => {
          const file = (name) => ({ isFile: true, name, file: (ok) => ok(new File(["x"], name)) });
          const folder = (name, children) => ({
            isFile: false,
            isDirectory: true,
            name,
            createReader() {
              const rest = [...children];
              return { readEntries: (ok) => ok(rest.splice(0, 100)) };
            },
          });
          const broken = { isFile: true, name: "gone.jpg", file: (ok, no) => no(new Error("gone")) };
          const many = Array.from({ length: 250 }, (_, index) => file(`${index}.jpg`));
          const cut = folder("Day 1", [file("first.jpg")]);
          cut.createReader = () => {
            const lists = [[file("first.jpg")]];
            return { readEntries: (ok, no) => (lists.length > 0 ? ok(lists.pop()) : no(new Error("unplugged"))) };
          };
          const deep = folder("Day 2", [file("deep.jpg")]);
          const tree = folder("Trip", [...many, file(".DS_Store"), broken, cut, deep]);
          const items = [{ kind: "file", webkitGetAsEntry: () => tree }, { kind: "string" }];
          const { collectFiles } = await import("/static/js/upload/walk.js");
          const found = await collectFiles({ items });
          return [found.folder, found.unread, ...found.files.map((each) => each.name)];
        }"""
    )
    assert names.pop(0) == "Trip"
    assert names.pop(0) == ["gone.jpg", "Day 1"]
    assert len(names) == 252
    assert names[-2:] == ["first.jpg", "deep.jpg"]


UNPLUGGED = """() => {
  const photo = (name) => ({ isFile: true, name, file: (ok) => ok(new File(["x"], name)) });
  const reader = () => {
    const lists = [[photo("a.txt")]];
    return { readEntries: (ok, no) => (lists.length > 0 ? ok(lists.pop()) : no(new Error("unplugged"))) };
  };
  const folder = { isDirectory: true, name: "Card", createReader: reader };
  const items = [folder, photo("b")].map((entry) => ({ kind: "file", webkitGetAsEntry: () => entry }));
  const event = new Event("drop", { bubbles: true, cancelable: true });
  Object.defineProperty(event, "dataTransfer", { value: { items, types: ["Files"] } });
  document.body.dispatchEvent(event);
}"""


def test_folder_that_could_not_be_read_to_its_end_is_named(gallery_page: Page) -> None:
    gallery_page.evaluate(UNPLUGGED)
    unread = gallery_page.locator('[data-part="unread"]')
    expect(unread).to_contain_text("Not read, or not to the end: Card. Photos may be missing.")
    wait_for_end(gallery_page, "2 not added")
    gallery_page.get_by_role("button", name="Close the panel").click()
    gallery_page.get_by_role("button", name="Quality").click()
    expect(unread).to_be_hidden()


def test_folder_may_become_a_gallery_of_its_own(gallery_page: Page, site: FakeSite, tmp_path: Path) -> None:
    trip = tmp_path / "Trip"
    (trip / "Day 2").mkdir(parents=True)
    (trip / ".DS_Store").write_bytes(b"clutter")
    for seed, name in enumerate(("one.jpg", "Day 2/two.jpg")):
        (trip / name).write_bytes(jpeg(seed))
    gallery_page.get_by_role("button", name="Quality").click()
    for answer, gallery in (("Add to Summer & <sea>", "Summer"), ("Make it a gallery of its own", "Trip")):
        with gallery_page.expect_file_chooser() as chooser:
            gallery_page.get_by_role("button", name="Folder").click()
        chooser.value.set_files(trip)
        dialog = gallery_page.get_by_role("dialog")
        expect(dialog).to_contain_text("Trip: 2 files")
        dialog.get_by_role("button", name=answer).click()
        wait_until(lambda: len(site.received) == 2)
        assert {request.gallery for request in site.received} == {gallery}
        site.forget()
    wait_for_end(gallery_page, "2 photos safe")
    assert gallery_page.get_by_role("link", name="Trip").get_attribute("href") == f"/g/{site.gallery}-trip/"


TWO_FOLDERS = """([one, two]) => {
  for (const [name, text] of [one, two]) {
    const body = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const photo = { isFile: true, name: `${name}.jpg`, file: (ok) => ok(new File([body], `${name}.jpg`)) };
    const reader = () => {
      const lists = [[photo], []];
      return { readEntries: (ok) => ok(lists.shift()) };
    };
    const folder = { isDirectory: true, name, createReader: reader };
    const event = new Event("drop", { bubbles: true, cancelable: true });
    const items = [{ kind: "file", webkitGetAsEntry: () => folder }];
    Object.defineProperty(event, "dataTransfer", { value: { items, types: ["Files"] } });
    document.body.dispatchEvent(event);
  }
}"""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 422, "json": {"detail": "You have too many galleries."}}, "You have too many galleries."),
        (None, "The gallery could not be made."),
    ],
    ids=["refused", "no line"],
)
def test_folder_whose_gallery_cannot_be_made_goes_nowhere_else(
    gallery_page: Page, site: FakeSite, answer: dict[str, Any] | None, words: str
) -> None:
    intercept(gallery_page, "**/g/new/", lambda route: route.fulfill(**answer) if answer else route.abort())
    gallery_page.evaluate(TWO_FOLDERS, [encoded("One", jpeg(1)), encoded("Two", jpeg(2))])
    dialog = gallery_page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make it a gallery of its own").click()
    expect(gallery_page.locator("#toasts")).to_contain_text(f"{words} The photos of One were not added.")
    expect(dialog).to_contain_text("Two: 1 file")
    dialog.get_by_role("button", name="Add to Summer & <sea>").click()
    wait_for_end(gallery_page, "1 photo safe")
    assert [request.filename for request in site.received] == ["Two.jpg"]


def test_second_folder_has_a_question_of_its_own(gallery_page: Page, site: FakeSite) -> None:
    """Dropped while the first one waits for its answer."""
    gallery_page.evaluate(TWO_FOLDERS, [encoded("One", jpeg(1)), encoded("Two", jpeg(2))])
    dialog = gallery_page.get_by_role("dialog")
    expect(dialog).to_contain_text("One: 1 file")
    dialog.get_by_role("button", name="Add to Summer & <sea>").click()
    expect(dialog).to_contain_text("Two: 1 file")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    wait_for_end(gallery_page, "1 photo safe")
    assert [request.filename for request in site.received] == ["One.jpg"]


def test_on_android_files_and_camera_are_offered(browser: Browser, site: FakeSite) -> None:
    agent = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"
    context = browser.new_context(user_agent=agent, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_gallery(page, site)
    page.get_by_role("button", name="Add photos").click()
    expect(page.locator(".upload-hint")).to_contain_text("leaves out where they were taken")
    page.evaluate(
        """() => {
          window.inputs = [];
          HTMLInputElement.prototype.click = function () {
            window.inputs.push([this.accept, this.getAttribute("capture") ?? "", this.multiple]);
          };
        }"""
    )
    for name in ("Photos", "Camera", "Files"):
        page.locator(".upload-ways").get_by_role("button", name=name).click()
    assert page.evaluate("() => inputs") == [
        ["image/*", "", True],
        ["image/*", "environment", False],
        ["", "", True],
    ]
    context.close()
