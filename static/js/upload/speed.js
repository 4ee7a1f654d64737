// How fast the line is: bytes of all uploads together over the last seconds in which something was sent.

const WINDOW = 8_000; // milliseconds
const LEAST = 500; // shorter measurements say nothing

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

  /** Bytes a second, or null when nothing is known. */
  read(now) {
    while (this.#marks.length > 0 && now - this.#marks[0][0] > WINDOW) this.#marks.shift();
    if (this.#marks.length < 2) return this.last;
    const span = now - this.#marks[0][0];
    if (span < LEAST) return this.last;
    const bytes = this.#marks.slice(1).reduce((total, mark) => total + mark[1], 0);
    this.last = bytes > 0 ? (bytes * 1000) / span : this.last;
    return this.last;
  }
}
