"""The panel's own parts in Chromium, on items and clocks that are made up."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

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
