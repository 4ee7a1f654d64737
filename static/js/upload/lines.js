// Small tools of the queue: who is next, who belongs together, what says stop, and when.

/** Removes and answers the first that passes, or undefined. */
export function takeFirst(list, test) {
  const index = list.findIndex(test);
  return index < 0 ? undefined : list.splice(index, 1)[0];
}

/** Lists of at most `most` items of one gallery each, in their order. */
export function groupByGallery(items, most) {
  const groups = [];
  for (const item of items) {
    const last = groups.at(-1);
    if (last && last.length < most && last[0].target.galleryId === item.target.galleryId) last.push(item);
    else groups.push([item]);
  }
  return groups;
}

/** A signal that says stop when one of the controllers does. */
export function either(...controllers) {
  if (AbortSignal.any) return AbortSignal.any(controllers.map(({ signal }) => signal));
  const one = new AbortController(); // browsers before 2023
  for (const { signal } of controllers) {
    if (signal.aborted) one.abort(signal.reason);
    signal.addEventListener("abort", () => one.abort(signal.reason), { once: true });
  }
  return one.signal;
}

/** A signal that says stop after so long. (AbortSignal.timeout is missing in Safari before 16, which has all else.) */
export function after(milliseconds) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(new DOMException("Too late.", "TimeoutError")), milliseconds);
  return controller.signal;
}

/** @returns a function that stops it */
export function startTimer(act, milliseconds) {
  const timer = setTimeout(act, milliseconds);
  return () => clearTimeout(timer);
}

/** A timer that fires so much too late, in milliseconds, slept: a phone froze the page, or the lid was closed. */
const SLEPT = 5_000;

/**
 * Gives up by `act` what takes longer than `milliseconds`. After a sleep it has that time once more, since it slept as well.
 * @returns a function that stops it
 */
export function startPatience(act, milliseconds, now = () => performance.now()) {
  const end = now() + milliseconds;
  let stop = startTimer(() => {
    if (now() - end < SLEPT) act();
    else stop = startTimer(act, milliseconds);
  }, milliseconds);
  return () => stop();
}
