// How fast the line is: bytes of all uploads together over the time in which some of them were leaving. Waiting for a photo
// to be compressed, or for the site's answer, is no slowness of the line.

const WINDOW = 8_000; // milliseconds in which bytes left
/** Less says nothing: what fits into the system's buffers has left at once. */
const LEAST_BYTES = 256_000;
/** Nor does a shorter time, in milliseconds, unless so many bytes left in it. */
const LEAST = 500;
const PLENTY_BYTES = 4_000_000;
/** No slow line's buffers take so many bytes in one piece. */
const WHOLE_BYTES = 1_000_000;

export class Speedometer {
  #pieces = []; // {bytes, from, to} in milliseconds, in the order of their ends

  constructor(last = null) {
    this.last = last; // bytes a second of an earlier visit, until this one has measured its own
    this.least = 0; // bytes a second that the line carries for certain
  }

  /** So many bytes were answered so long after they had begun to leave: the line may be faster, but is no slower. */
  answered(bytes, milliseconds) {
    this.least = Math.max(this.least, (bytes * 1000) / Math.max(1, milliseconds));
  }

  /**
   * An upload begins at `from`. @returns what is to be told how many bytes of it have left, and when. Of its first piece
   * most often only the buffers know the speed: unless that is very large, it does not count.
   */
  follow(from) {
    let before = 0;
    return (bytes, to) => {
      if (bytes <= before) return;
      if (before > 0 || bytes >= WHOLE_BYTES) this.#pieces.push({ bytes: bytes - before, from, to });
      before = bytes;
      from = to;
    };
  }

  /** Bytes a second, or null when nothing is known. Of a very slow line more than the window is looked at. */
  read() {
    let bytes = 0;
    let span = 0;
    let seen = Number.POSITIVE_INFINITY; // where the pieces looked at begin
    let index = this.#pieces.length;
    while (index > 0 && (span < WINDOW || bytes < LEAST_BYTES)) {
      index -= 1;
      const { bytes: more, from, to } = this.#pieces[index];
      bytes += more;
      span += Math.max(0, Math.min(to, seen) - from); // what several uploads share counts once
      seen = Math.min(seen, from);
    }
    this.#pieces.splice(0, index);
    const isEnough = bytes >= PLENTY_BYTES || (bytes >= LEAST_BYTES && span >= LEAST);
    if (isEnough) this.last = (bytes * 1000) / Math.max(1, span);
    return this.last;
  }
}
