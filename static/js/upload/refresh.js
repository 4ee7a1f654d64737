// Tells the page that photos are safe, and has the grid fetched again while the rest is on its way. The grid's own
// script (static/js/grid/refresh.js) merges what comes, so that nothing moves under a person's hands.

/** Least time between two "upload:stored" events, and between two fetches of the grid, in milliseconds. */
const EVENT_PAUSE = 2_000;
const GRID_PAUSE = 5_000;

export class Refresher {
  #ids = [];
  #timer = 0;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #isStale = false;

  constructor(galleryId) {
    this.galleryId = galleryId;
  }

  /** A photo is safe; tell the page soon. */
  add(id) {
    this.#ids.push(id);
    this.#timer ||= setTimeout(() => this.flush(), EVENT_PAUSE);
  }

  /** Tell the page now. `isLast`: nothing more is coming, so the grid is fetched even if it was a moment ago. */
  flush(isLast = false) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#ids.length > 0) {
      const detail = { galleryId: this.galleryId, ids: this.#ids.splice(0) };
      document.dispatchEvent(new CustomEvent("upload:stored", { detail }));
      this.#isStale = true;
    }
    if (this.#isStale && (isLast || performance.now() - this.#fetchedAt >= GRID_PAUSE)) this.#fetchGrid();
  }

  #fetchGrid() {
    const grid = document.querySelector("#grid");
    if (!grid || !window.htmx) return;
    this.#isStale = false;
    this.#fetchedAt = performance.now();
    // Not the window's address: while the lightbox is open that is a photo's.
    const address = grid.dataset.refreshUrl ?? location.pathname + location.search;
    window.htmx.ajax("GET", address, { target: "#grid", swap: "innerHTML" });
  }
}
