// The grid by keyboard: arrows move, Space selects, Shift+arrows extend, Del deletes, U uploads (the map: _keys.html).
import { destination } from "./rows.js";
import { clear, isSelecting, select, selectAll, selectTo, selected, setAnchor, toggle } from "./selection.js";
import { tiles } from "./tiles.js";

const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"]);

function current() {
  return document.activeElement?.closest?.(".tile")?.querySelector("[data-id]") ?? null;
}

function firstInSight(all) {
  return all.find((link) => link.getBoundingClientRect().bottom > 0) ?? all[0];
}

function move(event) {
  const all = tiles();
  const from = current();
  if (all.length === 0 || (!from && event.key.length < 6)) return;
  event.preventDefault();
  if (!from) {
    firstInSight(all).focus();
    return;
  }
  const boxes = all.map((link) => link.getBoundingClientRect());
  const to = all[destination(boxes, all.indexOf(from), event.key)];
  to.focus();
  to.scrollIntoView({ block: "nearest" });
  if (!event.shiftKey) return;
  if (!isSelecting()) setAnchor(from);
  selectTo(to);
}

/** A key that is held deletes what was meant, not one photo after the other. */
function remove(event) {
  if (event.repeat || !document.querySelector("[data-selection-delete]")) return;
  const tile = current();
  if (selected().length === 0 && tile) select(tile);
  if (selected().length > 0) document.querySelector("[data-selection-delete]").click();
}

function act(event) {
  const tile = current();
  if (MOVES.has(event.key)) {
    if (tile || event.target === document.body) move(event);
  } else if (event.key === " " && tile) {
    event.preventDefault();
    toggle(tile);
  } else if (event.key === "Delete" || (event.key === "Backspace" && isSelecting())) {
    remove(event);
  } else if (event.key === "Escape" && isSelecting()) {
    clear();
  } else if (event.key.toLowerCase() === "u" && !event.shiftKey) {
    document.querySelector("[data-upload-choose]")?.click();
  }
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input:not([name=ids]), textarea, select, details[open]")) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key.toLowerCase() === "a" && tiles().length > 0) {
      event.preventDefault();
      selectAll();
    }
    return;
  }
  act(event);
});
