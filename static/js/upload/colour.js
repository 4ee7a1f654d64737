// Whether a picture's colours reach beyond sRGB, by the primaries of its ICC profile. Pure.

import { text } from "./formats.js";

/** A profile lies in the first bytes of a photo; PNG alone compresses it, and counts as sRGB. */
const HEAD_BYTES = 256 * 1024;
const SIGNATURE_AT = 36; // of "acsp" in a profile (ICC.1:2022, 7.2)
const SPACE_AT = 16;
const RGB = 0x52474220; // "RGB "
const TAGS_AT = 128;
const MOST_TAGS = 100;
/** sRGB's red has an X of 0.436 under D50, Display P3's 0.515, Adobe RGB's 0.610. */
const WIDE_RED = 0.46;
/** The green of Adobe RGB is where its red is not: sRGB's has an X of 0.385, Adobe RGB's 0.205, P3's 0.292. */
const WIDE_GREEN = 0.36;

export function isWideGamut(bytes) {
  const head = bytes.subarray(0, HEAD_BYTES);
  const start = findProfile(head);
  if (start < 0) return false;
  try {
    const view = new DataView(head.buffer, head.byteOffset + start, head.byteLength - start);
    if (view.getUint32(SPACE_AT) !== RGB) return false;
    const red = readX(view, "rXYZ");
    const green = readX(view, "gXYZ");
    return (red !== null && red > WIDE_RED) || (green !== null && green < WIDE_GREEN);
  } catch (error) {
    if (error instanceof RangeError) return false; // a tag that leads out of the file
    throw error;
  }
}

function findProfile(bytes) {
  for (let at = bytes.indexOf(0x61); at >= 0; at = bytes.indexOf(0x61, at + 1)) {
    if (at >= SIGNATURE_AT && text(bytes, at, 4) === "acsp") return at - SIGNATURE_AT;
  }
  return -1;
}

/** The X of a colour's XYZ tag, a fixed-point number of 16.16 bits; null without it. */
function readX(view, name) {
  const count = Math.min(view.getUint32(TAGS_AT), MOST_TAGS);
  for (let at = TAGS_AT + 4; at < TAGS_AT + 4 + count * 12; at += 12) {
    const tag = String.fromCharCode(...[0, 1, 2, 3].map((each) => view.getUint8(at + each)));
    if (tag === name) return view.getInt32(view.getUint32(at + 4) + 8) / 65536;
  }
  return null;
}
