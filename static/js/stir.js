// What only hands need is none of the first screen's: it is fetched when somebody stirs, and the presses and keys that come
// before it is there wait for it.

const STIRS = ["pointermove", "pointerdown", "keydown", "scroll", "dragenter"];
const PATIENCE = 5000; // ms that a press waits; then it does what it does without script
const PRESSED = "button, a[data-id], a[data-upload-choose]"; // other links lead away and need nothing of ours

let stirNow;
/** Resolves when somebody moves a pointer, presses, types or scrolls for the first time, or when `stir` is called. */
const stirred = new Promise((resolve) => {
  stirNow = resolve;
});

let missing = 0; // what is not there yet
let isPatient = true;
const held = []; // what happens again when it is

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
  for (const again of held.splice(0)) again();
}

function hold(again) {
  if (held.length === 0) {
    setTimeout(() => {
      isPatient = missing === 0;
      release();
    }, PATIENCE);
  }
  held.push(again);
  stir();
}

function isAwaited() {
  return missing > 0 && isPatient;
}

for (const name of STIRS) addEventListener(name, stir, { capture: true, passive: true });

addEventListener(
  "click",
  (event) => {
    const pressed = event.target.closest(PRESSED);
    const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    if (!pressed || !isPlain || !isAwaited()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    hold(() => pressed.click());
  },
  true,
);

addEventListener(
  "keydown",
  (event) => {
    if (isAwaited()) hold(() => event.target.dispatchEvent(new KeyboardEvent("keydown", event)));
  },
  true,
);
