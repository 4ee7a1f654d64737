"""The panel's own parts in Chromium, on items and clocks that are made up."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.upload_js.choosing import HEAD, choose, small
from tests.upload_js.fake_site import FakeSite

pytestmark = pytest.mark.browser

# `show(rows, waiting)` draws lines for items 1 to 12, of which those in `waiting` wait and the others are compressed.
ROWS = """
const { Rows } = await import("/static/js/upload/rows.js");
const { createItem } = await import("/static/js/upload/item.js");
const list = document.querySelector('[data-part="panel"]').appendChild(document.createElement("ul"));
list.closest("[hidden]").hidden = false;
const rows = new Rows(list, document.querySelector('[data-part="row"]'), { onAct() {}, onLost() {} });
const items = Array.from({ length: 12 }, (_, index) => {
  return Object.assign(createItem({ file: new File(["x"], `photo ${index + 1}`) }), { id: index + 1 });
});
function show(waiting) {
  for (const item of items) item.state = waiting.includes(item.id) ? "waiting" : "compressing";
  rows.update(items, 0);
  return [...list.querySelectorAll(".upload-name")].map((name) => Number(name.textContent.split(" ")[1]));
}
"""


@pytest.mark.parametrize("focused", range(1, 13))
def test_lines_that_change_places_leave_the_focus_where_it_is(gallery_page: Page, focused: int) -> None:
    """A line that is taken out and put back loses it, so the others move around it."""
    orders, has_focus = gallery_page.evaluate(
        f"""async (focused) => {{
          {ROWS}
          const orders = [show([1, 4, 5, 6, 7, 12])];
          const button = list.querySelector(`[aria-label="Cancel photo ${{focused}}"]`);
          button.focus();
          const hasFocus = [];
          for (const waiting of [[1, 4, 5, 6, 7, 8], [8, 9, 10, 11, 12], [1, 2, 3, 4, 5, 6]]) {{
            orders.push(show(waiting));
            hasFocus.push(document.activeElement.closest("li")?.contains(button) ?? false);
          }}
          return [orders, hasFocus];
        }}""",
        focused,
    )
    assert orders == [
        [2, 3, 8, 9, 10, 11, 1, 4, 5, 6, 7, 12],
        [2, 3, 9, 10, 11, 12, 1, 4, 5, 6, 7, 8],
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6],
    ]
    assert has_focus == [True] * 3


def test_line_that_comes_back_has_its_picture_again(gallery_page: Page) -> None:
    """What is compressed waits for a slow line, and of those that wait only the next few are shown."""
    pictures = gallery_page.evaluate(
        f"""async () => {{ {ROWS}
          const canvas = Object.assign(document.createElement("canvas"), {{ width: 2, height: 2 }});
          const thumb = await new Promise((resolve) => canvas.toBlob(resolve));
          for (const item of items) item.thumb = thumb;
          return [[], items.map(({{ id }}) => id), []].map((waiting) => {{
            show(waiting);
            return list.querySelectorAll("img[src]").length;
          }});
        }}"""
    )
    assert pictures == [12, 6, 12]


def test_what_a_press_does_is_shown_before_it_can_be_pressed_again(gallery_page: Page, site: FakeSite) -> None:
    """Who sees nothing presses once more, and takes back what they did."""
    site.plan("*", *["wait"] * 6)
    choose(gallery_page, *small(6))
    expect(gallery_page.locator('.upload-row[data-state="checking"]')).to_have_count(3)
    expect(gallery_page.locator('.upload-row[data-state="waiting"]')).to_have_count(3)
    after = gallery_page.evaluate(
        """() => {
          const [one, all] = ["hold", "pause"].map((name) => document.querySelector(
            `[data-state="waiting"] [data-part="${name}"], header [data-part="${name}"]`,
          ));
          one.click();
          const after = [one.getAttribute("aria-label").split(" photo")[0]];
          for (let presses = 1; presses <= 2; presses += 1) {
            all.click();
            after.push(all.textContent);
          }
          return after;
        }"""
    )
    assert after == ["Go on with", "Resume", "Pause"]
    site.go_on.set()


# A panel whose drawings are counted, of a queue that is at work.
COUNTED = """async () => {
  const { Panel } = await import("/static/js/upload/panel.js");
  const { summarize } = await import("/static/js/upload/item.js");
  const state = {
    items: [],
    summary: { ...summarize([]), total: 1, left: 1 },
    estimate: { chosen: 1, toSend: 1, seconds: 1, fraction: 0 },
    halted: "",
    hold: "",
    unread: "",
  };
  window.drawings = 0;
  const read = () => {
    window.drawings += 1;
    return state;
  };
  window.panel = new Panel(document.querySelector("[data-uploader]"), { read });
  window.panel.draw();
}"""


def test_open_list_of_what_is_finished_goes_on_beyond_its_length(gallery_page: Page) -> None:
    """It holds the last five hundred, and the next one too."""
    counts = gallery_page.evaluate(
        """async () => {
          const { Panel } = await import("/static/js/upload/panel.js");
          const { createItem, summarize } = await import("/static/js/upload/item.js");
          const items = [];
          const state = {
            items,
            estimate: { chosen: 1, toSend: 1, seconds: 1, fraction: 0 },
            halted: "",
            hold: "",
            unread: "",
          };
          const read = () => ({ ...state, summary: summarize(items) });
          const panel = new Panel(document.querySelector("[data-uploader]"), { read });
          const list = document.querySelector('[data-part="finished-list"]');
          document.querySelector('[data-part="finished"]').open = true;
          const finish = (count) => {
            for (let each = 1; each <= count; each += 1) {
              const item = createItem({ file: new File(["x"], `photo ${items.length + 1}`) });
              items.push(Object.assign(item, { id: items.length + 1, state: "done", doneAt: -9_999, blobSize: 1 }));
            }
            panel.draw();
            return [list.childElementCount, list.firstElementChild.firstElementChild.textContent];
          };
          return [finish(499), finish(1), finish(1)];
        }"""
    )
    assert counts == [[499, "photo 1"], [500, "photo 1"], [500, "photo 2"]]


def test_changes_are_drawn_twice_a_second_and_time_alone_once(clocked_page: Page) -> None:
    """Drawing costs a processor that has photos to compress."""
    page = clocked_page
    page.clock.pause_at(page.evaluate("Date.now() + 60_000"))
    page.evaluate(COUNTED)

    def drawings_after(milliseconds: int, changes: int = 0) -> int:
        page.evaluate("(changes) => { while (changes-- > 0) panel.invalidate(); }", changes)
        page.clock.run_for(milliseconds)
        return int(page.evaluate("drawings"))

    assert drawings_after(499, changes=20) == 1
    assert drawings_after(1) == 2
    assert drawings_after(300) == 2
    assert drawings_after(199, changes=20) == 2
    assert drawings_after(1) == 3
    assert drawings_after(999) == 3
    assert drawings_after(1) == 4


def test_escape_closes_a_panel_that_has_nothing_to_do(gallery_page: Page) -> None:
    """It would be a pill without words; and the page's own Escape, which ends a selection, is another one. The
    focus goes to a button that one can see: an empty gallery hides the first."""
    gallery_page.evaluate(
        """() => {
          const hidden = Object.assign(document.createElement("div"), { hidden: true });
          hidden.append(document.querySelector("[data-upload-choose]").cloneNode(true));
          document.querySelector("main").prepend(hidden);
          window.heard = 0;
          document.addEventListener("keydown", () => (window.heard += 1));
        }"""
    )
    gallery_page.get_by_role("button", name="Quality").click()
    expect(gallery_page.get_by_role("radio", name="Full")).to_be_focused()
    gallery_page.keyboard.press("Escape")
    expect(gallery_page.locator(".upload-panel")).to_be_hidden()
    expect(gallery_page.locator(".upload-pill")).to_be_hidden()
    expect(gallery_page.locator(".page-head [data-upload-choose]")).to_be_focused()
    assert gallery_page.evaluate("heard") == 0


def test_panel_that_opens_takes_the_focus_of_the_pill(gallery_page: Page, site: FakeSite) -> None:
    """Whoever folded it by keyboard and pastes more is on the pill, which goes."""
    site.plan("*", *["wait"] * 4)
    choose(gallery_page, *small(2))
    gallery_page.get_by_role("button", name="Fold the panel").click()
    expect(gallery_page.locator(".upload-pill")).to_be_focused()
    choose(gallery_page, *small(2, first=2))
    expect(gallery_page.locator(HEAD)).to_be_focused()
    site.go_on.set()


def test_grid_is_fetched_for_the_last_of_those_that_came_soon_after(clocked_page: Page) -> None:
    """Though nothing more becomes safe for a long time, and the queue is not at its end."""
    page = clocked_page
    page.clock.pause_at(page.evaluate("Date.now() + 60_000"))
    page.evaluate(
        """async () => {
          const { Refresher } = await import("/static/js/upload/refresh.js");
          window.fetches = 0;
          window.htmx = { ajax: async () => { window.fetches += 1; } };
          window.refresher = new Refresher();
        }"""
    )

    def fetches_after(milliseconds: int, stored: int = 0) -> int:
        page.evaluate("(stored) => { while (stored-- > 0) refresher.add(); }", stored)
        page.clock.run_for(milliseconds)
        return int(page.evaluate("fetches"))

    assert fetches_after(2_000, stored=3) == 1
    assert fetches_after(2_000, stored=1) == 1
    assert fetches_after(2_999) == 1
    assert fetches_after(2) == 2
    assert fetches_after(60_000) == 2
