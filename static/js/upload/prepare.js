// From a chosen file to what is sent: facts read, picture re-encoded where that is safe and worth it.
// The same function runs in a worker and on the page; only the surface differs.

import { isWideGamut } from "./colour.js";
import { draw } from "./draw.js";
import { readExif } from "./exif.js";
import { fit, fitsCanvas, MOST_PIXELS, turnUpright } from "./fit.js";
import { isAnimated, isComplete, measure, sniff } from "./formats.js";
import { startPatience } from "./lines.js";
import { isHonest, turnsUpright } from "./probe.js";
import { PREVIEW, QUALITIES } from "./qualities.js";
import { isReading } from "./readable.js";

/** A decode that hangs is given up after this long, in milliseconds. */
export const DECODE_TIMEOUT = 30_000;
/** Files larger than this are not read into memory: no compression. Twice the server's limit. */
export const MAX_READ_BYTES = 128 * 1024 * 1024;
const HEAD_BYTES = 256 * 1024;

/** Why nothing could be drawn; `reason` is a key of NOTES in words.js. */
class Undrawn extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * @param file the chosen File or Blob
 * @param options {quality, maxPixels, renditions, timeout}: key of QUALITIES, canvas limit in pixels, whether a preview
 *   and a thumbnail are wanted, milliseconds
 * @param surface `offscreen` or `onscreen`
 * @returns {blob, width, height, reason, takenAt, camera, thumb, renditions, refused}: `blob` is the file itself when it
 *   goes as it is, `reason` says why; `renditions` are blobs by the name that the server has for them; `refused` is a
 *   code when it need not be sent at all.
 * Rejects when the file cannot be read (moved, a cloud placeholder, a folder; or nothing can: readable.js).
 */
export async function prepare(file, options, surface) {
  if (file.size === 0) return { refused: "empty" };
  const isRead = file.size <= MAX_READ_BYTES;
  const bytes = new Uint8Array(await (isRead ? file : file.slice(0, HEAD_BYTES)).arrayBuffer());
  const kind = sniff(bytes);
  if (!kind) return { refused: file.type.startsWith("video/") ? "video" : "unreadable" };
  const { orientation, takenAt, camera } = readExif(kind, bytes);
  const stored = turnUpright(measure(kind, bytes), orientation);
  const asItIs = { blob: file, ...stored, thumb: null, renditions: {} };
  const source = { file, bytes, kind, isRead, stored, isTurned: orientation !== 1 };
  const drawn = await redraw(source, options, surface);
  const isMeantAsItIs = !QUALITIES[options.quality].compress;
  return { takenAt, camera, ...asItIs, ...drawn, reason: isMeantAsItIs ? "" : drawn.reason };
}

/** What `draw` answers, or a reason alone. */
async function redraw(source, options, surface) {
  try {
    const { edge, ...wish } = judge(source, options, surface);
    const bitmap = await decode(source, edge, options.timeout ?? DECODE_TIMEOUT);
    const size = sizeOf(bitmap, source.stored, edge);
    const renditions = wish.renditions && Math.max(size.width, size.height) >= PREVIEW.edge;
    return await draw(bitmap, { ...wish, size, renditions }, surface);
  } catch (error) {
    if (error instanceof Undrawn) return { reason: error.reason };
    if (!(await isReading())) throw error; // not the picture's fault
    return { reason: "undecodable" };
  }
}

/** What is to be drawn of a source: a long edge, and what `draw` takes. Throws Undrawn when nothing should. */
function judge({ file, kind, bytes, isRead, stored }, options, surface) {
  const quality = QUALITIES[options.quality];
  if (!isRead) throw new Undrawn("large");
  if (isAnimated(kind, bytes)) throw new Undrawn("animated");
  if (!isComplete(kind, bytes)) throw new Undrawn("cut");
  if (!isHonest(surface)) throw new Undrawn("hidden");
  if (stored.width * stored.height > MOST_PIXELS) throw new Undrawn("large");
  const fits = fitsCanvas(fit(stored.width || 1, stored.height || 1, quality.edge), options.maxPixels);
  const isLighter = quality.compress && fits;
  return {
    edge: isLighter ? quality.edge : PREVIEW.edge,
    bytes: file.size,
    reason: fits ? "" : "large",
    isLighter,
    jpeg: quality.jpeg,
    isWide: isWideGamut(bytes),
    isOpaque: kind === "jpeg",
    maxPixels: options.maxPixels,
    renditions: options.renditions,
  };
}

/**
 * The upright picture, already shrunk when its header says how large it is. That it is turned is not asked for: Safari
 * before 16, Firefox before 111 and Chrome before 112 have no word for it, and do so unasked as all others.
 */
async function decode({ file, kind, stored, isTurned }, edge, timeout) {
  const settings = {};
  if (Math.max(stored.width, stored.height) > edge) {
    // One side only: the other follows in the picture's own shape, whichever way the header meant width.
    settings[stored.width >= stored.height ? "resizeWidth" : "resizeHeight"] = edge;
    settings.resizeQuality = "medium"; // in Chromium the same pixels as "high"
  }
  let stop;
  const decoding = (isTurned ? ensureTurning(kind) : Promise.resolve()).then(() =>
    createImageBitmap(file, settings),
  );
  const tooSlow = new Promise((_, reject) => {
    stop = startPatience(() => reject(new Undrawn("slow")), timeout);
  });
  try {
    return await Promise.race([decoding, tooSlow]);
  } catch (error) {
    decoding.then((late) => late.close?.()).catch(() => {}); // not left alive when it comes after all
    throw error;
  } finally {
    stop();
  }
}

/** Of WebP no browser says whether it turns them: Chrome does not. */
async function ensureTurning(kind) {
  if (kind === "webp" || !(await turnsUpright())) throw new Undrawn("turned");
}

/** The size as the server reckons it. Browsers may be a pixel off when they shrink while decoding. */
function sizeOf(bitmap, stored, edge) {
  const size = fit(stored.width || bitmap.width, stored.height || bitmap.height, edge);
  const isSame = Math.abs(size.width - bitmap.width) < 2 && Math.abs(size.height - bitmap.height) < 2;
  return isSame ? size : fit(bitmap.width, bitmap.height, edge);
}
