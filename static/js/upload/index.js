// Wires the uploader of a page: finds [data-uploader], listens for files.

import { wireChoices } from "./choices.js";
import { askForFolder, createGallery } from "./destination.js";
import { listenForDrops, listenForPaste } from "./drop.js";
import { Uploader } from "./uploader.js";
import { hasPoorPicker, wireWays } from "./ways.js";

function start(root) {
  const { url, checkUrl, gallery, title } = root.dataset;
  const target = { galleryId: gallery, uploadUrl: url, checkUrl, title };
  const uploader = new Uploader(root);
  const take = async (files, folder = "", unread = []) => {
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

  wireChoices(root, (options) => Object.assign(uploader.queue.options, options));
  listenForDrops(root.querySelector('[data-part="veil"]'), take);
  listenForPaste(take);
  wireWays(root, take);
  wirePicker(root, take, uploader.panel);
  uploader.recover();
}

/** A gallery of the folder's name that lives as long as this one; should that fail, the photos come here after all. */
function makeGallery(root, folder, target) {
  const { createUrl, retention } = root.dataset;
  return createGallery(createUrl, folder.slice(0, 100), retention).catch(() => target);
}

/** The plain form becomes one button; whatever has [data-upload-choose] opens the same picker. */
function wirePicker(root, take, panel) {
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
    if (trigger.matches("[data-upload-options]")) showOptions(root, panel);
    else if (hasPoorPicker()) showWays(root, panel);
    else input.click();
  });
}

function showWays(root, panel) {
  panel.open();
  root.querySelector('[data-way="photos"]').focus();
}

function showOptions(root, panel) {
  panel.open();
  root.querySelector('[data-part="options"]').open = true;
  root.querySelector('[data-part="choices"] input:checked').focus();
}

for (const root of document.querySelectorAll('[data-uploader=""]')) start(root);
