// Toasts leave by themselves, later when there is something to do or to read, never while a hand or the focus rests on
// them; what failed stays until it is closed. They never pile up: the same words stand there once, and of more than a few
// the oldest goes, first of those that only tell. say() adds one.

const PLAIN = 6000; // ms
const WITH_ACTION = 12000; // ms
const MOST = 3; // in sight

const board = document.getElementById("toasts");

function lifetime(toast) {
  if (["warning", "error"].includes(toast.dataset.toast)) return Number.POSITIVE_INFINITY;
  return toast.querySelector("form, a") ? WITH_ACTION : PLAIN;
}

export function leave(toast) {
  if (toast.dataset.leaving !== undefined) return;
  toast.dataset.leaving = "";
  setTimeout(() => remove(toast), 220);
}

let before = null; // what had the focus when it came to the toasts

board.addEventListener("focusin", ({ relatedTarget }) => {
  if (!board.contains(relatedTarget)) before = relatedTarget;
});

/** The focus goes back to where it came from. Over an open dialog it stays in it: the page behind hears no key. */
function remove(toast) {
  const hadFocus = toast.contains(document.activeElement);
  const dialog = toast.closest("dialog");
  toast.remove();
  if (!hadFocus) return;
  if (dialog) return dialog.focus();
  before?.focus({ preventScroll: true });
  if (document.activeElement === document.body)
    document.getElementById("main")?.focus({ preventScroll: true });
}

function watch(toast) {
  const time = lifetime(toast);
  if (!Number.isFinite(time)) return;
  let timer = 0;
  const start = () => {
    clearTimeout(timer);
    timer = setTimeout(() => (isResting(toast) ? start() : leave(toast)), time);
  };
  start();
}

function isResting(toast) {
  return toast.matches(":hover, :focus-within");
}

/** Makes room for `fresh`. */
function thinOut(fresh) {
  const others = [...board.children].filter(
    (toast) => toast !== fresh && toast.dataset.leaving === undefined,
  );
  const words = (toast) => toast.querySelector("p")?.textContent;
  const same = others.filter((toast) => words(toast) === words(fresh) && !toast.querySelector("form"));
  for (const toast of same) leave(toast);
  const rest = others.filter((toast) => !same.includes(toast) && !isResting(toast));
  rest.sort(
    (one, other) => Number(!Number.isFinite(lifetime(one))) - Number(!Number.isFinite(lifetime(other))),
  );
  for (const toast of rest.slice(0, Math.max(others.length - same.length + 1 - MOST, 0))) leave(toast);
}

export function say(sentence, kind = "info") {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.dataset.toast = kind;
  const words = document.createElement("p");
  words.textContent = sentence;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "toast-action";
  close.dataset.dismiss = "";
  close.textContent = "Close";
  toast.append(words, close);
  board.append(toast);
  return toast;
}

board.addEventListener("click", (event) => {
  const toast = event.target.closest("[data-dismiss]")?.closest(".toast");
  if (toast) leave(toast);
});

for (const toast of board.children) watch(toast);
new MutationObserver((changes) => {
  for (const node of changes.flatMap((change) => [...change.addedNodes])) {
    if (!(node instanceof HTMLElement)) continue;
    thinOut(node);
    watch(node);
  }
}).observe(board, { childList: true });
