// The SHA-256 of a chosen file, as the server's `source_sha256`. Runs in a worker; on the page where there are none.

import { Sha256 } from "./sha256.js";

/** Up to here a file is digested whole by the browser, some five times as fast; a worker holds one at a time. */
export const WHOLE_BYTES = 32 * 1024 * 1024;
/** Larger ones, and all where the browser has no digest (plain http), are read in slices of this many bytes. */
const SLICE_BYTES = 4 * 1024 * 1024;

/** @returns 64 hex digits; rejects when the file cannot be read */
export async function hashFile(file, subtle = globalThis.crypto?.subtle) {
  if (subtle && file.size <= WHOLE_BYTES) {
    const digest = new Uint8Array(await subtle.digest("SHA-256", await file.arrayBuffer()));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const hash = new Sha256();
  for (let at = 0; at < file.size; at += SLICE_BYTES) {
    hash.update(new Uint8Array(await file.slice(at, at + SLICE_BYTES).arrayBuffer()));
  }
  return hash.hex();
}
