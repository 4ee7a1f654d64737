// One file on its way. States:
//   waiting -> compressing -> waiting (now with a blob) -> sending -> checking -> done | duplicate
// and from any of them: failed (with a sentence), cancelled.

const MOVING = ["waiting", "compressing", "sending", "checking"];
const SETTLED = ["done", "duplicate", "failed", "cancelled"];
const SAFE = ["done", "duplicate"];

/** @param known {file, target (as of destination.js), batch: {id, total}, key, ...}, fresh or kept */
export function createItem({
  file,
  blob,
  thumb,
  target,
  batch,
  key,
  name,
  size,
  sourceSha256,
  fields,
  quality,
  reason,
}) {
  return {
    id: 0, // the queue's own number
    key, // for idempotency: the same for all tries, also those of a later visit
    batch,
    target,
    file,
    name: name ?? file.name,
    size: size ?? file.size,
    state: "waiting",
    isHeld: false, // paused alone
    sentence: "", // what went wrong, while it is being tried again or after it failed
    reason: reason ?? "", // a key of NOTES: why it was not compressed
    canRetry: false, // whether "try again" may help
    isLineLost: false, // failed because the line was lost
    isKept: false, // whether it would survive this tab
    blob: blob ?? null, // what is sent; gone as soon as it is safe
    blobSize: blob?.size,
    sent: 0, // bytes of `blob` that have left
    tries: 0,
    isLighter: false, // already here, in a lighter form than is chosen now
    mayBeThere: false, // an answer was lost: "already here" may mean this very upload
    retryAt: 0, // milliseconds of the queue's clock; 0: no need to wait
    sourceSha256: sourceSha256 ?? "", // of `file`, as chosen
    fields: fields ?? {},
    quality,
    metadata: "strip",
    thumb: thumb ?? null, // a Blob of a few kB
    renditions: {}, // Blobs that go along, by the server's names; lost with the tab, as the server makes its own
    doneAt: 0,
    secondsToPrepare: 0,
    controller: new AbortController(), // ends it for good; null once it is at its end
    line: null, // ends the request that is on its way
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
  counts.lighter = 0; // of the duplicates
  for (const item of items) {
    counts[item.state] += 1;
    if (item.state === "duplicate" && item.isLighter) counts.lighter += 1;
    if (item.state === "done") counts.saved += item.size - item.blobSize;
  }
  const left = MOVING.reduce((sum, state) => sum + counts[state], 0);
  return { ...counts, total: items.length, left };
}
