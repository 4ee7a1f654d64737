// New pictures take their places: the first page is fetched again and merged, so that nothing that is on the page
// moves, loses its focus or its check. Asked for by "images-changed" (an action), and by the uploader through htmx.
import { joinDays } from "./days.js";
import { checkOf, countAll, grid, tileOf, tiles } from "./tiles.js";

const PAUSE = 1000; // ms from the last of several actions

let timer = 0;

function newDay(day, after) {
  const section = day.cloneNode(true);
  section.querySelector(".tiles").replaceChildren();
  if (after) after.closest(".day").after(section);
  else grid.prepend(section);
  return section;
}

function place(tile, day, after) {
  const home = after?.closest(".day");
  if (home?.dataset.day === day.dataset.day) {
    after.after(tile);
    return;
  }
  const next = after ? home.nextElementSibling : grid.querySelector(".day");
  const section = next?.dataset.day === day.dataset.day ? next : newDay(day, after);
  section.querySelector(".tiles").prepend(tile);
}

/** Says until when this tile's photo is there (seconds since 1970), and how long that is, by an element; null: for ever. */
function setEnd(tile, at, words) {
  tile.querySelector(".tile-left")?.remove();
  if (words) tile.querySelector("[data-id]").append(words);
  if (at) tile.dataset.expires = at;
  else delete tile.dataset.expires;
}

function wordsOf({ left, step }) {
  const words = document.createElement("span");
  words.className = step ? `tile-left is-shown is-${step}` : "tile-left";
  words.textContent = left;
  return words;
}

/** Tiles beyond the first page, too, learn the new ends of their photos; hideExpired (changes.js) comes with the toast. */
function setEnds({ ids, ends }) {
  if (ends.length === 0) return;
  ids.forEach((id, index) => {
    const tile = tileOf(id)?.parentElement;
    const end = ends[index];
    if (tile) setEnd(tile, end?.at, end && wordsOf(end));
  });
  grid.dispatchEvent(new CustomEvent("tiles-changed"));
}

// A grid that showed everything lacks photos beyond its first page: from there on the link to the next page brings the
// rest, what was there and what came in between. That waits for another merge while somebody is at what was there.
function continueAfter(last, more) {
  const beyond = [...grid.querySelectorAll(".tile")].filter(
    (tile) => last.compareDocumentPosition(tile) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  if (beyond.some(isInUse) || document.querySelector("[data-lightbox][open]")) return;
  for (const tile of beyond) tile.remove();
  for (const day of grid.querySelectorAll(".day")) {
    if (!day.querySelector(".tile")) day.remove();
  }
  grid.append(more);
}

function isInUse(tile) {
  return tile.contains(document.activeElement) || checkOf(tile.querySelector("[data-id]")).checked;
}

/** The class that says how wide a day is, and for how many tiles it says so. */
function widthOf(day) {
  return { count: day.querySelectorAll(".tile").length, name: day.className };
}

function merge(page) {
  const summary = page.getElementById("gallery-summary");
  if (summary) {
    summary.removeAttribute("hx-swap-oob");
    document.getElementById("gallery-summary").replaceWith(summary);
  }
  const more = page.querySelector(".more");
  const widths = new Map([...page.querySelectorAll(".day")].map((day) => [day.dataset.day, widthOf(day)]));
  let after = null;
  for (const fresh of page.querySelectorAll(".tile")) {
    const known = tileOf(fresh.querySelector("[data-id]").dataset.id)?.parentElement;
    if (known) setEnd(known, fresh.dataset.expires, fresh.querySelector(".tile-left"));
    else place(fresh, fresh.closest(".day"), after);
    after = known ?? fresh;
  }
  if (more && !grid.querySelector(".more") && tiles().length < countAll()) continueAfter(after, more);
  joinDays();
  for (const day of grid.querySelectorAll(".day")) {
    const { count, name } = widths.get(day.dataset.day) ?? widthOf(day);
    day.className = count === widthOf(day).count ? name : "day";
  }
  window.htmx.process(grid);
  window.htmx.trigger(document.body, "htmx:load", { elt: document.body });
  grid.dispatchEvent(new CustomEvent("tiles-changed"));
}

async function refresh() {
  const answer = await fetch(grid.dataset.refreshUrl, { headers: { "HX-Request": "true" } });
  if (!answer.ok) return;
  merge(parse(await answer.text()));
}

function parse(text) {
  return new DOMParser().parseFromString(text, "text/html");
}

// Whoever asks htmx for a whole new grid (the uploader does) gets the same merge.
grid.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target !== grid || !event.detail.shouldSwap) return;
  event.detail.shouldSwap = false;
  merge(parse(event.detail.xhr.responseText));
});

document.body.addEventListener("images-changed", ({ detail }) => {
  if (detail) setEnds(detail);
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE);
});
