// What the uploader remembers on this device: each person's choice of quality and metadata, and the line's last speed.

import { DEFAULT_QUALITY, QUALITIES } from "./qualities.js";
import { readPerson } from "./token.js";

const NAME = "upload";

/** @returns {quality, metadata, speed}: a key of QUALITIES, "strip" or "keep", bytes a second or null */
export function readSettings(storage = reachStorage(), person = readPerson()) {
  const { quality, metadata } = read(storage, nameOf(person));
  const { speed } = read(storage, NAME);
  return {
    quality: Object.hasOwn(QUALITIES, quality) ? quality : DEFAULT_QUALITY,
    metadata: metadata === "keep" ? "keep" : "strip",
    speed: speed > 0 ? speed : null,
  };
}

/** Whoever uses this device next must not send a location because somebody before chose to. */
export function writeChoice({ quality, metadata }, storage = reachStorage(), person = readPerson()) {
  write(storage, nameOf(person), { quality, metadata });
}

export function writeSpeed(speed, storage = reachStorage()) {
  write(storage, NAME, { speed });
}

function nameOf(person) {
  return `${NAME} ${person}`;
}

function read(storage, name) {
  try {
    return JSON.parse(storage?.getItem(name) ?? "{}") ?? {};
  } catch {
    return {}; // written by something else: begin again
  }
}

function write(storage, name, values) {
  try {
    storage?.setItem(name, JSON.stringify(values));
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
