// One member of the pool: takes {task, file, options}, answers {result} or {error}. Says at once whether it can draw.

import { hashFile } from "./hash.js";
import { prepare } from "./prepare.js";
import { canEncodeOffscreen, offscreen } from "./surface.js";

const TASKS = {
  hash: ({ file }) => hashFile(file),
  prepare: ({ file, options }) => prepare(file, options, offscreen),
};

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ result: await TASKS[data.task](data) });
  } catch (error) {
    self.postMessage({ error: error instanceof Error ? error.name : "Error" });
  }
};

self.postMessage({ ready: canEncodeOffscreen() && typeof createImageBitmap === "function" });
