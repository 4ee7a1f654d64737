// The lightbox: opens a tile of the grid over the page, at the address of its own that every picture has. Back closes
// it; so do Escape, a pull down and a click beside the picture. Without it that address is a page (image.html).
import { checkOf, countAll, grid, tileOf, tiles, wayToAdd } from "../grid/tiles.js";
import { askForMore } from "../grid/more.js";
import { Controls } from "./controls.js";
import { Facts } from "./facts.js";
import { listen } from "./gestures.js";
import { Stage } from "./stage.js";
import { showName } from "./name.js";
import { morph } from "./transition.js";

const NEAR_END = 6; // pictures before the last one that is loaded

const dialog = document.querySelector("[data-lightbox]");
const part = (name) => dialog.querySelector(`[data-${name}]`);
const stage = new Stage(part("stage"));
const controls = new Controls(dialog);
const facts = new Facts(dialog);
const toasts = document.getElementById("toasts");
const pageTitle = document.title;

function current() {
  return stage.current?.link ?? null;
}

function show(link) {
  place(link);
  showName(part("name"), link.dataset.name);
  part("announce").textContent = `${link.dataset.name}, ${part("place").textContent}`;
  const download = part("download"); // A visitor may have none.
  if (download) {
    download.href = link.dataset.original;
    download.dataset.name = link.dataset.name;
  }
  document.title = link.dataset.name;
}

/** Puts the picture between its neighbours; also when only these, or its facts, may have changed. */
function place(link) {
  const all = tiles();
  const index = all.indexOf(link);
  stage.show(all[index - 1] ?? null, link, all[index + 1] ?? null);
  const total = document.querySelector("[data-more]") ? countAll() : all.length;
  part("place").textContent = `${index + 1} of ${Math.max(total, all.length)}`;
  part("previous").disabled = index <= 0;
  part("next").disabled = index >= all.length - 1;
  facts.load(link);
  if (index >= all.length - NEAR_END) askForMore();
}

/** Shows another picture. The address follows, so that Back always closes. */
function turnTo(link) {
  show(link);
  history.replaceState({ lightbox: link.dataset.id }, "", link.href);
}

/** Moves by one; false at an end. */
function step(by) {
  const all = tiles();
  const link = all[all.indexOf(current()) + by];
  if (!link) return false;
  turnTo(link);
  controls.wake();
  return true;
}

function open(link) {
  const change = () => {
    dialog.append(toasts); // What lies outside an open dialog can neither be seen nor reached.
    dialog.showModal();
    dialog.focus();
    show(link);
    controls.wake();
  };
  morph(link, change, () => stage.current?.frame);
}

let hasKeys = false; // it is keys that move here: Firefox marks what a script focuses after a click only when told to

for (const name of ["keydown", "pointerdown"]) {
  dialog.addEventListener(name, () => {
    hasKeys = name === "keydown";
  });
}

function closeNow() {
  const link = current();
  const frame = stage.current?.frame;
  const change = () => {
    facts.close();
    controls.stop();
    document.body.append(toasts);
    dialog.close();
    stage.clear();
    document.title = pageTitle;
    if (!link || link.parentElement.hidden) return wayToAdd()?.focus();
    link.scrollIntoView({ block: "nearest" });
    link.focus({ preventScroll: true, focusVisible: hasKeys || undefined });
  };
  morph(frame, change, () => (link?.parentElement.hidden ? null : link));
}

let isGoingBack = false;

/** Pressed twice before the browser has gone back, it must not go back twice: that would leave the page. */
function close() {
  if (isGoingBack) return;
  isGoingBack = Boolean(history.state?.lightbox);
  if (isGoingBack) history.back();
  else if (dialog.open) closeNow();
}

const leaving = new Set(); // ids of photos whose deletion has no answer yet: each is asked for once

/** What is asked for while another one is under way waits for its turn (hx-sync on the button). */
function remove() {
  const source = part("delete"); // A visitor has none.
  const { id } = current().dataset;
  if (!source || leaving.has(id)) return;
  leaving.add(id);
  const values = { action: "delete", ids: id };
  const asked = window.htmx.ajax("POST", dialog.dataset.imagesUrl, {
    source,
    target: toasts,
    swap: "beforeend",
    values,
  });
  asked.catch(() => {}); // no line: toasts.js says so
}

part("delete")?.addEventListener("htmx:afterRequest", ({ detail }) => {
  leaving.delete(detail.requestConfig.parameters.ids);
});

grid.addEventListener("click", (event) => {
  const link = event.target.closest("[data-id]");
  const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || event.defaultPrevented || !isPlain || checkOf(link).checked) return;
  event.preventDefault();
  history.pushState({ lightbox: link.dataset.id }, "", link.href);
  open(link);
});

window.addEventListener("popstate", (event) => {
  isGoingBack = false;
  const id = event.state?.lightbox;
  const link = id && tileOf(id);
  if (!id && dialog.open) closeNow();
  else if (link && dialog.open) show(link);
  else if (link) open(link);
  else if (id) location.reload();
});

dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  close();
});

dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches("[data-close]")) close();
  else if (button.matches("[data-previous]")) step(-1);
  else if (button.matches("[data-next]")) step(1);
  else if (button.matches("[data-facts-toggle]")) facts.toggle(current());
  else if (button.matches("[data-delete]")) remove();
});

const KEYS = {
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  Delete: remove,
  i: () => facts.toggle(current()),
  "+": () => stage.zoom(1.5),
  "=": () => stage.zoom(1.5),
  "-": () => stage.zoom(1 / 1.5),
  0: () => stage.whole(),
};

dialog.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, .toast")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  if (event.key !== "Delete" || !event.repeat) act();
});

listen(stage, {
  onStep: step,
  onClose: close,
  onTap: (event) => {
    if (event.pointerType === "touch") controls.toggle();
    else if (!document.elementFromPoint(event.clientX, event.clientY)?.closest(".slide-frame")) close();
  },
});

// The picture at hand was removed (or its time was up): the next one, or the one before, or back to the grid.
grid.addEventListener("tiles-changed", () => {
  const link = current();
  if (!dialog.open || !link) return;
  if (!link.parentElement.hidden) {
    place(link);
    return;
  }
  const all = [...grid.querySelectorAll("[data-id]")];
  const from = all.indexOf(link);
  const isFree = (other) => !other.parentElement.hidden;
  const next = all.slice(from).find(isFree) ?? all.slice(0, from).findLast(isFree);
  if (!next) return close();
  turnTo(next);
});

// Whoever takes a deletion back wants to see what came back.
document.body.addEventListener("images-restored", ({ detail }) => {
  const link = tileOf(detail.ids[0]);
  if (dialog.open && link) turnTo(link);
});

grid.addEventListener("htmx:afterSettle", () => {
  if (dialog.open && current()) place(current()); // among new tiles
});
