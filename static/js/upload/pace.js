// How many photos are sent at once: fewer after trouble and on a slow line.

/** One fewer after trouble, one more after `calm` good outcomes in a row. */
export function nextWidth(width, isGood, calm, most) {
  if (!isGood) return Math.max(1, width - 1);
  return calm > 0 && calm % 3 === 0 ? Math.min(most, width + 1) : width;
}

/** Below so many bytes a second, two and one upload at once: each must end before anybody gives up on it. */
const SLOW = 200_000;
const VERY_SLOW = 60_000;

/** How many uploads a line of `speed` bytes a second (null: not known yet) carries at once. */
export function mostAtOnce(speed, most) {
  if (speed === null || speed >= SLOW) return most;
  return Math.min(most, speed >= VERY_SLOW ? 2 : 1);
}

export class Pace {
  #calm = 0;

  constructor(most) {
    this.most = most;
    this.width = most;
  }

  /** @param kind of an outcome of answers.js. A session that ended tells nothing of the line, nor of the site. */
  note(kind) {
    if (kind === "signed-out") return;
    const isGood = kind !== "retry";
    this.#calm = isGood ? this.#calm + 1 : 0;
    this.width = nextWidth(this.width, isGood, this.#calm, this.most);
  }

  /**
   * Whether one more may be sent while so many are under way, of which `leaving` have not left altogether: what waits for
   * its answer is no load for a slow line.
   */
  allows(underWay, leaving, speed) {
    return underWay < this.width && leaving < mostAtOnce(speed, this.most);
  }
}
