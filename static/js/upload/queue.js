// The order of work, without a line of DOM: prepare ahead, send a few at once, try again when that can help. Every
// outside thing (preparing, sending, clock, chance, store) is an argument. One bad file never stops the others.

import { nextDelay, nextWidth } from "./backoff.js";
import { createItem, isSettled, summarize, toRecord } from "./item.js";
import { createMemoryStore } from "./store.js";
import { SENTENCES, tooLarge } from "./words.js";

/** send: uploads at once; ahead: prepared files that may wait for the line (memory); prepare: files in work. */
export const LIMITS = { send: 3, ahead: 8, prepare: 4, maxBytes: 0 };
/** With so many prepared ones in hand nothing more is prepared, even if all of them wait for a second try. */
const MOST_IN_HAND = 32;

export class UploadQueue {
  #items = [];
  #toPrepare = [];
  #toSend = [];
  #preparing = 0;
  #sending = 0;
  #calm = 0;
  #holdUntil = 0;
  #timer = 0;
  #nextId = 1;

  /** options.quality: key of QUALITIES; options.metadata: "strip" or "keep"; read when a file's turn comes. */
  options = { quality: "full", metadata: "strip" };
  isPaused = false;
  /** A sentence while nothing can be sent at all (signed out), else "". */
  halted = "";

  constructor({ prepare, send, newKey, onChange, onStored, store, limits, now, random }) {
    this.prepare = prepare;
    this.send = send;
    this.newKey = newKey;
    this.onChange = onChange ?? (() => {});
    this.onStored = onStored ?? (() => {});
    this.store = store ?? createMemoryStore();
    this.limits = { ...LIMITS, ...limits };
    this.now = now ?? (() => performance.now());
    this.random = random ?? Math.random;
    this.width = this.limits.send;
  }

  get items() {
    return this.#items;
  }

  summary() {
    return { ...summarize(this.#items), isPaused: this.isPaused || this.halted !== "" };
  }

  /** @param target {galleryId, uploadUrl} */
  add(files, target) {
    if (this.summary().left === 0) this.forgetSettled();
    for (const file of files) {
      const item = createItem(this.#nextId++, file, target);
      this.#items.push(item);
      this.#toPrepare.push(item);
    }
    this.#pump();
  }

  /** What is being checked is with the server already: it comes to its end. */
  cancel(item) {
    if (isSettled(item) || item.state === "checking") return;
    this.#settle(item, "cancelled");
    item.controller.abort();
    this.#pump();
  }

  cancelAll() {
    for (const item of this.#items) this.cancel(item);
  }

  retry(item) {
    if (item.state !== "failed" || !item.canRetry) return;
    Object.assign(item, { state: "waiting", sentence: "", tries: 0, retryAt: 0, sent: 0 });
    (item.blob ? this.#toSend : this.#toPrepare).push(item);
    this.#pump();
  }

  retryFailed() {
    for (const item of this.#items) this.retry(item);
  }

  dismiss(item) {
    this.#items = this.#items.filter((other) => other !== item || !isSettled(item));
    this.#changed();
  }

  /** Also drops failed ones when `all`. */
  forgetSettled(all = false) {
    this.#items = this.#items.filter((item) => !isSettled(item) || (item.state === "failed" && !all));
    this.#changed();
  }

  pause() {
    this.isPaused = true;
    this.#changed();
  }

  resume() {
    this.isPaused = false;
    this.halted = "";
    this.wake();
  }

  /** Whatever waits for its second try goes at once: the line is back, or a person asked. */
  wake() {
    for (const item of this.#toSend) item.retryAt = 0;
    this.#pump();
  }

  #pump() {
    const now = this.now();
    if (!this.isPaused && !this.halted) {
      while (this.#preparing < this.limits.prepare && this.#hasRoom())
        this.#prepareOne(this.#toPrepare.shift());
      while (this.#sending < this.width && now >= this.#holdUntil) {
        const index = this.#toSend.findIndex((item) => item.retryAt <= now);
        if (index < 0) break;
        this.#sendOne(this.#toSend.splice(index, 1)[0]);
      }
      this.#schedule(now);
    }
    this.#changed();
  }

  #hasRoom() {
    this.#toPrepare = this.#toPrepare.filter((item) => item.state === "waiting");
    this.#toSend = this.#toSend.filter((item) => item.state === "waiting");
    const ready = this.#toSend.filter((item) => item.retryAt === 0).length;
    return this.#toPrepare.length > 0 && ready < this.limits.ahead && this.#toSend.length < MOST_IN_HAND;
  }

  #schedule(now) {
    clearTimeout(this.#timer);
    const times = this.#toSend
      .map((item) => Math.max(item.retryAt, this.#holdUntil))
      .filter((time) => time > now);
    if (times.length > 0) this.#timer = setTimeout(() => this.#pump(), Math.min(...times) - now + 5);
  }

  async #prepareOne(item) {
    this.#preparing += 1;
    item.state = "compressing";
    item.quality = this.options.quality;
    const begun = this.now();
    try {
      const prepared = await this.prepare(item.file, { quality: item.quality }, item.controller.signal);
      if (item.state === "compressing") this.#takePrepared(item, prepared, (this.now() - begun) / 1000);
    } catch {
      if (item.state === "compressing") this.#fail(item, SENTENCES.unopened, true);
    } finally {
      this.#preparing -= 1;
      this.#pump();
    }
  }

  #takePrepared(item, prepared, seconds) {
    if (prepared.refused) return this.#fail(item, SENTENCES[prepared.refused], false);
    const { blob, reason, thumb, takenAt, camera, sourceSha256 } = prepared;
    Object.assign(item, {
      blob,
      blobSize: blob.size,
      reason,
      thumb,
      secondsToPrepare: seconds,
      key: this.newKey(),
    });
    const { maxBytes } = this.limits;
    if (maxBytes > 0 && blob.size > maxBytes) return this.#fail(item, tooLarge(maxBytes), false);
    const metadata = item.quality === "original" ? this.options.metadata : "strip";
    item.fields = { taken_at: takenAt, camera, source_sha256: sourceSha256, metadata };
    item.state = "waiting";
    this.#toSend.push(item);
    this.#keep(() => this.store.put(toRecord(item)));
  }

  async #sendOne(item) {
    this.#sending += 1;
    Object.assign(item, { state: "sending", sent: 0, retryAt: 0, tries: item.tries + 1 });
    const hooks = {
      signal: item.controller.signal,
      onProgress: (bytes) => {
        item.sent = bytes;
        this.#changed();
      },
      onSent: () => {
        item.sent = item.blobSize;
        if (item.state === "sending") item.state = "checking";
        this.#changed();
      },
    };
    try {
      const outcome = await this.send(item, hooks);
      if (!isSettled(item)) this.#takeOutcome(item, outcome);
    } catch {
      if (!isSettled(item)) this.#fail(item, SENTENCES.server, true);
    } finally {
      this.#sending -= 1;
      this.#pump();
    }
  }

  #takeOutcome(item, outcome) {
    const isGood = outcome.kind === "stored" || outcome.kind === "refused";
    this.#calm = isGood ? this.#calm + 1 : 0;
    this.width = nextWidth(this.width, isGood, this.#calm, this.limits.send);
    if (outcome.kind === "stored") {
      item.imageId = outcome.imageId;
      this.#settle(item, outcome.duplicate && !item.mayBeThere ? "duplicate" : "done");
      this.onStored(item);
    } else if (outcome.kind === "retry") {
      item.mayBeThere ||= outcome.cause === "network";
      this.#waitOrFail(item, outcome);
    } else if (outcome.kind === "signed-out") {
      Object.assign(item, { state: "waiting", sent: 0, tries: item.tries - 1 });
      this.#toSend.unshift(item);
      this.halted = outcome.sentence;
    } else {
      this.#fail(item, outcome.sentence, !outcome.isFinal);
    }
  }

  #waitOrFail(item, { cause, wait, sentence }) {
    const delay = nextDelay({ cause, tries: item.tries, wait, random: this.random() });
    if (delay === null) return this.#fail(item, sentence, true);
    const retryAt = this.now() + delay * 1000;
    // "Try again later" is meant for all: the limit is the person's, not the file's.
    if (wait !== null) this.#holdUntil = Math.max(this.#holdUntil, retryAt);
    Object.assign(item, { state: "waiting", sent: 0, sentence, retryAt });
    this.#toSend.push(item);
  }

  #fail(item, sentence, canRetry) {
    Object.assign(item, { sentence, canRetry });
    this.#settle(item, "failed");
  }

  /** The end of an item; what it holds in memory goes, except what a retry needs. */
  #settle(item, state) {
    const mayReturn = state === "failed" && item.canRetry;
    Object.assign(item, { state, doneAt: this.now(), retryAt: 0 });
    if (!mayReturn) Object.assign(item, { file: null, blob: null });
    if (!mayReturn) this.#keep(() => this.store.remove(item.id));
  }

  /** A store that fails (full, forbidden) costs the survival of a closed tab, never the upload. */
  #keep(act) {
    Promise.resolve()
      .then(act)
      .catch(() => {});
  }

  #changed() {
    this.onChange();
  }
}
