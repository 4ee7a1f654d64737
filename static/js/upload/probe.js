// Can what a canvas gives back be trusted? Firefox with resistFingerprinting, Tor and some blockers falsify reads,
// and a canvas that is too large stays empty without an error.

import { contextOf, release } from "./surface.js";

const TWO_PIXELS = [12, 34, 56, 255, 201, 150, 99, 255];
const SAMPLE = 16;
// A photo of one colour throughout is tiny; a decoder that gave up leaves one colour too, from a large file.
const PLAIN_BYTES_PER_PIXEL = 0.04;
const PLAIN_BYTES = 10_000;

/** Draw two known pixels and read them again. */
export function isHonest(surface) {
  const canvas = surface.create(2, 1);
  contextOf(canvas).putImageData(twoPixels(), 0, 0);
  const isSame = holdsTwoPixels(canvas);
  release(canvas);
  return isSame;
}

function twoPixels() {
  return new ImageData(new Uint8ClampedArray(TWO_PIXELS), 2, 1);
}

function holdsTwoPixels(canvas) {
  const { data } = contextOf(canvas).getImageData(0, 0, 2, 1);
  return TWO_PIXELS.every((value, index) => data[index] === value);
}

/** A browser that needs longer for two pixels, in milliseconds, is not trusted with it. */
const PATIENCE = 3_000;
const answers = new WeakMap(); // surface -> promise

/** Whether a canvas of this kind takes a bitmap as its own and gives it back unchanged. Found out once. */
export function takesBitmaps(surface) {
  const tooSlow = () => new Promise((resolve) => setTimeout(() => resolve(false), PATIENCE));
  const answer = answers.get(surface) ?? Promise.race([handsBack(surface).catch(() => false), tooSlow()]);
  answers.set(surface, answer);
  return answer;
}

async function handsBack(surface) {
  const drawn = surface.create(2, 1);
  contextOf(drawn).putImageData(twoPixels(), 0, 0);
  const taker = surface.create(2, 1);
  taker.getContext("bitmaprenderer").transferFromImageBitmap(await createImageBitmap(drawn));
  const bitmap = await createImageBitmap(await surface.encode(taker, "image/png"));
  contextOf(drawn).clearRect(0, 0, 2, 1);
  contextOf(drawn).drawImage(bitmap, 0, 0);
  bitmap.close();
  const isSame = holdsTwoPixels(drawn);
  release(drawn);
  release(taker);
  return isSame;
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
