// Selecting: the checks of the tiles are the state, the bar shows it. Click on a check, long press, shift-click for a
// range; while anything is selected a click on a tile selects it too. A page without the bar has nothing to select for.
import { loadAll } from "./more.js";
import { checkOf, grid, tileOf, tiles } from "./tiles.js";

const bar = document.querySelector("[data-selection]");
const counter = bar?.querySelector("[data-selection-count]");
let anchor = ""; // the image that ranges begin at

/** A link whose downloads are used up while its page is open takes the bar away. */
function canSelect() {
  return bar !== null && !bar.hidden;
}

export function selected() {
  return tiles().filter((link) => checkOf(link).checked);
}

function show() {
  if (!bar) return;
  const count = selected().length;
  document.documentElement.toggleAttribute("data-selecting", count > 0);
  counter.textContent = count ? `${count} selected` : "";
  for (const link of tiles()) {
    if (count) link.setAttribute("aria-description", checkOf(link).checked ? "selected" : "not selected");
    else link.removeAttribute("aria-description");
  }
  grid.dispatchEvent(new CustomEvent("selection-changed"));
}

export function select(link, on = true) {
  if (!canSelect()) return;
  checkOf(link).checked = on;
  anchor = link.dataset.id;
  show();
}

export function toggle(link) {
  select(link, !checkOf(link).checked);
}

/** Selects from the anchor to this tile; the anchor stays. */
export function selectTo(link) {
  if (!canSelect()) return;
  const all = tiles();
  const from = Math.max(all.indexOf(tileOf(anchor)), 0);
  const to = all.indexOf(link);
  for (const each of all.slice(Math.min(from, to), Math.max(from, to) + 1)) checkOf(each).checked = true;
  show();
}

export function setAnchor(link) {
  anchor = link.dataset.id;
}

/** Selects all photos of the gallery, those too that are not on the page yet: these are fetched first. */
export async function selectAll() {
  if (!canSelect()) return;
  await loadAll();
  for (const link of tiles()) checkOf(link).checked = true;
  show();
}

export function clear() {
  for (const link of tiles()) checkOf(link).checked = false;
  show();
}

export function isSelecting() {
  return document.documentElement.hasAttribute("data-selecting");
}

// Registered before the lightbox, which leaves alone what is prevented here.
grid.addEventListener("click", (event) => {
  const check = event.target.closest('input[name="ids"]');
  const link = (check ?? event.target).closest(".tile")?.querySelector("[data-id]");
  if (!link || event.ctrlKey || event.metaKey) return;
  if (check) {
    if (event.shiftKey && anchor && check.checked) selectTo(link);
    else select(link, check.checked);
  } else if (event.target.closest("[data-id]") && (isSelecting() || (canSelect() && event.shiftKey))) {
    event.preventDefault();
    if (event.shiftKey && anchor) selectTo(link);
    else toggle(link);
  }
});

grid.addEventListener("long-press", ({ target }) => {
  toggle(target);
  navigator.vibrate?.(10);
});

bar?.querySelector("[data-selection-clear]").addEventListener("click", () => {
  const first = selected()[0];
  clear();
  first?.focus({ preventScroll: true });
});

// Long press is not in sight: this is, where there is anything to select for.
for (const button of document.querySelectorAll("[data-select-all]")) {
  button.addEventListener("click", async () => {
    leaveMenu(button);
    button.disabled = true;
    await selectAll();
    button.disabled = false;
  });
}

// Everything as one zip has an address of its own, and no limit to how much one selection may hold.
bar?.addEventListener("submit", (event) => {
  const isAll = selected().length === tiles().length && !document.querySelector("[data-more]");
  if (event.submitter?.value !== "download" || !isAll) return;
  event.preventDefault();
  location.assign(bar.dataset.zipUrl);
});

function leaveMenu(item) {
  const menu = item.closest("details[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}

// What is pressed twice is sent twice, the second time when the first is done: nothing may be selected by then.
bar?.addEventListener("htmx:configRequest", (event) => {
  if (selected().length === 0) event.preventDefault();
});

bar?.addEventListener("htmx:afterRequest", (event) => leaveMenu(event.target));

for (const check of grid.querySelectorAll('input[name="ids"]')) check.tabIndex = -1;
document.body.addEventListener("htmx:load", () => {
  for (const check of grid.querySelectorAll('input[name="ids"]')) check.tabIndex = -1;
});
grid.addEventListener("tiles-changed", show);
show(); // A page that the browser brought back keeps its checks.
