// How large a picture becomes. Pure.

/** Largest canvas, in pixels, that iOS draws on (16 Mi); a larger one stays empty without an error. */
export const IOS_CANVAS_PIXELS = 16_777_216;
/** Elsewhere: 80 MP are 320 MB a decoded picture, and up to four are alive at once. */
export const CANVAS_PIXELS = 80_000_000;
/** A picture of more pixels is not even decoded to a smaller one: the browser needs them all at once. (Phones: 108 MP.) */
export const MOST_PIXELS = 120_000_000;
/** The longest side that a canvas has in every browser that we know. */
export const CANVAS_SIDE = 16_384;

/**
 * The size whose long edge is at most `edge`, with the same shape, never larger and never less than one pixel. Rounded as
 * the server does, which takes renditions of this very size only.
 */
export function fit(width, height, edge) {
  const longest = Math.max(width, height);
  if (longest <= edge) return { width, height };
  const scale = (side) => Math.max(1, roundHalfToEven((side * edge) / longest));
  return { width: scale(width), height: scale(height) };
}

function roundHalfToEven(value) {
  const down = Math.floor(value);
  return value - down === 0.5 ? down + (down % 2) : Math.round(value);
}

/** Whether a canvas of this size can be trusted. */
export function fitsCanvas({ width, height }, maxPixels) {
  return width * height <= maxPixels && Math.max(width, height) <= CANVAS_SIDE;
}

/** The size as people see it: EXIF orientations 5 to 8 lie on their side. */
export function turnUpright({ width, height }, orientation) {
  return orientation >= 5 ? { width: height, height: width } : { width, height };
}
