// "Save to photos": the phone's own sheet takes files, a few at a time, and only right after a tap. So the photos are
// fetched in batches; when fetching took longer than a tap counts, or more are left, the button asks for another tap.
import { shareFiles, takesFiles } from "./share_files.js";
import { clear, selected } from "./grid/selection.js";
import { say } from "./toasts.js";

const bar = document.querySelector("[data-selection]");
const button = bar?.querySelector("[data-selection-share]");
const label = button?.querySelector("[data-share-label]");
const single = document.querySelector("[data-lightbox] [data-share]");
const download = document.querySelector("[data-lightbox] [data-download]");
const PLAIN = label?.textContent;

let job = null; // what is under way: {sharing, key}

function photoOf(link) {
  return { address: link.dataset.original, name: link.dataset.name };
}

async function save() {
  const links = selected();
  const key = links.map((link) => link.dataset.id).join();
  if (job?.key !== key) job = { key, sharing: shareFiles(links.map(photoOf)) };
  button.disabled = true;
  const state = await job.sharing.next((done, of) => {
    label.textContent = `Getting ${done} of ${of}`;
  });
  button.disabled = false;
  show(state);
}

function show(state) {
  if (state.left > 0 && !state.problem) {
    label.textContent = state.ready ? `Save ${state.ready} now` : `Save the next ${state.left}`;
    return;
  }
  label.textContent = PLAIN;
  job = null;
  if (state.problem) say(state.problem, "warning");
  else if (state.saved) clear();
}

async function saveOne() {
  single.disabled = true;
  const sharing = shareFiles([{ address: download.href, name: download.dataset.name }]);
  const state = await sharing.next(() => {});
  single.disabled = false;
  if (state.problem) say(state.problem, "warning");
  else if (state.ready) {
    single.addEventListener("click", () => sharing.next(() => {}), { once: true });
    say("The photo is ready: tap again to save it.");
  }
}

if (takesFiles() && button) {
  button.hidden = false;
  button.addEventListener("click", save);
  bar.closest("body").addEventListener("change", () => {
    if (!button.disabled) label.textContent = PLAIN;
  });
}
if (takesFiles() && single && download) {
  single.hidden = false;
  single.addEventListener("click", () => saveOne());
}
