// One file on its way. States:
//   waiting -> compressing -> waiting (now with a blob) -> sending -> checking -> done | duplicate
// and from any of them: failed (with a sentence), cancelled.

const MOVING = ["waiting", "compressing", "sending", "checking"];
const SETTLED = ["done", "duplicate", "failed", "cancelled"];
const SAFE = ["done", "duplicate"];

export function createItem(id, file, { galleryId, uploadUrl }) {
  return {
    id,
    file,
    name: file.name,
    size: file.size,
    galleryId,
    uploadUrl,
    state: "waiting",
    sentence: "", // what went wrong, while it is being tried again or after it failed
    reason: "", // a key of NOTES: why it was not compressed
    canRetry: false, // whether "try again" may help
    blob: null, // what is sent; gone as soon as it is safe
    blobSize: undefined,
    sent: 0, // bytes of `blob` that have left
    tries: 0,
    mayBeThere: false, // an answer was lost: "already here" may mean this very upload
    retryAt: 0, // milliseconds of the queue's clock; 0: no need to wait
    key: "",
    fields: {},
    quality: undefined,
    thumb: null, // a Blob of a few kB
    imageId: "",
    doneAt: 0,
    secondsToPrepare: 0,
    controller: new AbortController(),
  };
}

export function isSettled(item) {
  return SETTLED.includes(item.state);
}

export function isSafe(item) {
  return SAFE.includes(item.state);
}

/** Counts of a list of items: one number for each state and {total, left, saved}; `saved` in bytes. */
export function summarize(items) {
  const counts = Object.fromEntries([...MOVING, ...SETTLED].map((state) => [state, 0]));
  counts.saved = 0;
  for (const item of items) {
    counts[item.state] += 1;
    if (item.state === "done") counts.saved += item.size - item.blobSize;
  }
  const left = MOVING.reduce((sum, state) => sum + counts[state], 0);
  return { ...counts, total: items.length, left };
}

/** What a store keeps of an item (store.js). */
export function toRecord(item) {
  const { id, galleryId, uploadUrl, name, size, key, blob, fields, state } = item;
  return { id, galleryId, uploadUrl, name, size, key, blob, fields, state };
}
