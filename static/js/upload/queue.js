// The order of work, without a line of DOM: hash, ask what is there, prepare ahead, send a few at once, try again when
// that can help. Every outside thing (hashing, asking, preparing, sending, clock, chance, store) is an argument. One bad
// file never stops the others.

import { nextDelay } from "./backoff.js";
import { createItem, isSettled, summarize } from "./item.js";
import { either, groupByGallery, startTimer, takeFirst } from "./lines.js";
import { Pace } from "./pace.js";
import { isReadable } from "./readable.js";
import { recognise } from "./recognise.js";
import { SENTENCES, tooLarge } from "./words.js";

/**
 * send: uploads at once, with those that wait for their answer; ahead: prepared files that may wait for the line (memory);
 * prepare: files in work.
 */
export const LIMITS = { send: 3, ahead: 8, prepare: 4, maxBytes: 0 };
/** With so many prepared ones in hand nothing more is prepared, even if all of them wait for a second try. */
const MOST_IN_HAND = 32;
/** Files of one question "which of these are there?": about a second of hashing, so a huge drop starts soon. */
const QUESTION = 200;

export class UploadQueue {
  #items = [];
  #toPrepare = [];
  #toSend = [];
  #preparing = 0;
  #sending = 0;
  #holdUntil = 0;
  #stopTimer = () => {};
  #nextId = 1;
  #asking = Promise.resolve();

  /** options.quality: key of QUALITIES; options.metadata: "strip" or "keep"; read when a file's turn comes. */
  options = { quality: "full", metadata: "strip" };
  isPaused = false;
  /** A sentence while nothing can be sent at all (signed out), else "". */
  halted = "";

  /** Why the site wants to be left alone for a while, as long as `holdsFor` is not 0. */
  holdSentence = "";

  /**
   * @param outside {hash(file, signal), ask(target, hashes), prepare(file, options, signal), send(item, hooks), newKey(),
   *   onChange(), onStored(item), onHalt(), onLineLost(), onReleased(bytes), keeper, limits, speed(), isOnline(), now(),
   *   later(act, milliseconds), random()}; `ask` as of ask.js; `keeper` as of keeper.js; `speed` in bytes a second, or
   *   null; `later` answers a function that stops it
   */
  constructor(outside) {
    const { onChange, onStored, onHalt, onLineLost, keeper, limits, speed, isOnline, now, later, random } =
      outside;
    Object.assign(this, outside);
    this.onChange = onChange ?? (() => {});
    this.onStored = onStored ?? (() => {});
    this.onHalt = onHalt ?? (() => {});
    this.onLineLost = onLineLost ?? (() => {});
    this.onReleased = outside.onReleased ?? (() => {});
    this.keeper = keeper ?? { take() {}, keep: async () => {}, drop() {} };
    this.limits = { ...LIMITS, ...limits };
    this.speed = speed ?? (() => null);
    this.isOnline = isOnline ?? (() => navigator.onLine !== false);
    this.now = now ?? (() => performance.now());
    this.later = later ?? startTimer;
    this.random = random ?? Math.random;
    this.pace = new Pace(this.limits.send);
  }

  get items() {
    return this.#items;
  }

  summary() {
    const isPaused = this.isPaused || this.halted !== "";
    return { ...summarize(this.#items), isPaused, isOffline: !this.isOnline() };
  }

  /** Milliseconds in which nothing is sent, because the site asked for that. */
  get holdsFor() {
    return Math.max(0, this.#holdUntil - this.now());
  }

  /** @param target as of destination.js */
  add(files, target) {
    const batch = { id: this.newKey(), total: files.length };
    this.#enter(files.map((file) => createItem({ file, target, batch, key: this.newKey() })));
  }

  /**
   * What an earlier visit left behind (keeper.js), with the keys it had: an upload that arrived is found again. What is
   * not compressed was never sent.
   */
  restore(records) {
    const isSent = ({ blob }) => Boolean(blob);
    this.#enter(
      records.map((each) => Object.assign(createItem(each), { mayBeThere: isSent(each), isKept: true })),
    );
  }

  #enter(items) {
    if (this.summary().left === 0) this.forgetSettled();
    for (const item of items) {
      item.id = this.#nextId++;
      this.#items.push(item);
    }
    this.keeper.take(items);
    for (const group of groupByGallery(items, QUESTION)) {
      this.#asking = this.#asking.then(() => this.#recognise(group));
    }
    this.#changed();
  }

  /** What is being checked is with the server already: it comes to its end. */
  cancel(item) {
    this.#cancel([item].filter((each) => each.state !== "checking"));
  }

  cancelAll() {
    this.#cancel(this.#items.filter((item) => item.state !== "checking"));
  }

  #cancel(items) {
    const open = items.filter((item) => !isSettled(item));
    const controllers = open.map(({ controller }) => controller);
    for (const item of open) this.#end(item, "cancelled");
    this.keeper.drop(open);
    for (const controller of controllers) controller.abort();
    this.#pump();
  }

  retry(item) {
    this.#retry([item]);
  }

  retryFailed() {
    this.#retry(this.#items);
  }

  #retry(items) {
    for (const item of items) {
      if (item.state !== "failed" || !item.canRetry) continue;
      Object.assign(item, {
        state: "waiting",
        sentence: "",
        tries: 0,
        retryAt: 0,
        sent: 0,
        isLineLost: false,
      });
      item.controller = new AbortController();
      this.#lineUp(item);
    }
    this.#pump();
  }

  /** What the gallery holds in a lighter form is sent as it is chosen now, and stands beside that. */
  sendLighter() {
    const lighter = this.#items.filter((item) => item.state === "duplicate" && item.isLighter);
    for (const item of lighter) {
      Object.assign(item, { state: "waiting", isLighter: false, controller: new AbortController() });
      item.blobSize = undefined;
      this.#toPrepare.push(item);
    }
    this.keeper.take(lighter);
    this.#pump();
  }

  dismiss(item) {
    this.forgetSettled((other) => other === item);
  }

  /** Drops what is at its end and passes; without a test all but failures. */
  forgetSettled(test = (item) => item.state !== "failed") {
    const gone = new Set(this.#items.filter((item) => isSettled(item) && test(item)));
    this.keeper.drop([...gone].filter((item) => item.state === "failed"));
    this.#items = this.#items.filter((item) => !gone.has(item));
    this.#changed();
  }

  /** Nothing of this goes on, here or later: its person has left. */
  abandon(sentence) {
    this.halted = sentence;
    this.#cancel(this.#items);
    this.forgetSettled(() => true);
  }

  pause() {
    this.isPaused = true;
    this.#changed();
  }

  /** One file stands aside; what has left of it is sent again later. What is being checked comes to its end. */
  pauseOne(item) {
    if (isSettled(item) || item.state === "checking") return;
    item.isHeld = true;
    if (item.state === "sending") this.#interrupt(item);
    this.#pump();
  }

  resumeOne(item) {
    item.isHeld = false;
    this.#pump();
  }

  resume() {
    this.isPaused = false;
    for (const item of this.#items) item.isHeld = false;
    this.lift();
  }

  /** What halted all is over; what a person paused is still theirs to go on with. */
  lift() {
    this.halted = "";
    this.wake();
  }

  /** Whatever waits for its second try goes at once: the line is back, or a person asked. */
  wake() {
    for (const item of this.#toSend) item.retryAt = 0;
    this.#pump();
  }

  /** The line is back: also what had given up on it goes on. */
  goOnline() {
    this.#retry(this.#items.filter((item) => item.isLineLost));
    this.wake();
  }

  #pump() {
    const now = this.now();
    const isWaiting = (item) => item.state === "waiting"; // others came to their end while they stood in line
    this.#toPrepare = this.#toPrepare.filter(isWaiting);
    this.#toSend = this.#toSend.filter(isWaiting);
    if (!this.isPaused && !this.halted) {
      while (this.#preparing < this.limits.prepare && this.#hasRoom()) {
        const item = takeFirst(this.#toPrepare, (each) => !each.isHeld);
        if (!item) break;
        this.#prepareOne(item);
      }
      while (this.#hasTurn() && now >= this.#holdUntil) {
        const item = takeFirst(this.#toSend, (each) => !each.isHeld && each.retryAt <= now);
        if (!item) break;
        this.#sendOne(item);
      }
      this.#schedule(now);
    }
    this.#changed();
  }

  #hasTurn() {
    const leaving = this.#items.filter((item) => item.state === "sending").length;
    return this.pace.allows(this.#sending, leaving, this.speed());
  }

  #hasRoom() {
    const going = this.#toSend.filter((item) => !item.isHeld); // what a person paused must not stop the others
    const ready = going.filter((item) => item.retryAt === 0).length;
    return this.#toPrepare.length > 0 && ready < this.limits.ahead && going.length < MOST_IN_HAND;
  }

  #schedule(now) {
    this.#stopTimer();
    const times = this.#toSend
      .map((item) => Math.max(item.retryAt, this.#holdUntil))
      .filter((time) => time > now);
    if (times.length > 0) this.#stopTimer = this.later(() => this.#pump(), Math.min(...times) - now + 5);
  }

  /** To wait for its next step; it may do so already, when it was tried again before its drop was recognised. */
  #lineUp(item) {
    const line = item.blob ? this.#toSend : this.#toPrepare;
    if (!line.includes(item)) line.push(item);
  }

  async #recognise(items) {
    const onUnread = (item) => this.#fail(item, SENTENCES.unopened, true);
    const outside = { hash: this.hash, ask: this.ask, quality: this.options.quality, onUnread };
    for (const { item, image, isLighter } of await recognise(items, outside)) {
      const { file } = item;
      if (!image) {
        this.#lineUp(item);
        continue;
      }
      this.#takeStored(item, true);
      if (isLighter) Object.assign(item, { isLighter, file }); // it can be sent as well
    }
    this.#pump();
  }

  async #prepareOne(item) {
    this.#preparing += 1;
    item.state = "compressing";
    item.quality = this.options.quality;
    item.metadata = item.quality === "original" ? this.options.metadata : "strip";
    const begun = this.now();
    try {
      const prepared = await this.prepare(item.file, { quality: item.quality }, item.controller.signal);
      if (item.state === "compressing") await this.#takePrepared(item, prepared, (this.now() - begun) / 1000);
    } catch {
      if (!isSettled(item)) this.#fail(item, SENTENCES.unopened, true);
    } finally {
      this.#preparing -= 1;
      this.#pump();
    }
  }

  async #takePrepared(item, prepared, secondsToPrepare) {
    if (prepared.refused) return this.#fail(item, SENTENCES[prepared.refused], false);
    const { blob, reason, thumb, renditions, takenAt, camera } = prepared;
    Object.assign(item, { blob, blobSize: blob.size, reason, thumb, renditions, secondsToPrepare });
    const { maxBytes } = this.limits;
    if (maxBytes > 0 && blob.size > maxBytes) return this.#fail(item, tooLarge(maxBytes), false);
    item.fields = { taken_at: takenAt, camera, source_sha256: item.sourceSha256, metadata: item.metadata };
    // Kept before it is sent: after a crash the same key goes out with the same bytes.
    await this.keeper.keep(item);
    if (item.state !== "compressing") return;
    item.state = "waiting";
    this.#toSend.push(item);
  }

  async #sendOne(item) {
    this.#sending += 1;
    item.line = new AbortController();
    Object.assign(item, { state: "sending", sent: 0, retryAt: 0, tries: item.tries + 1 });
    const isOurs = (line) => item.line === line && !isSettled(item);
    const { line } = item;
    const hooks = {
      signal: either(item.controller, line),
      onProgress: (bytes) => {
        if (isOurs(line)) item.sent = bytes;
        this.#changed();
      },
      onSent: () => {
        if (isOurs(line)) Object.assign(item, { state: "checking", sent: item.blobSize });
        this.#pump();
      },
    };
    try {
      const outcome = await this.#explain(item, await this.send(item, hooks));
      if (isOurs(line)) this.#takeOutcome(item, outcome);
    } catch {
      if (isOurs(line)) this.#fail(item, SENTENCES.server, true);
    } finally {
      this.#sending -= 1;
      this.#pump();
    }
  }

  /** A file that can no longer be read looks like a line that breaks; trying again would not help it. */
  async #explain(item, outcome) {
    const { blob } = item;
    if (outcome.cause !== "network" || !blob || (await isReadable(blob))) return outcome;
    return { kind: "refused", sentence: SENTENCES.changed, isFinal: true };
  }

  #interrupt(item) {
    const { line } = item;
    Object.assign(item, { line: null, state: "waiting", sent: 0, tries: item.tries - 1, mayBeThere: true });
    this.#toSend.push(item);
    line.abort();
  }

  #takeOutcome(item, outcome) {
    this.pace.note(outcome.kind);
    if (outcome.kind === "stored") {
      this.#takeStored(item, outcome.duplicate);
    } else if (outcome.kind === "retry") {
      if (outcome.cause === "network") {
        item.mayBeThere = true;
        this.onLineLost();
      }
      this.#waitOrFail(item, outcome);
    } else if (outcome.kind === "signed-out") {
      Object.assign(item, { state: "waiting", sent: 0, tries: item.tries - 1 });
      this.#toSend.unshift(item);
      if (!this.halted) this.#halt(outcome.sentence);
    } else {
      this.#fail(item, outcome.sentence, !outcome.isFinal);
    }
  }

  #takeStored(item, isDuplicate) {
    item.blobSize ??= item.size;
    this.#settle(item, isDuplicate && !item.mayBeThere ? "duplicate" : "done");
    this.onStored(item);
  }

  #halt(sentence) {
    this.halted = sentence;
    this.onHalt();
  }

  #waitOrFail(item, { cause, wait, sentence }) {
    // A try without a line is none: a night in a tunnel must not use them up.
    if (cause === "network" && !this.isOnline()) item.tries -= 1;
    const delay = nextDelay({ cause, tries: item.tries, wait, random: this.random() });
    if (delay === null) {
      item.isLineLost = cause === "network";
      return this.#fail(item, sentence, true);
    }
    const retryAt = this.now() + delay * 1000;
    // "Try again later" is meant for all: the limit is the person's, not the file's.
    if (wait !== null && retryAt > this.#holdUntil) {
      this.#holdUntil = retryAt;
      this.holdSentence = sentence;
    }
    Object.assign(item, { state: "waiting", sent: 0, sentence, retryAt });
    this.#toSend.push(item);
  }

  #fail(item, sentence, canRetry) {
    Object.assign(item, { sentence, canRetry });
    this.#settle(item, "failed");
  }

  #settle(item, state) {
    this.#end(item, state);
    if (!item.canRetry) this.keeper.drop([item]);
  }

  /** What an item holds goes with its end, except what a retry needs. */
  #end(item, state) {
    if (state !== "failed") item.canRetry = false;
    Object.assign(item, { state, doneAt: this.now(), retryAt: 0, controller: null, line: null });
    if (item.canRetry) return;
    const { blob, renditions } = item;
    Object.assign(item, { file: null, blob: null, renditions: {} });
    const held = [blob, ...Object.values(renditions)].filter((each) => each && !(each instanceof File));
    if (held.length > 0) this.onReleased(held.reduce((sum, each) => sum + each.size, 0));
  }

  #changed() {
    this.onChange();
  }
}
