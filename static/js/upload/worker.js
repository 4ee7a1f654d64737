// One member of the pool: takes {id, task, file, options}, answers {id, result} or {id, error}. Says at once what it can.

import { hashFile } from "./hash.js";
import { prepare } from "./prepare.js";
import { canEncodeOffscreen, offscreen } from "./surface.js";

const TASKS = {
  hash: ({ file }) => hashFile(file),
  prepare: ({ file, options }) => prepare(file, options, offscreen),
};

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ id: data.id, result: await TASKS[data.task](data) });
  } catch (error) {
    self.postMessage({ id: data.id, error: error instanceof Error ? error.name : "Error" });
  }
};

self.postMessage({ ready: canEncodeOffscreen() && typeof createImageBitmap === "function" });
