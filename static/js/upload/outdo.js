// Whether sending a file again would give the gallery more of it than it holds.

import { measure, sniff } from "./formats.js";

const HEAD_BYTES = 256 * 1024;

/**
 * @param held {width, height, exact} of the image that was made from this file
 * @param quality key of QUALITIES that is chosen now
 */
export async function outdoes(file, held, quality) {
  if (held.exact || quality === "small") return false;
  if (quality === "original") return true;
  try {
    const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
    const { width, height } = measure(sniff(head), head);
    return Math.max(width, height) > Math.max(held.width, held.height) + 1; // browsers round in their own way
  } catch {
    return false; // it cannot be read: what is there is all there is
  }
}
