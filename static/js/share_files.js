// Files for the sheet of the phone (Web Share, level 2), fetched in batches. It opens only right after a tap, so each
// batch is one call of next(); files that came too late for their tap wait, ready, for the next one.

const BATCH = 10; // files: phones refuse many at once
const BYTES = 80_000_000; // of one batch, in memory

/** Whether this browser hands files on. */
export function takesFiles() {
  const probe = new File(["?"], "photo.jpg", { type: "image/jpeg" });
  return Boolean(navigator.canShare?.({ files: [probe] }));
}

async function fetchFile({ address, name }) {
  const answer = await fetch(address, { headers: { Accept: "application/json, image/*" } });
  if (!answer.ok) throw new Error(await sentenceOf(answer));
  const body = await answer.blob();
  return new File([body], name, { type: body.type });
}

async function sentenceOf(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return "That did not work. Try again.";
  }
}

/** Shares `photos` ({address, name}) one batch a tap. */
export function shareFiles(photos) {
  const waiting = [...photos];
  const ready = [];
  let saved = 0;

  async function collect(progress) {
    const goal = Math.min(BATCH, waiting.length + ready.length);
    let bytes = ready.reduce((sum, file) => sum + file.size, 0);
    while (waiting.length > 0 && ready.length < BATCH && bytes < BYTES) {
      progress(ready.length + 1, goal);
      const file = await fetchFile(waiting[0]);
      waiting.shift();
      ready.push(file);
      bytes += file.size;
    }
  }

  /** The next batch: {saved, left, ready, problem}. `ready` files wait for another tap; a closed sheet ends it. */
  async function next(progress) {
    const state = (more) => ({ saved, left: waiting.length + ready.length, ready: 0, problem: "", ...more });
    try {
      if (ready.length === 0) await collect(progress);
      await navigator.share({ files: ready });
      saved += ready.splice(0).length;
      return state({});
    } catch (error) {
      if (error.name === "NotAllowedError") return state({ ready: ready.length });
      if (error.name === "AbortError") return { saved, left: 0, ready: 0, problem: "" };
      return state({ problem: error.message || "That did not work. Try again." });
    }
  }

  return { next };
}
