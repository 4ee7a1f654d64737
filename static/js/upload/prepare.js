// From a chosen file to what is sent: facts read, hash taken, picture re-encoded where that is safe and worth it.
// The same function runs in a worker and on the page; only the surface differs.

import { readExif } from "./exif.js";
import { fit, fitsCanvas, turnUpright } from "./fit.js";
import { isAnimated, isComplete, measure, sniff } from "./formats.js";
import { isHonest, isSuspiciouslyPlain, look } from "./probe.js";
import { QUALITIES } from "./qualities.js";
import { contextOf, release } from "./surface.js";

export const THUMB_EDGE = 96;
/** A decode that hangs is given up after this long, in milliseconds. */
export const DECODE_TIMEOUT = 30_000;
/** Files larger than this are not read into memory: no hash, no compression. Twice the server's limit. */
export const MAX_READ_BYTES = 128 * 1024 * 1024;
const HEAD_BYTES = 256 * 1024;

/** Why a file was not compressed; `reason` is a key of NOTES in words.js. */
class AsItIs extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * @param file the chosen File or Blob
 * @param options {quality, maxPixels, timeout}: key of QUALITIES, canvas limit in pixels, milliseconds
 * @param surface `offscreen` or `onscreen`
 * @returns {blob, width, height, reason, takenAt, camera, sourceSha256, thumb, refused}: `blob` is the file itself
 *   when it goes as it is, `reason` says why; `refused` is a code when it need not be sent at all.
 * Rejects when the file cannot be read (moved, a cloud placeholder, a folder).
 */
export async function prepare(file, options, surface) {
  if (file.size === 0) return { refused: "empty" };
  const isRead = file.size <= MAX_READ_BYTES;
  const bytes = new Uint8Array(await (isRead ? file : file.slice(0, HEAD_BYTES)).arrayBuffer());
  const kind = sniff(bytes);
  if (!kind) return { refused: file.type.startsWith("video/") ? "video" : "unreadable" };
  const { orientation, takenAt, camera } = readExif(kind, bytes);
  const known = { takenAt, camera, sourceSha256: isRead ? await sha256(bytes) : "" };
  const source = { file, bytes, kind, isRead, stored: turnUpright(measure(kind, bytes), orientation) };
  return { ...known, ...(await reencode(source, options, surface)) };
}

async function reencode(source, options, surface) {
  const quality = QUALITIES[options.quality];
  const asItIs = { blob: source.file, ...source.stored, reason: "", thumb: null };
  try {
    checkSource(source, quality, options, surface);
    const bitmap = await decode(source, quality, options.timeout ?? DECODE_TIMEOUT);
    try {
      return await draw(bitmap, source, quality, options, surface);
    } finally {
      bitmap.close?.();
    }
  } catch (error) {
    const reason = error instanceof AsItIs ? error.reason : "undecodable";
    return { ...asItIs, reason: quality.compress ? reason : "", thumb: error.thumb ?? null };
  }
}

function checkSource(source, quality, options, surface) {
  const { kind, bytes, isRead, stored } = source;
  if (!isRead) throw new AsItIs("large");
  if (isAnimated(kind, bytes)) throw new AsItIs("animated");
  if (!isComplete(kind, bytes)) throw new AsItIs("cut");
  if (!isHonest(surface)) throw new AsItIs("hidden");
  const target = fit(stored.width || 1, stored.height || 1, quality.edge);
  if (!fitsCanvas(target, options.maxPixels)) throw new AsItIs("large");
}

/** The upright picture, already shrunk when its header says how large it is. */
async function decode({ file, stored }, quality, timeout) {
  const settings = { imageOrientation: "from-image" };
  const edge = quality.compress ? quality.edge : THUMB_EDGE;
  if (Math.max(stored.width, stored.height) > edge) {
    // One side only: the other follows in the picture's own shape, whichever way the header meant width.
    settings[stored.width >= stored.height ? "resizeWidth" : "resizeHeight"] = edge;
    settings.resizeQuality = "medium"; // in Chromium the same pixels as "high"
  }
  let timer;
  const decoding = createImageBitmap(file, settings);
  const tooSlow = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new AsItIs("slow")), timeout);
  });
  try {
    return await Promise.race([decoding, tooSlow]);
  } catch (error) {
    decoding.then((late) => late.close?.()).catch(() => {}); // not left alive when it comes after all
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function draw(bitmap, source, quality, options, surface) {
  const thumb = await encodeScaled(bitmap, fit(bitmap.width, bitmap.height, THUMB_EDGE), 0.7, surface);
  if (!quality.compress) return { blob: source.file, ...source.stored, reason: "", thumb };
  const giveUp = (reason) => Object.assign(new AsItIs(reason), { thumb });
  const size = fit(bitmap.width, bitmap.height, quality.edge);
  if (!fitsCanvas(size, options.maxPixels)) throw giveUp("large");
  const blob = await encodeScaled(bitmap, size, quality.jpeg, surface, (canvas) => {
    const { clear, plain } = look(surface, canvas);
    if (clear) throw giveUp(source.kind === "jpeg" ? "blank" : "transparent");
    if (isSuspiciouslyPlain(plain, source.file.size, size.width * size.height)) throw giveUp("blank");
  });
  if (blob.type !== "image/jpeg") throw giveUp("undecodable"); // browsers answer PNG when they cannot
  if (blob.size >= source.file.size) throw giveUp("grew");
  return { blob, ...size, reason: "", thumb };
}

async function encodeScaled(bitmap, { width, height }, jpegQuality, surface, check = () => {}) {
  const canvas = surface.create(width, height);
  try {
    const context = contextOf(canvas);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, width, height);
    check(canvas);
    return await surface.encode(canvas, "image/jpeg", jpegQuality);
  } finally {
    release(canvas);
  }
}

/** SHA-256 in hex, or "" where the browser has none (plain http on a local network is no secure context). */
async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
