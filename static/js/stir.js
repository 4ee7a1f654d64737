// What only hands need is none of the first screen's: it is fetched when somebody stirs, and the presses and keys that come
// before it is there wait for it.

const STIRS = ["pointermove", "pointerdown", "keydown", "scroll", "dragenter"];
const PATIENCE = 5000; // ms that a press waits; then it does what it does without script
// Other links lead away and need nothing of ours; the picker opens in the press itself (upload/index.js).
const PRESSED = "button:not([data-upload-choose]), a[data-id]";
const SCROLLING = new Set([" ", "ArrowUp", "ArrowDown"]); // keys that mean something else on a photo

let stirNow;
/** Resolves when somebody moves a pointer, presses, types or scrolls for the first time, or when `stir` is called. */
const stirred = new Promise((resolve) => {
  stirNow = resolve;
});

let missing = 0; // what is not there yet
let isPatient = true;
const held = new Map(); // what happens when it is: once for each key, what was asked for first
let keysAt = null; // where the last of the keys that waited was pressed

/** As if somebody had. */
export function stir() {
  for (const name of STIRS) removeEventListener(name, stir, true);
  stirNow();
}

/** Calls `fetchIt` at the first stir. Should it fail, the page goes on as one without script. */
export async function fetchForHands(fetchIt) {
  missing += 1;
  await stirred;
  await fetchIt().catch(() => {});
  missing -= 1;
  if (missing === 0) release();
}

function release() {
  const acts = [...held.values()];
  const focused = document.activeElement;
  held.clear();
  keysAt = null;
  for (const again of acts) again();
  if (keysAt && keysAt !== focused) focused.focus({ preventScroll: true });
}

function hold(key, again) {
  if (held.size === 0) {
    setTimeout(() => {
      isPatient = missing === 0;
      release();
    }, PATIENCE);
  }
  if (!held.has(key)) held.set(key, again);
  stir();
}

/** As if the key came now: where it was pressed, unless a key before it that waited as well has moved the focus on. */
function typeAgain(event) {
  if (event.target !== keysAt) event.target.focus({ preventScroll: true });
  keysAt = event.target;
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", event));
}

function isAwaited() {
  return missing > 0 && isPatient;
}

/** Calls `act` now, or when what hands need is there. The click on `pressed` that belongs to it then counts for nothing. */
export function onceThere(pressed, act) {
  if (isAwaited()) hold(pressed, act);
  else act();
}

function isPlain({ ctrlKey, metaKey, shiftKey, altKey }) {
  return !(ctrlKey || metaKey || shiftKey || altKey);
}

/** A press on `selector` waits for what `fetchIt` fetches, and for nothing else. */
export function pressAfter(selector, fetchIt) {
  let isWaiting = false;
  let isOver = false;
  addEventListener(
    "click",
    async (event) => {
      const pressed = event.target.closest(selector);
      if (!pressed || isOver || !isPlain(event)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (isWaiting) return;
      isWaiting = true;
      await Promise.race([fetchIt().catch(() => {}), new Promise((go) => setTimeout(go, PATIENCE))]);
      isOver = true;
      pressed.click();
    },
    true,
  );
}

for (const name of STIRS) addEventListener(name, stir, { capture: true, passive: true });

addEventListener(
  "click",
  (event) => {
    const pressed = event.target.closest(PRESSED);
    if (!pressed || !isPlain(event) || !isAwaited()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    hold(pressed, () => pressed.click());
  },
  true,
);

addEventListener(
  "keydown",
  (event) => {
    if (!isAwaited()) return;
    if (SCROLLING.has(event.key) && event.target.closest("a[data-id]")) event.preventDefault();
    hold(event, () => typeAgain(event));
  },
  true,
);
