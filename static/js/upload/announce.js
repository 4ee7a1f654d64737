// What a screen reader hears: summaries now and then, never each file.

import { countPhotos, outcome } from "./words.js";

/** Least time between two summaries, in milliseconds. */
const PAUSE = 10_000;

export class Announcer {
  #spokenAt = Number.NEGATIVE_INFINITY;
  #heard = new Set(); // news that are still shown
  #said = { left: 0, safe: 0, failed: 0, total: 0 };

  /** @param region an element with aria-live="polite" */
  constructor(region) {
    this.region = region;
  }

  /**
   * @param now milliseconds; `news` are sentences that are said once each time they appear. One that is not true any more
   * does not stay where readers find it: how far it is takes its place.
   */
  update(summary, now, news = []) {
    const safe = summary.done + summary.duplicate;
    const shown = new Set(news.filter(Boolean));
    const fresh = [...shown].filter((sentence) => !this.#heard.has(sentence));
    const isOver = (sentence) => !shown.has(sentence) && this.region.textContent.includes(sentence);
    const isOutdated = [...this.#heard].some(isOver);
    this.#heard = shown;
    const sentences = [this.#choose(summary, safe, now), ...fresh].filter(Boolean);
    if (sentences.length === 0 && !isOutdated) return;
    this.region.textContent = sentences.join(" ") || howFar(summary, safe);
    this.#spokenAt = now;
    this.#said = { left: summary.left, safe, failed: summary.failed, total: summary.total };
  }

  #choose(summary, safe, now) {
    const said = this.#said;
    if (summary.left > 0 && said.left === 0) return `Adding ${countPhotos(summary.left)}.`;
    if (summary.left === 0) return said.left > 0 ? outcome(summary) : "";
    const isTime = now - this.#spokenAt >= PAUSE;
    if (summary.failed > said.failed && (isTime || said.failed === 0)) return needWords(summary.failed);
    return isTime && safe !== said.safe ? howFar(summary, safe) : "";
  }
}

/** "" when nothing is on its way. */
function howFar(summary, safe) {
  return summary.left > 0 ? `${safe} of ${summary.total - summary.cancelled} safe.` : "";
}

function needWords(count) {
  return `${count === 1 ? "One photo needs" : `${countPhotos(count)} need`} you. The others go on.`;
}
