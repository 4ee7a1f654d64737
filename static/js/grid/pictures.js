// Placeholders fade into pictures. Only what is not there yet when this runs is faded: without this script, or when it
// comes late, pictures simply appear.
import { grid } from "./tiles.js";

function prepare(root) {
  for (const picture of root.querySelectorAll(".tile-over")) {
    if (!picture.complete) picture.dataset.loading = "";
  }
}

function settle(event) {
  const picture = event.target;
  if (!picture.classList?.contains("tile-over")) return;
  delete picture.dataset.loading;
  picture.toggleAttribute("data-failed", event.type === "error");
}

grid.addEventListener("load", settle, true);
grid.addEventListener("error", settle, true);
prepare(grid);
document.body.addEventListener("htmx:load", (event) => prepare(event.detail.elt));

const SOON = 1000; // ms after a navigation began: a page that it left is most often gone by then

// Firefox stops what a page still loads as soon as a navigation begins, also when its answer is a file to save and the page
// stays. Pictures are told nothing, not even of an error (passes.js): those that did not come are asked for again.
function askAgain() {
  for (const picture of document.querySelectorAll("img[src]")) {
    const { src } = picture;
    if (picture.complete && picture.naturalWidth === 0) picture.src = src;
  }
}

addEventListener("beforeunload", () => setTimeout(askAgain, SOON));
