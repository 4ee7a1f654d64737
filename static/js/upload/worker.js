// One member of the pool: takes {id, file, options}, answers {id, prepared} or {id, error}. Says at once what it can.

import { prepare } from "./prepare.js";
import { canEncodeOffscreen, offscreen } from "./surface.js";

self.onmessage = async ({ data: { id, file, options } }) => {
  try {
    self.postMessage({ id, prepared: await prepare(file, options, offscreen) });
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.name : "Error" });
  }
};

self.postMessage({ ready: canEncodeOffscreen() && typeof createImageBitmap === "function" });
