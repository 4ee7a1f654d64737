// Which colours a picture has, by the primaries of its ICC profile. Pure.

import { text } from "./formats.js";

/** A profile lies in the first bytes of a photo; PNG alone compresses it, and counts as sRGB. */
const HEAD_BYTES = 256 * 1024;
const SIGNATURE_AT = 36; // of "acsp" in a profile (ICC.1:2022, 7.2)
const SPACE_AT = 16;
const RGB = 0x52474220; // "RGB "
const TAGS_AT = 128;
const MOST_TAGS = 100;
/** The X of the primaries under D50. Display P3's red has 0.515 and its green 0.292, Adobe RGB's 0.610 and 0.205. */
const SRGB = { red: 0.436, green: 0.385 };
const NEAR = 0.002;
const WIDE_RED = 0.46;
/** The green of Adobe RGB is where its red is not. */
const WIDE_GREEN = 0.36;

/** @returns "srgb", which is meant without a profile too, "wide" for what reaches beyond it, or "other" */
export function readGamut(bytes) {
  const head = bytes.subarray(0, HEAD_BYTES);
  const start = findProfile(head);
  if (start < 0) return "srgb";
  try {
    const view = new DataView(head.buffer, head.byteOffset + start, head.byteLength - start);
    if (view.getUint32(SPACE_AT) !== RGB) return "other";
    return judgePrimaries({ red: readX(view, "rXYZ"), green: readX(view, "gXYZ") });
  } catch (error) {
    if (error instanceof RangeError) return "other"; // a tag that leads out of the file
    throw error;
  }
}

function judgePrimaries({ red, green }) {
  if (red > WIDE_RED || (green !== null && green < WIDE_GREEN)) return "wide";
  const isNear = (one, other) => one !== null && Math.abs(one - other) < NEAR;
  return isNear(red, SRGB.red) && isNear(green, SRGB.green) ? "srgb" : "other";
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
