// SHA-256 (FIPS 180-4) that takes its input in pieces: WebCrypto digests whole buffers only, and has nothing to offer
// on plain http. Pure, about 200 MB/s.

const ROUND = new Int32Array(64);
const FIRST = new Int32Array(8);
for (let candidate = 2, found = 0; found < 64; candidate += 1) {
  let isPrime = true;
  for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) isPrime &&= candidate % divisor !== 0;
  if (!isPrime) continue;
  // The first 32 bits of the fractional parts of the primes' roots, as the standard says; doubles hold them exactly.
  if (found < 8) FIRST[found] = fraction(Math.sqrt(candidate));
  ROUND[found] = fraction(Math.cbrt(candidate));
  found += 1;
}

export class Sha256 {
  #state = FIRST.slice();
  #words = new Int32Array(16);
  #rest = new Uint8Array(64);
  #held = 0; // bytes of #rest that wait for a whole block
  #length = 0;

  /** @param bytes a Uint8Array, the next piece */
  update(bytes) {
    this.#length += bytes.length;
    let at = 0;
    if (this.#held > 0) {
      at = Math.min(64 - this.#held, bytes.length);
      this.#rest.set(bytes.subarray(0, at), this.#held);
      this.#held += at;
      if (this.#held < 64) return this;
      this.#takeBlocks(this.#rest, 0, 64);
      this.#held = 0;
    }
    const end = bytes.length - ((bytes.length - at) % 64);
    this.#takeBlocks(bytes, at, end);
    this.#rest.set(bytes.subarray(end));
    this.#held = bytes.length - end;
    return this;
  }

  /** The digest in hex. Ends it: nothing may follow. */
  hex() {
    const bits = this.#length * 8;
    const tail = new Uint8Array(this.#held < 56 ? 64 : 128);
    tail.set(this.#rest.subarray(0, this.#held));
    tail[this.#held] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(tail.length - 4, bits >>> 0);
    this.#takeBlocks(tail, 0, tail.length);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #takeBlocks(bytes, from, to) {
    for (let at = from; at < to; at += 64) compress(this.#state, this.#words, bytes, at);
  }
}

/** One block of 64 bytes. `words` is a ring of the last 16 of the schedule. Written for the compiler: `| 0` throughout. */
function compress(state, words, bytes, at) {
  for (let i = 0, p = at; i < 16; i += 1, p += 4)
    words[i] = (bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3];
  let a = state[0] | 0;
  let b = state[1] | 0;
  let c = state[2] | 0;
  let d = state[3] | 0;
  let e = state[4] | 0;
  let f = state[5] | 0;
  let g = state[6] | 0;
  let h = state[7] | 0;
  for (let i = 0; i < 64; i += 1) {
    let w = words[i & 15] | 0;
    if (i >= 16) {
      const w15 = words[(i + 1) & 15] | 0;
      const w2 = words[(i + 14) & 15] | 0;
      const s0 = ((w15 >>> 7) | (w15 << 25)) ^ ((w15 >>> 18) | (w15 << 14)) ^ (w15 >>> 3);
      const s1 = ((w2 >>> 17) | (w2 << 15)) ^ ((w2 >>> 19) | (w2 << 13)) ^ (w2 >>> 10);
      w = (w + s0 + words[(i + 9) & 15] + s1) | 0;
      words[i & 15] = w;
    }
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t1 = (h + s1 + (g ^ (e & (f ^ g))) + ROUND[i] + w) | 0;
    const t2 = (s0 + ((a & b) ^ (c & (a ^ b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  const ends = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i += 1) state[i] = (state[i] + ends[i]) | 0;
}

function fraction(root) {
  return ((root - Math.floor(root)) * 2 ** 32) | 0;
}
