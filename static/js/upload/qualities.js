// The three qualities a person can choose. One obvious place to change them; the words stand in the template.

/**
 * edge: the long edge at most, in pixels; jpeg: the encoder's quality; share: which part of the bytes is expected to
 * be left before anything was measured (12 MP phone photos); typical: bytes expected at most.
 */
export const QUALITIES = {
  full: {
    compress: true,
    edge: Number.POSITIVE_INFINITY,
    jpeg: 0.82,
    share: 0.42,
    typical: Number.POSITIVE_INFINITY,
  },
  small: { compress: true, edge: 2048, jpeg: 0.82, share: 0.42, typical: 450_000 },
  original: {
    compress: false,
    edge: Number.POSITIVE_INFINITY,
    jpeg: 0,
    share: 1,
    typical: Number.POSITIVE_INFINITY,
  },
};

export const DEFAULT_QUALITY = "full";
