// A chosen file lives on the person's disk, not in the page: it may be changed, moved or unplugged at any time. And Safari
// reads no file and no blob at all from the press of a link until the next page is there, or until what comes turns out to
// be a download: that says nothing of a file.

/** How long to wait, in milliseconds, before a browser that reads nothing is asked again. */
const PAUSE = 500;

/** Whether the bytes of a File or Blob can still be had; true also while nothing can be read. */
export async function isReadable(file) {
  return (await canRead(file)) || !(await isReading());
}

/** Whether the browser reads blobs at all now. */
export function isReading() {
  return canRead(new Blob(["?"]));
}

/**
 * What `act` resolves with, which reads a file. When it fails it is called once more, as soon as the browser reads at all:
 * what fails then is the file's own fault. Rejects with the reason of `signal` once that says stop.
 */
export async function onceReading(act, signal) {
  try {
    return await act();
  } catch {
    while (!signal?.aborted && !(await isReading())) await new Promise((go) => setTimeout(go, PAUSE));
    signal?.throwIfAborted();
    return act();
  }
}

async function canRead(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
