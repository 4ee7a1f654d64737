// Has the grid fetched again while the rest is on its way. The grid's own script (static/js/grid/refresh.js) merges what
// comes, so that nothing moves under a person's hands.

import { fetchHtmx } from "../late_htmx.js";

/** Photos that become safe in so many milliseconds come together. */
const PAUSE = 2_000;
/** Least time between two fetches of the grid, in milliseconds. */
const GRID_PAUSE = 5_000;

export class Refresher {
  #timer = 0;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #isStale = false;

  /** A photo is safe; the grid will show it soon. */
  add() {
    this.#isStale = true;
    this.#timer ||= setTimeout(() => this.flush(), PAUSE);
  }

  /** `isLast`: nothing more is coming, so the grid is fetched even if it was a moment ago. */
  flush(isLast = false) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#isStale) return;
    const rest = this.#fetchedAt + GRID_PAUSE - performance.now();
    if (isLast || rest <= 0) this.#fetchGrid();
    else this.#timer = setTimeout(() => this.flush(), rest);
  }

  async #fetchGrid() {
    const grid = document.querySelector("#grid");
    if (!grid) return;
    this.#isStale = false;
    this.#fetchedAt = performance.now();
    // Not the window's address: while the lightbox is open that is a photo's.
    const address = grid.dataset.refreshUrl ?? location.pathname + location.search;
    try {
      const htmx = window.htmx ?? (await fetchHtmx());
      await htmx.ajax("GET", address, { target: "#grid", swap: "innerHTML" });
    } catch {
      this.#isStale = true; // no line: once more when it is back, or with the next photo that is safe
    }
  }
}
