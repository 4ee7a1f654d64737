// How much a JPEG of a picture would look like it, foretold from samples, and the lowest quality that looks enough like it.
// Pure. What a JPEG loses is what its steps round off the cosine coefficients of blocks of 8 x 8 pixels; and of two blocks
// structural similarity (SSIM) wants means, variances and covariance, which coefficients give as well as pixels do.

/** Pixels along a block. */
export const SIDE = 8;
const AREA = SIDE * SIDE;
/** The constants of SSIM for 8 bits: Wang, Bovik, Sheikh, Simoncelli 2004. */
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;
/** Half of the range: what JPEG takes from each pixel before it transforms them. */
const SHIFT = 128;

/** The steps of brightness at quality 50, row by row (ITU-T T.81, table K.1). */
// biome-ignore format: a table
const STEPS = [
  16, 11, 10, 16, 24, 40, 51, 61,
  12, 12, 14, 19, 26, 58, 60, 55,
  14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62,
  18, 22, 37, 56, 68, 109, 103, 77,
  24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];

const COSINES = Float32Array.from({ length: AREA }, (_, index) => {
  const frequency = Math.floor(index / SIDE);
  const scale = frequency === 0 ? Math.sqrt(1 / SIDE) : Math.sqrt(2 / SIDE);
  return scale * Math.cos(((2 * (index % SIDE) + 1) * frequency * Math.PI) / (2 * SIDE));
});

/**
 * @param pixels RGBA of rows of blocks, one under the other
 * @param width in pixels
 * @param stride every how many blocks of a row one is taken; each row begins with another
 * @returns the 64 coefficients of the brightness of each block taken, one after the other
 */
export function transformBlocks(pixels, width, stride) {
  const rows = Math.floor(pixels.length / (4 * width * SIDE));
  const columns = Math.floor(width / SIDE);
  const found = [];
  for (let row = 0; row < rows; row += 1) {
    for (let column = (row * 3) % stride; column < columns; column += stride) {
      found.push(transformBlock(pixels, 4 * SIDE * (row * width + column), 4 * width));
    }
  }
  return found;
}

/** Plain loops: this is run some thousand times for a photo. */
function transformBlock(pixels, at, line) {
  const bright = new Float32Array(AREA);
  for (let y = 0; y < SIDE; y += 1) {
    for (let x = 0; x < SIDE; x += 1) {
      const pixel = at + y * line + x * 4;
      bright[y * SIDE + x] =
        0.299 * pixels[pixel] + 0.587 * pixels[pixel + 1] + 0.114 * pixels[pixel + 2] - SHIFT;
    }
  }
  return transformLines(transformLines(bright));
}

/** The coefficients of each line of a block, which become a column: twice is the whole block, as it was turned. */
function transformLines(block) {
  const made = new Float32Array(AREA);
  for (let y = 0; y < SIDE; y += 1) {
    for (let frequency = 0; frequency < SIDE; frequency += 1) {
      let sum = 0;
      for (let x = 0; x < SIDE; x += 1) sum += block[y * SIDE + x] * COSINES[frequency * SIDE + x];
      made[frequency * SIDE + y] = sum;
    }
  }
  return made;
}

/** The steps that encoders make of a quality from 1 to 100 (those of the Independent JPEG Group, and all browsers). */
export function stepsAt(quality) {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  return STEPS.map((step) => Math.min(255, Math.max(1, Math.floor((step * scale + 50) / 100))));
}

/** The mean SSIM of these blocks with what a JPEG of that quality would make of them. */
export function foretellLikeness(blocks, quality) {
  const steps = stepsAt(quality);
  return blocks.reduce((sum, block) => sum + compare(block, steps), 0) / blocks.length;
}

function compare(block, steps) {
  const mean = block[0] / SIDE + SHIFT;
  const coded = (Math.round(block[0] / steps[0]) * steps[0]) / SIDE + SHIFT;
  let own = 0;
  let other = 0;
  let shared = 0;
  for (let index = 1; index < AREA; index += 1) {
    const value = block[index];
    const rounded = Math.round(value / steps[index]) * steps[index];
    own += value * value;
    other += rounded * rounded;
    shared += value * rounded;
  }
  const light = (2 * mean * coded + C1) / (mean * mean + coded * coded + C1);
  return (light * ((2 * shared) / AREA + C2)) / ((own + other) / AREA + C2);
}

/** The lowest quality, from 0 to 1, at which these blocks stay so alike; `most` when none does, or there are no blocks. */
export function chooseQuality(blocks, { least, most, alike }) {
  for (let quality = Math.round(least * 100); quality < most * 100; quality += 1) {
    if (foretellLikeness(blocks, quality) >= alike) return quality / 100;
  }
  return most;
}
