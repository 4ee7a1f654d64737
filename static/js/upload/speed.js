// How fast the line is: bytes of all uploads together over the last seconds in which something was sent.

const WINDOW = 8_000; // milliseconds
const LEAST = 500; // shorter measurements say nothing
// Nor do smaller ones, in bytes: what fits into the system's buffers has left at once, and the answers' time would be all
// that is measured.
const LEAST_BYTES = 256_000;
/** A silence that is longer, in milliseconds, is a wait for the site; no more of it is the line's. */
const SILENCE = 4_000;

export class Speedometer {
  #marks = []; // [time in milliseconds, bytes since the mark before]

  constructor(last = null) {
    this.last = last; // bytes a second of an earlier visit, until this one has measured its own
  }

  add(bytes, now) {
    if (bytes > 0) this.#marks.push([now, bytes]);
  }

  /** Nothing is being sent: the pause must not count as slowness. */
  rest(now) {
    this.last = this.read(now);
    this.#marks = [];
  }

  /** Bytes a second, or null when nothing is known. Of a very slow line more than the window is looked at. */
  read(now) {
    while (this.#isLong(now) && this.#bytesAfter(1) >= LEAST_BYTES) this.#marks.shift();
    const bytes = this.#bytesAfter(0);
    const span = this.#span();
    if (bytes >= LEAST_BYTES && span >= LEAST) this.last = (bytes * 1000) / span;
    return this.last;
  }

  #isLong(now) {
    return this.#marks.length > 0 && now - this.#marks[0][0] > WINDOW;
  }

  /** What came after the mark of this index. */
  #bytesAfter(index) {
    return this.#marks.slice(index + 1).reduce((total, mark) => total + mark[1], 0);
  }

  #span() {
    const gaps = this.#marks.slice(1).map(([at], index) => at - this.#marks[index][0]);
    return gaps.reduce((total, gap) => total + Math.min(gap, SILENCE), 0);
  }
}
