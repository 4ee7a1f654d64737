// Wires the uploader of a page: finds [data-uploader], listens for files. What takes them (desk.js) and what sends them,
// forty modules, is none of the first screen's: it is fetched when somebody stirs, or when this device may hold photos that
// are still to send.

import { once } from "../once.js";
import { fetchForHands, stir } from "../stir.js";
import { listenForDrops, listenForPaste } from "./drop.js";
import { hasStore } from "./store_name.js";
import { hasPoorPicker } from "./ways.js";

const NOT_FETCHED =
  "The photos could not be added, because the connection is gone. Load the page again when it is back, and choose them again.";

function start(root) {
  const open = once(async () => {
    const { Desk } = await import("./desk.js");
    return new Desk(root, { take, tellNotFetched });
  });
  const reach = () => {
    stir(); // whoever sends also needs what shows it in the grid
    return open();
  };
  const take = async (...chosen) => (await reach().catch(tellNotFetched))?.take(...chosen);
  const showWays = async () => (await reach().catch(tellNotFetched))?.showWays();

  listenForDrops(root.querySelector('[data-part="veil"]'), take);
  listenForPaste(take);
  listenForPress(root.querySelector("form"), showWays);
  listenForChoice(root.querySelector("form"), take);
  takeEarly(take);
  fetchForHands(open); // should that fail, it is asked for again when it is needed, and told then
  recover(root, reach);
}

/** Whatever has [data-upload-choose] opens the same picker, in the press itself: Safari opens none later. */
function listenForPress(form, showWays) {
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-upload-choose]")) return;
    event.preventDefault(); // a link to the plain form
    if (hasPoorPicker()) showWays();
    else form.querySelector("input[type=file]").click();
  });
}

/** The plain form, of which [data-upload-choose] opens the picker. */
function listenForChoice(form, take) {
  const input = form.querySelector("input[type=file]");
  input.addEventListener("change", () => {
    take([...input.files]);
    form.reset();
  });
}

/** Choosers that lie over the links to the form until now: what was chosen in them, and in a picker that is still open. */
function takeEarly(take) {
  for (const input of document.querySelectorAll("[data-upload-early]")) {
    const takeChosen = () => {
      const files = [...input.files];
      input.value = "";
      if (files.length > 0) take(files);
    };
    input.hidden = true;
    input.addEventListener("change", takeChosen);
    takeChosen();
  }
}

async function recover(root, reach) {
  if (!(await hasStore())) root.dataset.recovered = 0;
  else (await reach()).recover();
}

async function tellNotFetched() {
  const { say } = await import("../toasts.js"); // every page has it already
  say(NOT_FETCHED, "error");
}

for (const root of document.querySelectorAll('[data-uploader=""]')) {
  start(root);
  root.dataset.uploader = "ready";
}
