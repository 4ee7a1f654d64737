// What the uploader remembers for a person on this device: quality, metadata, the line's last speed.

import { DEFAULT_QUALITY, QUALITIES } from "./qualities.js";

const NAME = "upload";

export function readSettings(storage = reachStorage()) {
  let kept = {};
  try {
    kept = JSON.parse(storage?.getItem(NAME) ?? "{}") ?? {};
  } catch {
    // written by something else: begin again
  }
  return {
    quality: Object.hasOwn(QUALITIES, kept.quality) ? kept.quality : DEFAULT_QUALITY,
    metadata: kept.metadata === "keep" ? "keep" : "strip",
    speed: kept.speed > 0 ? kept.speed : null,
  };
}

export function writeSettings(changes, storage = reachStorage()) {
  try {
    storage?.setItem(NAME, JSON.stringify({ ...readSettings(storage), ...changes }));
  } catch {
    // full or forbidden: the choice holds until the page goes
  }
}

function reachStorage() {
  try {
    return localStorage;
  } catch {
    return null; // cookies are blocked
  }
}
