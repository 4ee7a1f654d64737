// The three qualities a person can choose. One obvious place to change them; the words stand in the template.

/**
 * edge: the long edge at most, in pixels; jpeg: the encoder's quality, fine: the one for files of high quality; share:
 * which part of the bytes is expected to be left before anything was measured (12 MP phone photos); typical: bytes
 * expected at most.
 */
export const QUALITIES = {
  full: {
    compress: true,
    edge: Number.POSITIVE_INFINITY,
    jpeg: 0.83,
    fine: 0.75,
    share: 0.36,
    typical: Number.POSITIVE_INFINITY,
  },
  small: { compress: true, edge: 2048, jpeg: 0.82, fine: 0.82, share: 0.36, typical: 450_000 },
  original: {
    compress: false,
    edge: Number.POSITIVE_INFINITY,
    jpeg: 0,
    fine: 0,
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

/** The sum of a file's 64 luminance steps up to which it counts as fine: quality 92 of the usual tables and above. */
const FINE_STEPS = 600;

/**
 * The encoder's quality for a file whose own steps have this sum (0: not known). What is fine loses nothing to coarser
 * steps that one could see; steps next to a file's own lose most, and gain little.
 */
export function chooseJpegQuality({ jpeg, fine }, steps) {
  return steps > 0 && steps <= FINE_STEPS ? fine : jpeg;
}
