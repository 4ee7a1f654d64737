// Can what a canvas gives back be trusted? Firefox with resistFingerprinting, Tor and some blockers falsify reads,
// and a canvas that is too large stays empty without an error.

import { contextOf, release } from "./surface.js";

const TWO_PIXELS = [12, 34, 56, 255, 201, 150, 99, 255];
const SAMPLE = 16;
// A photo of one colour throughout is tiny; a decoder that gave up leaves one colour too, from a large file.
const PLAIN_BYTES_PER_PIXEL = 0.04;
const PLAIN_BYTES = 10_000;
// A JPEG of 2 x 1 pixels that lies on its side: EXIF orientation 6.
const LYING =
  "/9j/4QAiRXhpZgAATU0AKgAAAAgAAQESAAMAAAABAAYAAAAAAAD/2wBDAP//////////////////////////////////////////" +
  "////////////////////////////////////////////wAALCAABAAIBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAA" +
  "AAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z";

/** Draw two known pixels and read them again. */
export function isHonest(surface) {
  const canvas = surface.create(2, 1);
  const context = contextOf(canvas);
  context.putImageData(new ImageData(new Uint8ClampedArray(TWO_PIXELS), 2, 1), 0, 0);
  const read = context.getImageData(0, 0, 2, 1).data;
  release(canvas);
  return TWO_PIXELS.every((value, index) => read[index] === value);
}

let upright = null;

/** Whether a picture that lies on its side is turned upright as it is decoded; asked once. */
export function turnsUpright() {
  upright ??= decodeLying();
  return upright;
}

async function decodeLying() {
  const bytes = Uint8Array.from(atob(LYING), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  const isUpright = bitmap.height > bitmap.width;
  bitmap.close?.();
  return isUpright;
}

/** `{clear, plain}`: whether a drawn canvas has transparent parts, and whether it is one colour throughout. */
export function look(surface, drawn) {
  const canvas = surface.create(SAMPLE, SAMPLE);
  const context = contextOf(canvas);
  context.imageSmoothingQuality = "medium"; // an average: a small hole shows as well
  context.drawImage(drawn, 0, 0, SAMPLE, SAMPLE);
  const { data } = context.getImageData(0, 0, SAMPLE, SAMPLE);
  release(canvas);
  return judgePixels(data);
}

/** Pure part of `look`. */
export function judgePixels(data) {
  let clear = false;
  let plain = true;
  for (let at = 0; at < data.length; at += 4) {
    clear ||= data[at + 3] < 255;
    plain &&= data[at] === data[0] && data[at + 1] === data[1] && data[at + 2] === data[2];
  }
  return { clear, plain };
}

/** True when a picture of one colour came out of a file that is too large for that. */
export function isSuspiciouslyPlain(plain, bytes, pixels) {
  return plain && bytes > PLAIN_BYTES + pixels * PLAIN_BYTES_PER_PIXEL;
}
