// Where a link allows so many downloads: how many are left is asked again when one has begun here, and when the page comes
// back to the front. With none left the page offers none, like one that is opened then.
import { say } from "./toasts.js";

const SOON = [1000, 5000]; // ms after the press: the answer is counted when it begins, on a slow line later
const line = document.getElementById("downloads-left");

async function ask() {
  const answer = await fetch(line.dataset.leftUrl).catch(() => null); // no line: the next time
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("downloads-left");
  if (!fresh || fresh.dataset.left === line.dataset.left) return;
  if (fresh.dataset.left === "0" && document.querySelector("[data-holding]")) return; // what was fetched may still be saved
  line.dataset.left = fresh.dataset.left;
  line.textContent = fresh.textContent;
  if (line.dataset.left === "0") offerNothing();
}

function offerNothing() {
  const grid = document.querySelector("[data-grid]");
  for (const check of grid.querySelectorAll('input[name="ids"]')) check.checked = false;
  grid.dataset.lookOnly = "";
  grid.dispatchEvent(new CustomEvent("tiles-changed"));
  const focused = document.activeElement.closest("[data-takes]");
  for (const each of document.querySelectorAll("[data-takes]")) each.hidden = true;
  if (focused) (focused.closest("dialog") ?? line).focus();
  say(line.textContent);
}

function askSoon() {
  for (const pause of SOON) setTimeout(ask, pause);
}

if (line && line.dataset.left !== "0") {
  document.addEventListener("click", (event) => event.target.closest("a[data-takes]") && askSoon());
  document.addEventListener("submit", (event) => event.target.matches("[data-takes]") && askSoon());
  document.addEventListener("photos-taken", ask); // save_photos.js
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && ask());
}
