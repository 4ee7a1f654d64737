// The next page of the grid is fetched well before its end is in sight.
import { fetchHtmx } from "../late_htmx.js";

const AHEAD = "1500px";

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) askForMore(target);
    }
  },
  { rootMargin: `${AHEAD} 0px` },
);

/** Fetches the next page, when there is one; also called by the lightbox near the last picture. */
export async function askForMore(link = document.querySelector("[data-more]")) {
  if (!link || link.classList.contains("htmx-request")) return;
  const htmx = await fetchHtmx();
  htmx.trigger(link, "more");
}

/** Fetches all pages that are left; ends at the first one that does not load. */
export async function loadAll() {
  const find = () => document.querySelector("[data-more]");
  for (let link = find(); link; link = find()) {
    const over = new AbortController();
    const answered = new Promise((resolve) => {
      for (const name of ["htmx:afterSettle", "htmx:sendError", "htmx:responseError"]) {
        document.body.addEventListener(name, resolve, { signal: over.signal });
      }
    });
    askForMore(link);
    await answered;
    over.abort();
    if (link.isConnected && !link.classList.contains("htmx-request")) return;
  }
}

function watch(root) {
  for (const link of root.querySelectorAll("[data-more]")) watcher.observe(link);
}

function failed({ target, detail }) {
  if (!target.matches?.("[data-more]")) return;
  if (detail.xhr?.status === 410)
    location.reload(); // A link that ended says so.
  else target.textContent = "That did not load. Try again";
}

watch(document);
document.body.addEventListener("htmx:load", (event) => watch(event.detail.elt.parentElement ?? document));
document.body.addEventListener("htmx:sendError", failed);
document.body.addEventListener("htmx:responseError", failed);
