// Wires the uploader of a page: finds [data-uploader], listens for files. The uploader itself, forty modules, is none of the
// first screen's: it is fetched when somebody stirs, or when this device may hold photos that are still to send.

import { wireChoices } from "./choices.js";
import { askForFolder, createGallery } from "./destination.js";
import { listenForDrops, listenForPaste } from "./drop.js";
import { hasStore } from "./store_name.js";
import { hasPoorPicker, wireWays } from "./ways.js";

const STIRS = ["pointermove", "pointerdown", "keydown", "scroll", "dragenter"];
const NOT_FETCHED =
  "The photos could not be added, because the connection is gone. Load the page again when it is back, and choose them again.";

function start(root) {
  const { url, checkUrl, gallery, title } = root.dataset;
  const target = { galleryId: gallery, uploadUrl: url, checkUrl, title };
  const options = {};
  const reach = once(async () => {
    const { Uploader } = await import("./uploader.js");
    return new Uploader(root, options);
  });
  const take = async (files, folder = "", unread = []) => {
    const uploader = await reach().catch(tellNotFetched);
    if (!uploader) return;
    uploader.noteUnread(unread);
    if (files.length === 0) return;
    if (!folder || folder === title) return uploader.add(files, target);
    const isNew = await askForFolder(root.querySelector('[data-part="where"]'), {
      folder,
      count: files.length,
    });
    if (isNew === null) return;
    uploader.add(files, isNew ? await makeGallery(root, folder, target) : target);
  };

  wireChoices(root, (chosen) => Object.assign(options, chosen));
  listenForDrops(root.querySelector('[data-part="veil"]'), take);
  listenForPaste(take);
  wireWays(root, take);
  wirePicker(root, take, () => reach().then(({ panel }) => panel.open(), tellNotFetched));
  fetchAtFirstStir();
  recover(root, reach);
}

/** Calls `make` at the first call, and again only after it failed. */
function once(make) {
  let made = null;
  return () => {
    made ??= make().catch((error) => {
      made = null;
      throw error;
    });
    return made;
  };
}

/** Everybody does before they choose photos; whoever only looks in gets the first screen alone. */
function fetchAtFirstStir() {
  const fetchNow = () => {
    for (const stir of STIRS) removeEventListener(stir, fetchNow, true);
    import("./uploader.js").catch(() => {}); // it is asked for again when it is needed, and told then
  };
  for (const stir of STIRS) addEventListener(stir, fetchNow, { capture: true, passive: true });
}

async function recover(root, reach) {
  if (!(await hasStore())) root.dataset.recovered = 0;
  else (await reach()).recover();
}

async function tellNotFetched() {
  const { say } = await import("../toasts.js"); // every page has it already
  say(NOT_FETCHED, "error");
}

/** A gallery of the folder's name that lives as long as this one; should that fail, the photos come here after all. */
function makeGallery(root, folder, target) {
  const { createUrl, retention } = root.dataset;
  return createGallery(createUrl, folder.slice(0, 100), retention).catch(() => target);
}

/** The plain form becomes one button; whatever has [data-upload-choose] opens the same picker. */
function wirePicker(root, take, openPanel) {
  const form = root.querySelector("form");
  const input = form.querySelector("input[type=file]");
  root.dataset.uploader = "ready";
  input.addEventListener("change", () => {
    take([...input.files]);
    form.reset();
  });
  document.addEventListener("click", (event) => {
    const trigger = event.target.closest?.("[data-upload-choose], [data-upload-options]");
    if (!trigger) return;
    event.preventDefault(); // a link to the plain form
    if (trigger.matches("[data-upload-options]")) showOptions(root, openPanel);
    else if (hasPoorPicker()) showWays(root, openPanel);
    else input.click();
  });
}

async function showWays(root, openPanel) {
  await openPanel();
  root.querySelector('[data-way="photos"]').focus();
}

async function showOptions(root, openPanel) {
  await openPanel();
  root.querySelector('[data-part="options"]').open = true;
  root.querySelector('[data-part="choices"] input:checked').focus();
}

for (const root of document.querySelectorAll('[data-uploader=""]')) start(root);
