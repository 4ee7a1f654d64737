// Photos that another app shared: asked where they go, then handed to that gallery's page, which sends them.

import { createGallery } from "./destination.js";
import { nameTab } from "./tabs.js";
import { readPerson } from "./token.js";
import { newKey } from "./transport.js";
import { Vault } from "./vault.js";
import { countPhotos } from "./words.js";

const root = document.querySelector("[data-share]");
const form = root.querySelector("[data-share-form]");
const words = root.querySelector("[data-share-words]");
const fresh = root.querySelector("[data-share-new]");
const buttons = form.querySelectorAll("button");
const targets = JSON.parse(document.getElementById("share-targets").textContent);
const vault = new Vault({ person: readPerson() });

let shown = []; // keys of the photos that the page speaks of
let made = null; // {wish, target}: the gallery of a try that found no room for the photos

async function show() {
  const shared = await vault.listShared().catch(() => []);
  shown = shared.map(({ key }) => key);
  for (const button of buttons) button.disabled = shared.length === 0;
  if (shared.length > 0) words.textContent = `${countPhotos(shared.length)} from another app.`;
  else
    words.textContent =
      "Nothing waits here. Share photos with this site from another app, or add them in a gallery.";
}

/** All at once or, when the device has no room for them, none: a second try would add the first ones again. */
async function move(shared, target) {
  const tab = await nameTab({ newName: newKey });
  const batch = { id: newKey(), total: shared.length };
  const records = shared.map(({ name, file }, order) => {
    return { key: newKey(), batch, target, name, size: file.size, sourceSha256: "", order, tab, file };
  });
  const keys = shared.map(({ key }) => key); // no others: meanwhile more may have been shared, into another window
  await vault.moveShared(keys, records);
  location.assign(`${target.galleryUrl}#continue`);
}

async function makeOnce(title, retention) {
  const wish = `${retention} ${title}`;
  if (made?.wish !== wish) {
    made = { wish, target: await createGallery(root.dataset.createUrl, title, retention) };
  }
  return made.target;
}

form.elements.gallery.addEventListener("change", ({ target }) => {
  fresh.hidden = target.value !== "";
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { gallery, title, retention } = form.elements;
  for (const button of buttons) button.disabled = true;
  try {
    const shared = await vault.listShared();
    if (shared.length === 0) return await show(); // forgotten in another window: an empty gallery would be left
    await move(shared, targets[gallery.value] ?? (await makeOnce(title.value, retention.value)));
  } catch (error) {
    await show();
    words.textContent = error.sentence ?? "That did not work. The photos are still here. Try again.";
  }
});

root.querySelector("[data-share-forget]").addEventListener("click", async () => {
  await vault.clearShared(shown);
  await show();
});

show();
