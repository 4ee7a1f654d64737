// A grid: what it does by itself comes with the page, what hands do when somebody stirs.
import "../passes.js";
import "./pictures.js";
import "./days.js";
import "./more.js";
import "./changes.js";
import { fetchHtmx } from "../late_htmx.js";
import { fetchForHands, onceThere, pressAfter } from "../stir.js";
import { onLongPress } from "./long_press.js";
import { grid } from "./tiles.js";

/** @param fetchThem imports what this page has for hands */
export function wireHands(fetchThem) {
  fetchForHands(() => Promise.all([fetchHtmx(), fetchThem()]));
  // A download leads nowhere, but at its press Firefox stops what is being fetched, and it fetches no module twice.
  pressAfter("a[data-takes]", fetchThem);
}

// The finger that stirs first may be one that rests on a photo: selection.js, which is told, comes after it.
if (document.querySelector("[data-selection]")) {
  onLongPress(grid, ".tile > [data-id]", (link) => {
    onceThere(link, () => link.dispatchEvent(new CustomEvent("long-press", { bubbles: true })));
  });
}
