// What the server says it did to images, and what the clock does: tiles go and come back without a new page.
import { serverSeconds } from "../server_clock.js";
import { grid, setHidden, tileOf, tiles, wayToAdd } from "./tiles.js";

const LONGEST = 2 ** 31 - 1; // ms that a timer can wait

function focusNear(ids) {
  const all = [...grid.querySelectorAll("[data-id]")];
  const first = all.findIndex((link) => ids.includes(link.dataset.id));
  const isFree = (link) => !link.parentElement.hidden;
  const next = all.slice(first).find(isFree) ?? all.slice(0, Math.max(first, 0)).findLast(isFree);
  (next ?? wayToAdd())?.focus({ preventScroll: true });
}

document.body.addEventListener("images-removed", ({ detail }) => {
  const hadFocus = !document.querySelector("dialog[open]");
  setHidden(detail.ids, true);
  if (hadFocus) focusNear(detail.ids);
});

document.body.addEventListener("images-restored", ({ detail }) => {
  setHidden(detail.ids, false);
  if (!document.querySelector("dialog[open]")) tileOf(detail.ids[0])?.focus();
});

// From the second of its end a picture is gone, also from a page that stays open.
let timer = 0;
function hideExpired() {
  clearTimeout(timer);
  const now = serverSeconds();
  const ends = tiles().map((link) => ({
    id: link.dataset.id,
    at: Number(link.parentElement.dataset.expires) || Infinity,
  }));
  const gone = ends.filter(({ at }) => at <= now).map(({ id }) => id);
  if (gone.length > 0) setHidden(gone, true);
  const next = Math.min(...ends.filter(({ at }) => at > now).map(({ at }) => at));
  if (Number.isFinite(next)) timer = setTimeout(hideExpired, Math.min((next - now) * 1000 + 50, LONGEST));
}

hideExpired();
document.body.addEventListener("htmx:load", hideExpired);
document.addEventListener("visibilitychange", hideExpired);
