// Files for the sheet of the phone (Web Share, level 2), fetched in batches. It opens only right after a tap, so each
// batch is one call of next(). What was fetched stays until the sheet has taken it: over a tap that was too long ago, a
// sheet that was closed, a line that broke.

const BATCH = 10; // files: phones refuse many at once
const BYTES = 80_000_000; // of one batch, in memory
const GONE = 404; // this photo; the others go on
const OVER = [403, 410]; // the whole link: nothing more comes
const TRY_AGAIN = "That did not work. Try again.";

/** Whether this browser hands files on. */
export function takesFiles() {
  const probe = new File(["?"], "photo.jpg", { type: "image/jpeg" });
  return Boolean(navigator.canShare?.({ files: [probe] }));
}

/** {file}, or {status, problem} without one; status 0: the line. */
async function fetchFile({ address, name }) {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json, image/*" } });
    if (!answer.ok) return { status: answer.status, problem: await sentenceOf(answer) };
    const body = await answer.blob();
    return { file: new File([body], name, { type: body.type }) };
  } catch {
    return { status: 0, problem: "Connection lost. Try again." };
  }
}

async function sentenceOf(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return TRY_AGAIN;
  }
}

/** Shares `photos` ({address, name}) one batch a tap. */
export function shareFiles(photos) {
  const waiting = [...photos];
  const ready = [];
  let saved = 0;
  let gone = 0;

  /** Fills the batch; returns why it could not. */
  async function collect(progress) {
    const goal = Math.min(BATCH, waiting.length);
    let bytes = 0;
    while (waiting.length > 0 && ready.length < BATCH && bytes < BYTES) {
      progress(ready.length + 1, goal);
      const { file, status, problem } = await fetchFile(waiting[0]);
      if (OVER.includes(status)) waiting.length = 0;
      if (!file && status !== GONE) return problem;
      waiting.shift();
      if (file) ready.push(file);
      else gone += 1;
      bytes += file?.size ?? 0;
    }
    return "";
  }

  function tellGone() {
    const count = gone;
    gone = 0;
    if (count === 0) return "";
    return count === 1 ? "One photo is no longer there." : `${count} photos are no longer there.`;
  }

  /** The next batch: {saved, left, ready, problem}. `ready` files of those left wait for another tap. */
  async function next(progress) {
    let problem = "";
    if (ready.length === 0) problem = await collect(progress);
    if (ready.length > 0) {
      try {
        await navigator.share({ files: ready });
        saved += ready.splice(0).length;
      } catch (error) {
        const isKept = ["NotAllowedError", "AbortError"].includes(error.name);
        if (!isKept) problem ||= "This device did not take them. Download them instead.";
        if (!isKept) ready.length = 0; // It would refuse the same files again.
      }
    }
    return {
      saved,
      left: waiting.length + ready.length,
      ready: ready.length,
      problem: problem || tellGone(),
    };
  }

  return { next };
}
