// Pictures are fetched with a pass that ends (DESIGN section 5). A page that stays open gets a fresh one in time, when
// it becomes visible again, and once when a picture fails; what is loaded already is left alone.
import { imageOf, withQuery, withQueries } from "./pass_addresses.js";
import { serverSeconds } from "./server_clock.js";

const EARLY = 60; // seconds before the end
const AGAIN = 30; // seconds after a failure
const TOGETHER = 300; // ms in which failing pictures share one question
const MOST = 80; // ids of 33 characters: the address stays under the 4,094 bytes that gunicorn reads
const holder = document.querySelector("[data-pass-url]");

let running = null;
let timer = 0;

function rewrite(fresh) {
  const query = (address) => fresh.query || fresh.queries?.[imageOf(address)];
  for (const link of document.querySelectorAll("[data-preview]")) {
    link.dataset.preview = withQuery(link.dataset.preview, query(link.dataset.preview));
  }
  for (const picture of document.querySelectorAll("img[src]")) {
    if (picture.naturalWidth > 0 || picture.dataset.retried === "done" || !imageOf(picture.src)) continue;
    if (picture.dataset.retried) picture.dataset.retried = "done"; // This is its second and last try.
    if (picture.srcset) picture.srcset = withQueries(picture.srcset, query(picture.src));
    picture.src = withQuery(picture.getAttribute("src"), query(picture.src));
  }
}

/** Who needs a pass of their own when the gallery has no common one: what failed first, then what is not loaded. */
function waiting() {
  const pictures = [...document.querySelectorAll("img[src]")].filter((picture) => picture.naturalWidth === 0);
  pictures.sort(
    (one, other) => Number(Boolean(other.dataset.retried)) - Number(Boolean(one.dataset.retried)),
  );
  return [...new Set(pictures.map((picture) => imageOf(picture.src)).filter(Boolean))].slice(0, MOST);
}

async function fetchPass() {
  try {
    const address = new URL(holder.dataset.passUrl, location.href);
    address.searchParams.set("ids", waiting().join(","));
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (answer.status === 410) location.reload(); // A link that ended says so.
    if ([403, 404, 410].includes(answer.status)) return; // Gone, or not for us any more: nothing to ask for.
    if (!answer.ok) throw new Error(`pass: ${answer.status}`);
    const fresh = await answer.json();
    holder.dataset.passUntil = fresh.until;
    rewrite(fresh);
    schedule();
  } catch {
    timer = setTimeout(refresh, AGAIN * 1000);
  }
}

function refresh() {
  clearTimeout(timer);
  running ??= fetchPass().finally(() => {
    running = null;
  });
  return running;
}

function schedule() {
  clearTimeout(timer);
  const rest = Number(holder.dataset.passUntil) - EARLY - serverSeconds();
  timer = setTimeout(refresh, Math.max(rest, 5) * 1000);
}

function isStale() {
  return Number(holder.dataset.passUntil) - EARLY <= serverSeconds();
}

if (holder && Number(holder.dataset.passUntil)) {
  schedule();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && isStale()) refresh();
  });
  // Errors of pictures do not bubble: they are caught on the way down. Each picture asks once.
  document.addEventListener(
    "error",
    (event) => {
      const picture = event.target;
      if (!(picture instanceof HTMLImageElement) || !imageOf(picture.src) || picture.dataset.retried) return;
      picture.dataset.retried = "asked";
      clearTimeout(timer);
      timer = setTimeout(refresh, TOGETHER);
    },
    true,
  );
}
