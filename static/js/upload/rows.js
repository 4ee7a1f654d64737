// Which files have a line: those that need a person first, then those at work, then the next few. Never a line for each
// of a thousand. Lines keep their element while they live, so focus and progress bars stay.

import { Row } from "./row.js";

/** How many of those that wait are shown. */
const NEXT = 6;
const MOST_PROBLEMS = 50;
/** A finished line stays this long, in milliseconds, so that one sees it end. */
const LINGER = 1_200;

export class Rows {
  #rows = new Map();

  /** @param onLost called when the line that had the focus goes */
  constructor(list, template, { onAct, onLost }) {
    Object.assign(this, { list, template, onAct, onLost });
  }

  /** @returns how many wait without a line */
  update(items, now) {
    const { shown, hidden } = choose(items, now);
    const kept = new Set(shown.map((item) => item.id));
    for (const [id, row] of this.#rows) if (!kept.has(id)) this.#remove(id, row);
    let before = this.list.firstElementChild;
    for (const item of shown) {
      const row = this.#rows.get(item.id) ?? this.#create(item);
      // A line that is moved loses its focus: it stays, and those in front of it, whose turn comes later, go behind it.
      if (row.element === before || hasFocus(row)) before = row.element.nextElementSibling;
      else this.list.insertBefore(row.element, before);
      row.update(now);
    }
    return hidden;
  }

  #create(item) {
    const row = new Row(this.template, item, { onAct: this.onAct });
    this.#rows.set(item.id, row);
    return row;
  }

  #remove(id, row) {
    const hadFocus = hasFocus(row);
    row.element.remove();
    this.#rows.delete(id);
    if (hadFocus) this.onLost();
  }
}

function hasFocus(row) {
  return row.element.contains(document.activeElement);
}

/** Pure part: `{shown, hidden}`. */
export function choose(items, now) {
  const problems = items.filter((item) => item.state === "failed").slice(-MOST_PROBLEMS);
  const isHeld = (item) => item.isHeld && item.state === "waiting"; // only its line lets it go on
  const isActive = (item) =>
    ["compressing", "sending", "checking"].includes(item.state) || item.retryAt > 0 || isHeld(item);
  const isFresh = (item) =>
    (item.state === "done" || item.state === "duplicate") && now - item.doneAt < LINGER;
  const work = items.filter((item) => isActive(item) || isFresh(item));
  const waiting = items.filter((item) => item.state === "waiting" && !isActive(item));
  return {
    shown: [...problems, ...work, ...waiting.slice(0, NEXT)],
    hidden: Math.max(0, waiting.length - NEXT),
  };
}
