// <time datetime data-local="gone on">: the server wrote UTC, the person reads their own clock. The attribute's value
// is what stands before the time.
import { localWords } from "./time_words.js";

export function localise(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    const instant = new Date(time.dateTime);
    if (Number.isNaN(instant.getTime())) continue;
    time.textContent = `${time.dataset.local} ${localWords(instant, new Date())}`.trim();
  }
}

localise(document);
document.body.addEventListener("htmx:afterSwap", (event) => localise(event.detail.target));
document.body.addEventListener("htmx:load", (event) => localise(event.detail.elt));
document.body.addEventListener("htmx:oobAfterSwap", (event) => localise(event.target));
