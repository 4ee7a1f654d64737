// What a screen reader hears: summaries now and then, never each file.

import { countPhotos, outcome } from "./words.js";

/** Least time between two summaries, in milliseconds. */
const PAUSE = 10_000;

export class Announcer {
  #spokenAt = Number.NEGATIVE_INFINITY;
  #said = { left: 0, safe: 0, failed: 0, total: 0 };

  /** @param region an element with aria-live="polite" */
  constructor(region) {
    this.region = region;
  }

  /** @param now milliseconds */
  update(summary, now) {
    const safe = summary.done + summary.duplicate;
    const sentence = this.#choose(summary, safe, now);
    if (!sentence) return;
    this.region.textContent = sentence;
    this.#spokenAt = now;
    this.#said = { left: summary.left, safe, failed: summary.failed, total: summary.total };
  }

  #choose(summary, safe, now) {
    const said = this.#said;
    if (summary.left > 0 && said.left === 0) return `Adding ${countPhotos(summary.left)}.`;
    if (summary.left === 0) return said.left > 0 ? outcome(summary) : "";
    if (summary.failed > said.failed && said.failed === 0) return "One photo needs you. The others go on.";
    const isTime = now - this.#spokenAt >= PAUSE;
    return isTime && safe !== said.safe ? `${safe} of ${summary.total - summary.cancelled} safe.` : "";
  }
}
