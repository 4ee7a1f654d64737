// The three qualities a person can choose. One obvious place to change them; the words stand in the template.

/**
 * edge: the long edge at most, in pixels; jpeg: the encoder's quality, or between which (least, most) and for which
 * likeness it is chosen for each photo (likeness.js); share: which part of the bytes is expected to be left before anything
 * was measured (12 MP phone photos); typical: bytes expected at most.
 */
export const QUALITIES = {
  full: {
    compress: true,
    edge: Number.POSITIVE_INFINITY,
    jpeg: { least: 0.64, most: 0.92, alike: 0.9735 },
    share: 0.36,
    typical: Number.POSITIVE_INFINITY,
  },
  small: { compress: true, edge: 2048, jpeg: 0.82, share: 0.36, typical: 450_000 },
  original: {
    compress: false,
    edge: Number.POSITIVE_INFINITY,
    jpeg: 0,
    share: 1,
    typical: Number.POSITIVE_INFINITY,
  },
};

export const DEFAULT_QUALITY = "full";

/** The renditions that are sent along, by the server's names and sizes; its own encoder has the last word. */
export const PREVIEW = { edge: 1600, jpeg: 0.82 };
export const THUMBNAIL = { edge: 400, jpeg: 0.9 };
/** The small picture of a line in the panel. */
export const LINE = { edge: 96, jpeg: 0.7 };
