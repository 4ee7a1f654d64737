// From a decoded picture to blobs: the lighter file, the renditions, the small picture of a line. Each is painted from
// the one before it, so that a look at the smallest says whether the largest holds anything.

import { fit, fitsCanvas } from "./fit.js";
import { jpegSegments, text } from "./formats.js";
import { chooseQuality, SIDE, transformBlocks } from "./likeness.js";
import { isSuspiciouslyPlain, look } from "./probe.js";
import { LINE, PREVIEW, THUMBNAIL } from "./qualities.js";
import { contextOf, release } from "./surface.js";

const JPEG = "image/jpeg";
/** So many rows of blocks of a picture, and in each of them so many blocks, tell how much its JPEG would look like it. */
const SAMPLE_ROWS = 20;
const SAMPLE_COLUMNS = 45;
/** A profile stands before the pixels, and has some 500 bytes. */
const HEAD_BYTES = 64 * 1024;

/**
 * @param bitmap upright; closed here as soon as it is painted
 * @param wish {size, bytes, reason, isLighter, jpeg, isWide, isOpaque, maxPixels, renditions}: the size in pixels, how
 *   many bytes the file has, what to say when no lighter one is wanted, whether it is, its JPEG quality as in QUALITIES,
 *   whether the colours reach beyond sRGB, whether see-through parts mean a failure, the canvas limit, whether renditions
 *   are wanted
 * @returns {reason, thumb, renditions}, and {blob, width, height} of a lighter file
 */
export async function draw(bitmap, wish, surface) {
  const easel = new Easel(surface);
  try {
    const { size } = wish;
    if (!fitsCanvas(size, wish.maxPixels)) return { reason: "large" };
    const picture = easel.paint(bitmap, size, wish.isLighter && wish.isWide);
    bitmap.close?.();
    const preview = wish.renditions ? easel.paint(picture, shrink(size, PREVIEW)) : picture;
    const small = easel.paint(preview, shrink(size, THUMBNAIL));
    const fault = findFault(look(surface, small), wish);
    if (fault === "blank") return { reason: fault };
    const thumb = await easel.encode(easel.paint(small, shrink(size, LINE)), LINE.jpeg);
    if (fault) return { reason: fault, thumb };
    const lighter = wish.isLighter ? await lighten(easel, picture, wish) : null;
    const renditions = wish.renditions ? await encodeRenditions(easel, preview, small) : {};
    return { thumb, renditions, ...judgeLighter(lighter, wish) };
  } finally {
    bitmap.close?.();
    easel.clear();
  }
}

function shrink({ width, height }, { edge }) {
  return fit(width, height, edge);
}

function findFault({ clear, plain }, { isOpaque, bytes, size }) {
  if (clear) return isOpaque ? "blank" : "transparent";
  return isSuspiciouslyPlain(plain, bytes, size.width * size.height) ? "blank" : "";
}

/** Colours beyond sRGB are kept only in a file that says so: untagged they would be shown too pale. */
async function lighten(easel, picture, { size, jpeg: asked, isWide }) {
  const jpeg = typeof asked === "number" ? asked : chooseQuality(easel.sample(picture, size), asked);
  const blob = await easel.encode(picture, jpeg);
  if (!isWide || !easel.isWide(picture) || (await hasProfile(blob))) return blob;
  return easel.encode(easel.paint(picture, size), jpeg);
}

async function hasProfile(blob) {
  const head = new Uint8Array(await blob.slice(0, HEAD_BYTES).arrayBuffer());
  const segments = jpegSegments(new DataView(head.buffer));
  return [...segments].some(
    ({ marker, start }) => marker === 0xe2 && text(head, start, 11) === "ICC_PROFILE",
  );
}

async function encodeRenditions(easel, preview, thumbnail) {
  const blobs = {
    preview: await easel.encode(preview, PREVIEW.jpeg),
    thumbnail: await easel.encode(thumbnail, THUMBNAIL.jpeg),
  };
  return Object.values(blobs).every(({ type }) => type === JPEG) ? blobs : {};
}

function judgeLighter(blob, { bytes, size, reason }) {
  if (!blob) return { reason };
  if (blob.type !== JPEG) return { reason: "undecodable" }; // browsers answer PNG when they cannot
  return blob.size < bytes ? { blob, ...size, reason: "" } : { reason: "grew" };
}

/** The canvases of one picture; all are given back at the end, whatever happens. */
class Easel {
  #canvases = [];

  constructor(surface) {
    this.surface = surface;
  }

  paint(source, { width, height }, isWide = false) {
    const canvas = this.surface.create(width, height);
    this.#canvases.push(canvas);
    const context = contextOf(canvas, isWide);
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, width, height);
    return canvas;
  }

  /** Some of the picture's blocks as coefficients (likeness.js); all of its rows when it has few. */
  sample(picture, { width, height }) {
    const rows = Math.max(1, Math.min(SAMPLE_ROWS, Math.floor(height / SIDE)));
    const canvas = this.surface.create(width, rows * SIDE);
    this.#canvases.push(canvas);
    const context = contextOf(canvas);
    for (let row = 0; row < rows; row += 1) {
      const top = SIDE * Math.floor(((row + 0.5) * Math.floor(height / SIDE)) / rows);
      context.drawImage(picture, 0, top, width, SIDE, 0, row * SIDE, width, SIDE);
    }
    const { data } = context.getImageData(0, 0, width, rows * SIDE);
    return transformBlocks(data, width, Math.max(1, Math.floor(width / SIDE / SAMPLE_COLUMNS)));
  }

  /** In a worker Safari's contexts do not say what they are, but their pixels do. */
  isWide(canvas) {
    const context = contextOf(canvas);
    const { colorSpace } = context.getContextAttributes?.() ?? context.getImageData(0, 0, 1, 1);
    return colorSpace === "display-p3";
  }

  encode(canvas, quality) {
    return this.surface.encode(canvas, JPEG, quality);
  }

  clear() {
    for (const canvas of this.#canvases) release(canvas);
  }
}
