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
