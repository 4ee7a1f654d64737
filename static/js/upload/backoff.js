// When to try again. Pure: randomness is an argument.

/** Seconds before the second, third and fourth try after a 5xx; then it is the person's turn. */
export const DELAYS = [2, 5, 10];
/** A line that is off is waited for longer: 2, 5, 10 and then 20 s each time, about four minutes in all. */
export const NETWORK_TRIES = 15;
const NETWORK_PAUSE = 20;
/** Whatever a Retry-After says, the site is asked again after a day. */
export const LONGEST_WAIT = 24 * 3600;

/**
 * Seconds until the next try, or null when there is none.
 * @param cause "network", "server" or "busy"
 * @param tries how many were made
 * @param wait seconds the server asked for, or null
 * @param random 0 to 1; the pause is up to a fifth longer or shorter, so that many tabs do not come back together
 */
export function nextDelay({ cause, tries, wait = null, random }) {
  if (tries > (cause === "server" ? DELAYS.length : NETWORK_TRIES)) return null;
  const pause = DELAYS[tries - 1] ?? NETWORK_PAUSE;
  const jittered = pause * (0.8 + 0.4 * random);
  return wait === null ? jittered : Math.min(wait, LONGEST_WAIT) + jittered / 10; // never earlier than asked
}
