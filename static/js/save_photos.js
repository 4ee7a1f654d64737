// "Save to photos": the phone's own sheet takes files, a few at a time, and only right after a tap. So the photos are
// fetched in batches; when fetching took longer than a tap counts, or more are left, the button asks for another tap.
import { shareFiles, takesFiles } from "./share_files.js";
import { clear, selected } from "./grid/selection.js";
import { grid } from "./grid/tiles.js";
import { say } from "./toasts.js";

const bar = document.querySelector("[data-selection]");
const button = bar?.querySelector("[data-selection-share]");
const label = button?.querySelector("[data-share-label]");
const single = document.querySelector("[data-lightbox] [data-share]");
const download = document.querySelector("[data-lightbox] [data-download]");
const PLAIN = label?.textContent;

let job = null; // what is under way for the selection: {sharing, key}
let one = null; // ... for the picture in the lightbox: {sharing, address}

function photoOf(link) {
  return { address: link.dataset.original, name: link.dataset.name };
}

function keyOf(links) {
  return links.map((link) => link.dataset.id).join();
}

/** A button that is disabled loses the focus: this one only does nothing while it is at work. */
function setBusy(one, isBusy) {
  one.setAttribute("aria-disabled", String(isBusy));
}

function isBusy(one) {
  return one.getAttribute("aria-disabled") === "true";
}

async function save() {
  if (isBusy(button)) return;
  const links = selected();
  job ??= { key: keyOf(links), sharing: shareFiles(links.map(photoOf)) };
  const mine = job;
  setBusy(button, true);
  button.dataset.holding = "";
  const state = await mine.sharing.next((done, of) => {
    label.textContent = `Getting ${done} of ${of}`;
  });
  setBusy(button, false);
  if (state.problem) say(state.problem, "warning");
  if (mine === job) show(state);
  else label.textContent = PLAIN;
  tellTaken();
}

/** What a link allows may have been used (downloads_left.js). */
function tellTaken() {
  document.dispatchEvent(new CustomEvent("photos-taken"));
}

function show(state) {
  if (state.left > 0) {
    label.textContent = state.ready ? `Save ${state.ready} now` : `Save the next ${state.left}`;
    return;
  }
  forget();
  if (state.saved && !state.problem) clear();
}

function forget() {
  job = null;
  delete button.dataset.holding;
  if (!isBusy(button)) label.textContent = PLAIN;
}

async function saveOne() {
  if (isBusy(single)) return;
  const photo = { address: download.href, name: download.dataset.name };
  if (one?.address !== photo.address) one = { address: photo.address, sharing: shareFiles([photo]) };
  setBusy(single, true);
  single.dataset.holding = "";
  const state = await one.sharing.next(() => {});
  setBusy(single, false);
  if (state.problem) say(state.problem, "warning");
  else if (state.ready) say("The photo is ready: tap again to save it.");
  if (state.left === 0) {
    one = null;
    delete single.dataset.holding;
  }
  tellTaken();
}

if (takesFiles() && button) {
  button.hidden = false;
  button.addEventListener("click", save);
  // Another selection is another job; what was fetched for this one is let go.
  grid.addEventListener("selection-changed", () => {
    if (job && job.key !== keyOf(selected())) forget();
  });
}
if (takesFiles() && single && download) {
  single.hidden = false;
  single.addEventListener("click", () => saveOne());
}
