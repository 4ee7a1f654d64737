// A grid: what it does by itself comes with the page, what hands do when somebody stirs.
import "../passes.js";
import "./pictures.js";
import "./days.js";
import "./more.js";
import "./changes.js";
import { fetchHtmx } from "../late_htmx.js";
import { fetchForHands } from "../stir.js";

/** @param fetchThem imports what this page has for hands */
export function wireHands(fetchThem) {
  fetchForHands(() => Promise.all([fetchHtmx(), fetchThem()]));
}
