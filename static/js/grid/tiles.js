// The tiles of the grid as the other modules see them: links, in the order of the page, hidden ones left out.

export const grid = document.querySelector("[data-grid]");

export function tiles() {
  return [...grid.querySelectorAll(".tile:not([hidden]) > [data-id]")];
}

/** How many photos the gallery holds, on this page or not, as the server said last. */
export function countAll() {
  return Number(document.getElementById("gallery-summary").dataset.count);
}

export function tileOf(id) {
  return document.getElementById(`tile-${id}`);
}

export function checkOf(link) {
  return link.parentElement.querySelector('input[name="ids"]');
}

/** What has the focus where no photo is left: a visitor has none. */
export function wayToAdd() {
  return document.querySelector(".grid-empty [data-upload-choose]");
}

/** Hides or shows the tiles of these images; a hidden one stays in the page, for undo, and is never selected. */
export function setHidden(ids, hidden) {
  for (const link of ids.map(tileOf).filter(Boolean)) {
    link.parentElement.hidden = hidden;
    if (hidden) checkOf(link).checked = false;
  }
  grid.dispatchEvent(new CustomEvent("tiles-changed"));
}
