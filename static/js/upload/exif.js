// When and with what a photo was taken, read from its EXIF block before a canvas drops it. Pure and never throws:
// whatever is broken is left out. Tags: EXIF 2.32 (CIPA DC-008), section 4.6.

import { jpegSegments, pngChunks, text, webpChunks } from "./formats.js";

const MAKE = 0x010f;
const MODEL = 0x0110;
const ORIENTATION = 0x0112;
const EXIF_DIRECTORY = 0x8769;
// When it was taken, or else when it became numbers (scans); each with the tag of its offset.
const TIMES = [
  [0x9003, 0x9011],
  [0x9004, 0x9012],
];
const ASCII = 2;
const SHORT = 3;
const LONG = 4;
const MAX_ENTRIES = 512;
const MAX_CAMERA = 100;
const FURTHEST_ZONE = 14 * 60; // minutes: the Line Islands

// Endings of company names that add nothing to "NIKON D90"; the server names cameras by the same rule.
const COMPANY = /[\s,]+(?:corporation|corp\.?|company|co\.?,?\s*ltd\.?|ltd\.?|inc\.?)$/i;

/** `{takenAt, camera, orientation}` of a picture's first bytes: an RFC 3339 time or "", text or "", 1 to 8. */
export function readExif(kind, bytes) {
  const nothing = { takenAt: "", camera: "", orientation: 1 };
  const start = find(kind, bytes);
  if (start < 0) return nothing;
  try {
    return readTiff(new DataView(bytes.buffer, bytes.byteOffset + start, bytes.byteLength - start));
  } catch (error) {
    if (error instanceof RangeError) return nothing; // an offset that leads out of the file
    throw error;
  }
}

// As EXIF has it, and as programs write it that mean ISO 8601: with a fraction, with the offset behind.
const TIME =
  /^(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)[ T](\d\d?):(\d\d?)(?::(\d\d?)(?:[.,]\d+)?)? ?(Z|[+-]\d\d:?\d\d)?$/;

/** An EXIF time and offset as RFC 3339. Without an offset the camera's clock is taken for UTC, as the server does. */
export function toRfc3339(time, offset) {
  const match = TIME.exec(time.trim());
  if (!match) return "";
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const isReal =
    year > 1825 &&
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return isReal ? date.toISOString().slice(0, 19) + zone(match[7] ?? offset) : "";
}

/** Make and model without the make said twice: "Canon" and "Canon EOS 5D" are "Canon EOS 5D". */
export function nameCamera(make, model) {
  let maker = make;
  while (COMPANY.test(maker)) maker = maker.replace(COMPANY, "");
  const isSaid = maker.toLowerCase().split(" ").includes(model.split(" ")[0].toLowerCase());
  return (isSaid ? model : `${maker} ${model}`).trim().slice(0, MAX_CAMERA).trim();
}

function zone(offset) {
  const match = /^([+-])(\d\d):?(\d\d)$/.exec(offset.trim());
  if (!match || Number(match[2]) * 60 + Number(match[3]) > FURTHEST_ZONE || Number(match[3]) > 59) return "Z";
  return `${match[1]}${match[2]}:${match[3]}`;
}

function find(kind, bytes) {
  if (kind === "jpeg") return findInJpeg(bytes);
  if (kind === "png") return findInChunks(bytes, pngChunks(bytes), "eXIf");
  if (kind === "webp") return findInChunks(bytes, webpChunks(bytes), "EXIF");
  return findAnywhere(bytes);
}

/** The chunk holds the block alone; some programs put before it what JPEG asks for. */
function findInChunks(bytes, chunks, name) {
  const chunk = chunks.find(({ type }) => type === name);
  if (!chunk) return -1;
  return text(bytes, chunk.start, 6) === "Exif\0\0" ? chunk.start + 6 : chunk.start;
}

function findInJpeg(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const { marker, start } of jpegSegments(view)) {
    if (marker === 0xe1 && text(bytes, start, 6) === "Exif\0\0") return start + 6;
  }
  return -1;
}

// In HEIC and AVIF files the block lies somewhere in the middle, but after the same six letters.
function findAnywhere(bytes) {
  for (let at = bytes.indexOf(0x45); at >= 0; at = bytes.indexOf(0x45, at + 1)) {
    if (text(bytes, at, 6) === "Exif\0\0" && ["II*\0", "MM\0*"].includes(text(bytes, at + 6, 4)))
      return at + 6;
  }
  return -1;
}

function readTiff(view) {
  const little = view.getUint16(0) === 0x4949;
  if (!little && view.getUint16(0) !== 0x4d4d) throw new RangeError("no byte order");
  const main = readDirectory(view, view.getUint32(4, little), little);
  const where = main.get(EXIF_DIRECTORY);
  const exif = typeof where === "number" ? readDirectory(view, where, little) : new Map();
  const words = (directory, tag) => clean(directory.get(tag));
  const orientation = main.get(ORIENTATION);
  return {
    takenAt:
      TIMES.map(([time, offset]) => toRfc3339(words(exif, time), words(exif, offset))).find(Boolean) ?? "",
    camera: nameCamera(words(main, MAKE), words(main, MODEL)),
    orientation: orientation >= 1 && orientation <= 8 ? orientation : 1,
  };
}

/** The text and whole-number entries of one directory; an entry that leads out of the file is left out. */
function readDirectory(view, start, little) {
  const entries = new Map();
  const count = Math.min(view.getUint16(start, little), MAX_ENTRIES);
  for (let index = 0; index < count; index += 1) {
    const at = start + 2 + index * 12;
    if (at + 12 > view.byteLength) break;
    const tag = view.getUint16(at, little);
    const type = view.getUint16(at + 2, little);
    const length = view.getUint32(at + 4, little);
    if (type === SHORT && length === 1) entries.set(tag, view.getUint16(at + 8, little));
    if (type === LONG && length === 1) entries.set(tag, view.getUint32(at + 8, little));
    if (type === ASCII) {
      const from = length <= 4 ? at + 8 : view.getUint32(at + 8, little);
      if (from + length > view.byteLength) continue;
      entries.set(tag, new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + from, length)));
    }
  }
  return entries;
}

function clean(value) {
  if (typeof value !== "string") return "";
  return value
    .split("\0")[0]
    .slice(0, 1000)
    .replace(/[\p{C}\p{Z}]+/gu, " ")
    .trim();
}
