// The two kinds of canvas behind one face, so that the same functions run in a worker and, where browsers lack
// OffscreenCanvas, on the page. `alpha: true` on purpose: a pixel that was never drawn stays transparent and shows.

/** True where pictures can be encoded without the page. */
export function canEncodeOffscreen() {
  return (
    typeof OffscreenCanvas === "function" && typeof OffscreenCanvas.prototype.convertToBlob === "function"
  );
}

export const offscreen = {
  create: (width, height) => new OffscreenCanvas(width, height),
  encode: (canvas, type, quality) => canvas.convertToBlob({ type, quality }),
};

export const onscreen = {
  create: (width, height) => Object.assign(document.createElement("canvas"), { width, height }),
  encode: (canvas, type, quality) =>
    new Promise((resolve, reject) => {
      const done = (blob) => (blob ? resolve(blob) : reject(new Error("The canvas gave no picture.")));
      canvas.toBlob(done, type, quality);
    }),
};

/**
 * The drawing context; with `isWide` it keeps colours of Display P3 where the browser can. `willReadFrequently` keeps the
 * pixels in memory, where all of ours are read.
 */
export function contextOf(canvas, isWide = false) {
  const settings = { willReadFrequently: true, colorSpace: isWide ? "display-p3" : "srgb" };
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("No canvas.");
  return context;
}

/** Give the memory back now: iOS counts canvases against one small budget until they are collected. */
export function release(canvas) {
  canvas.width = 0;
  canvas.height = 0;
}
