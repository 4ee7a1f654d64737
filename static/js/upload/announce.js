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

  /** @param now milliseconds; `news` are sentences that are said once each time they appear */
  update(summary, now, news = []) {
    const safe = summary.done + summary.duplicate;
    const shown = new Set(news.filter(Boolean));
    const fresh = [...shown].filter((sentence) => !this.#heard.has(sentence));
    this.#heard = shown;
    const sentences = [this.#choose(summary, safe, now), ...fresh].filter(Boolean);
    if (sentences.length === 0) return;
    this.region.textContent = sentences.join(" ");
    this.#spokenAt = now;
    this.#said = { left: summary.left, safe, failed: summary.failed, total: summary.total };
  }

  #choose(summary, safe, now) {
    const said = this.#said;
    if (summary.left > 0 && said.left === 0) return `Adding ${countPhotos(summary.left)}.`;
    if (summary.left === 0) return said.left > 0 ? outcome(summary) : "";
    const isTime = now - this.#spokenAt >= PAUSE;
    if (summary.failed > said.failed && (isTime || said.failed === 0)) return needWords(summary.failed);
    return isTime && safe !== said.safe ? `${safe} of ${summary.total - summary.cancelled} safe.` : "";
  }
}

function needWords(count) {
  return `${count === 1 ? "One photo needs" : `${countPhotos(count)} need`} you. The others go on.`;
}
