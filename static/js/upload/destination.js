// A new gallery for photos that have none: made by the site's own form.

import { readToken } from "./token.js";
import { countPhotos } from "./words.js";

/**
 * @returns the target {galleryId, title, galleryUrl, uploadUrl, checkUrl}; rejects with an error whose `sentence` may be
 *   shown
 */
export async function createGallery(url, title, retention) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": readToken() },
    body: new URLSearchParams({ title, retention }),
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.status === 201) return said;
  const sentence = answer.redirected ? "You are no longer signed in." : said.detail;
  throw Object.assign(new Error(`No gallery: ${answer.status}`), { sentence });
}

let lastAnswer = Promise.resolve();

/**
 * Asks whether a folder becomes a gallery of its own: true, false, or null when the person thinks better of it. There
 * is one dialog: a folder that is dropped while it is open has its turn after that.
 */
export function askForFolder(dialog, drop) {
  lastAnswer = lastAnswer.then(() => ask(dialog, drop));
  return lastAnswer;
}

function ask(dialog, { folder, count }) {
  dialog.querySelector("[data-folder]").textContent = folder;
  dialog.querySelector("[data-count]").textContent = countPhotos(count).replace("photo", "file");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const answers = { here: false, new: true };
    dialog.addEventListener("close", () => resolve(answers[dialog.returnValue] ?? null), { once: true });
  });
}
