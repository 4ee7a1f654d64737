// A day that goes on over the end of a page: its second half joins the first, so that no date stands twice.
import { grid } from "./tiles.js";

export function joinDays() {
  let before = null;
  for (const day of grid.querySelectorAll(".day")) {
    if (before?.dataset.day === day.dataset.day) {
      before.querySelector(".tiles").append(...day.querySelectorAll(".tile"));
      before.className = "day"; // Its class told the width of a half.
      day.remove();
    } else {
      before = day;
    }
  }
}

grid.addEventListener("htmx:afterSwap", joinDays);
