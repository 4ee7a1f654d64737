// What htmx brings back: parts of a page take their places, whole pages never do, and whatever did not work is said.
import { leave, say } from "./toasts.js";
import { renewToken } from "./upload/token.js";

const board = document.getElementById("toasts");

function pathOf(address) {
  return new URL(address, location.href).pathname;
}

/** Whether the site led elsewhere: to where one signs in. */
function isLedAway({ xhr, pathInfo }) {
  return pathOf(xhr.responseURL) !== pathOf(pathInfo.finalRequestPath);
}

function isWholePage({ xhr }) {
  return /^\s*<!doctype/i.test(xhr.responseText);
}

/** A refusal in words of its own, for the board (gallery_site/errors.py). */
function isToast({ xhr }) {
  return xhr.getResponseHeader("HX-Retarget") === "#toasts";
}

// Firefox ends what is asked for as soon as a navigation begins, also when that becomes a download, and says "loadend" alone,
// for which htmx does not listen: it would wait for ever, and whatever waits for its turn with it.
document.body.addEventListener("htmx:beforeSend", ({ detail: { xhr } }) => {
  let isTold = false;
  for (const name of ["load", "error", "abort", "timeout"]) {
    xhr.addEventListener(name, () => {
      isTold = true;
    });
  }
  xhr.addEventListener("loadend", () => {
    if (!isTold) xhr.dispatchEvent(new ProgressEvent("error"));
  });
});

// Before anybody who does more with what comes (grid/refresh.js).
document.body.addEventListener(
  "htmx:beforeSwap",
  ({ detail }) => {
    if (isLedAway(detail) || isWholePage(detail)) Object.assign(detail, { shouldSwap: false, isError: true });
    else if (isToast(detail)) Object.assign(detail, { shouldSwap: true, isError: true });
  },
  true,
);

// What an act did to photos comes with its toast, and is told to the page once.
board.addEventListener("htmx:afterSwap", () => {
  for (const toast of board.querySelectorAll("[data-event]")) {
    const { event, photos } = toast.dataset;
    delete toast.dataset.event;
    document.body.dispatchEvent(new CustomEvent(event, { detail: JSON.parse(photos) }));
  }
});

// An undo that worked has nothing more to say. One that failed stays, to be tried again.
board.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  const form = target.closest("[data-undo]");
  if (form && detail.successful) leave(form.closest(".toast"));
});

/** The grid is fetched again, and its next page, by the page itself: nobody did anything that could have failed. */
function isByItself({ detail }) {
  return detail.target?.matches("[data-grid], .more");
}

function lineIsBack() {
  for (const toast of board.querySelectorAll("[data-of-line]")) leave(toast);
}

function sayWithLink(sentence, words, address) {
  const link = document.createElement("a");
  link.className = "toast-action";
  link.href = address;
  link.textContent = words;
  say(sentence, "warning").querySelector("p").after(link);
}

/** Leads to where the answer came from, and from there back to this page. */
function saySignedOut(address) {
  const signIn = new URL(address);
  signIn.searchParams.set("next", location.pathname + location.search);
  sayWithLink("You are no longer signed in. Nothing was changed.", "Sign in", signIn);
}

/** Whoever signed in anew in another window made the token of this page worthless. */
async function sayTooOld() {
  if (await renewToken())
    say("You have signed in anew since. Nothing was changed: try again now.", "warning");
  else sayWithLink("This page was open too long. Nothing was changed.", "Load it anew", location.href);
}

document.body.addEventListener("htmx:sendError", (event) => {
  if (isByItself(event)) return;
  say("No connection. Nothing was changed.", "warning").dataset.ofLine = "";
});
document.body.addEventListener("htmx:beforeOnLoad", lineIsBack);
window.addEventListener("online", lineIsBack);
document.body.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (isLedAway(event.detail)) saySignedOut(xhr.responseURL);
  else if (isByItself(event) || isToast(event.detail)) return;
  else if (xhr.status === 403) sayTooOld();
  else if ([404, 410].includes(xhr.status)) say("That is no longer here.", "warning");
  else if (xhr.status === 429) say("Too many tries in a short time. Wait a minute.", "warning");
  else say("That did not work. Nothing was lost. Try again.", "warning");
});
