// Gives the queue its outside world and the panel its queue. One for a page that has [data-uploader].

import { say } from "../toasts.js";
import { askWhatIsThere } from "./ask.js";
import { guardLeaving, ScreenLock } from "./awake.js";
import { tellCollector } from "./collector.js";
import { CANVAS_PIXELS, IOS_CANVAS_PIXELS } from "./fit.js";
import { onGoodbye } from "./farewell.js";
import { isSettled } from "./item.js";
import { Keeper } from "./keeper.js";
import { chosenAgain, findLeftovers, forget, offerOf, takeUp } from "./leftovers.js";
import { Panel } from "./panel.js";
import { carriesRenditions, estimate, guessSpeed } from "./plan.js";
import { WorkerPool } from "./pool.js";
import { UploadQueue } from "./queue.js";
import { onceReading } from "./readable.js";
import { Refresher } from "./refresh.js";
import { readSettings, writeSpeed } from "./settings.js";
import { Speedometer } from "./speed.js";
import { hasMoved, nameTab, noteMove } from "./tabs.js";
import { readPerson, readToken, renewToken } from "./token.js";
import { newKey, send } from "./transport.js";
import { Vault } from "./vault.js";
import { holdWords, OUT_OF_REACH, unreadWords } from "./words.js";

const SIGNED_OUT = "You signed out in another tab. What was not sent is forgotten here.";
/** A pause of so many milliseconds, asked for by the site, is told with its end; shorter ones stand on the lines. */
const LONG_HOLD = 60_000;

export class Uploader {
  #wasBusy = false;
  #hasRenewed = false;
  #unread = []; // names of folders and files
  #offer = null; // of findLeftovers, while the person has not answered

  /** @param root the element with [data-uploader]; `options` {quality, metadata} of what is added from now on, read anew
   *   each time */
  constructor(root, options) {
    const { gallery, worker, maxBytes } = root.dataset;
    this.root = root;
    this.vault = new Vault({ person: readPerson() });
    this.tab = nameTab({ newName: newKey });
    this.keeper = new Keeper({ vault: this.vault, tab: this.tab, onShort: () => this.#update() });
    this.pool = new WorkerPool({ url: worker });
    this.speedometer = new Speedometer(readSettings().speed);
    this.galleryId = gallery;
    this.refresher = new Refresher();
    this.screen = new ScreenLock();
    this.queue = new UploadQueue({
      hash: (file, signal) => onceReading(() => this.pool.hash(file, signal), signal),
      ask: askWhatIsThere,
      prepare: (file, options, signal) => {
        const wish = { ...options, renditions: this.#carriesRenditions(), maxPixels: maxPixels() };
        return onceReading(() => this.pool.prepare(file, wish, signal), signal);
      },
      send: (item, hooks) => this.#send(item, hooks),
      newKey,
      keeper: readPerson() ? this.keeper : undefined,
      speed: () => this.#speed(),
      limits: { prepare: this.pool.size, maxBytes: Number(maxBytes) || 0 },
      onStored: (item) => this.#noteStored(item),
      onHalt: () => this.#renewOnce(),
      onLineLost: askForSync,
      onReleased: tellCollector,
      onChange: () => this.#update(),
    });
    this.queue.options = options;
    this.panel = new Panel(root, {
      read: () => this.#read(),
      act: (item, act) => actOn(this.queue, item, act),
      pause: () => this.queue.pause(),
      resume: () => this.#resume(),
      retryFailed: () => this.queue.retryFailed(),
      cancelAll: () => this.queue.cancelAll(),
      close: () => this.#close(),
      sendLighter: () => this.queue.sendLighter(),
      clear: () => this.queue.forgetSettled(() => true),
      takeUp: () => this.takeUp(),
      forget: () => this.#forget(),
    });
    guardLeaving(() => this.#wouldLose());
    window.addEventListener("online", () => this.#goOnline());
    window.addEventListener("focus", () => this.#lookAgain());
    document.addEventListener("visibilitychange", () => this.#lookAgain());
    window.addEventListener("pagehide", () => this.#noteMove());
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.#comeBack());
    if (readPerson()) onGoodbye(readPerson(), () => this.#abandon());
  }

  /** @param target as of destination.js */
  add(files, target) {
    if (files.length === 0) return;
    this.queue.add(files, target);
    this.panel.open();
    this.#forgetMissing(chosenAgain(this.#offer?.missing ?? [], files, target));
  }

  /** Tell, until the panel is closed, that these files and folders could not be read, or not to their end. */
  noteUnread(names) {
    if (names.length === 0) return;
    this.#unread.push(...names);
    this.panel.open();
  }

  /**
   * Look for what an earlier visit left: offered, or taken up at once by the page that follows it in the same tab, and by
   * the gallery for which somebody said "continue", once.
   */
  async recover() {
    if (!readPerson()) return;
    try {
      await this.vault.purge();
      this.#offer = await this.#findLeftovers();
    } catch {
      // no store: nothing was left
    }
    this.root.dataset.recovered = this.#offer?.left ?? 0;
    if (!this.#offer) return;
    const tab = hasMoved() ? await this.tab : null;
    const galleryId = isToContinue() ? this.galleryId : null;
    await this.takeUp((record) => record.tab === tab || record.target.galleryId === galleryId);
  }

  async #findLeftovers() {
    const isKnown = ({ key }) => this.queue.items.some((item) => item.key === key);
    return findLeftovers(this.vault, await this.tab, isKnown);
  }

  /** Another window may have sent, or forgotten, what is offered here. */
  async #lookAgain() {
    const offer = this.#offer;
    if (!offer) return;
    const found = await this.#findLeftovers().catch(() => offer);
    if (this.#offer !== offer) return; // answered meanwhile
    this.#offer = found;
    if (!found && this.queue.items.length === 0 && this.#unread.length === 0) this.panel.close();
    this.panel.draw();
  }

  /** What can be tried again stays, here and in the vault, until it is safe or somebody says "forget". */
  #close() {
    this.#unread = [];
    this.queue.forgetSettled((item) => !item.canRetry);
  }

  /** What is whole, and meant, goes on; of the rest the person is still told. */
  async takeUp(isMeant = () => true) {
    const offer = this.#offer;
    const records = offer?.records ?? [];
    const meant = records.filter((record) => record.isWhole && isMeant(record));
    this.#offer = offerOf(records.filter((record) => !meant.includes(record)));
    try {
      this.queue.restore(await takeUp(this.vault, await this.tab, keysOf(meant)));
    } catch {
      this.#offerAgain(offer);
    }
    this.panel.open();
  }

  async #forget() {
    const offer = this.#offer;
    this.#offer = null;
    if (this.queue.items.length === 0) this.panel.close();
    try {
      await forget(this.vault, await this.tab, keysOf(offer?.records ?? []));
    } catch {
      this.#offerAgain(offer);
      this.panel.open();
    }
  }

  #offerAgain(offer) {
    this.#offer = offer;
    say(OUT_OF_REACH, "error");
  }

  #abandon() {
    this.#offer = null;
    this.#unread = [];
    this.queue.abandon(SIGNED_OUT);
  }

  /** They were chosen again. */
  async #forgetMissing(records) {
    if (records.length === 0) return;
    this.#offer = offerOf(this.#offer.records.filter((record) => !records.includes(record)));
    await this.vault.remove(keysOf(records)).catch(() => {}); // the next visit tries again
  }

  /** Answers to an old token may come when there is a new one already: nobody is signed out then. */
  async #send(item, hooks) {
    const parcel = toParcel(item, this.#carriesRenditions());
    const begun = performance.now();
    const outcome = await send(parcel, measureSpeed(hooks, this.speedometer));
    if (outcome.kind === "stored") this.speedometer.answered(parcel.blob.size, performance.now() - begun);
    const isStale = outcome.kind === "signed-out" && parcel.token !== readToken();
    return isStale ? this.#send(item, hooks) : outcome;
  }

  /** Asked again before sending: several files are prepared before the line's speed is known. */
  #carriesRenditions() {
    return carriesRenditions(this.#speed(), navigator.connection);
  }

  #speed() {
    return this.speedometer.read();
  }

  #read() {
    const { items, options, halted } = this.queue;
    const speed = this.#speed();
    const line = speed ?? guessSpeed(navigator.connection, this.speedometer.least);
    const whole = estimate(items, { quality: options.quality, speed: line, workers: this.pool.size });
    const hold = this.#hold();
    return {
      items,
      halted,
      hold,
      unread: unreadWords(this.#unread),
      offer: this.#offer,
      isShort: this.keeper.isShort && this.#wouldLose(),
      isGuess: items.some((item) => !isSettled(item) && item.blobSize === undefined),
      wouldLose: this.#wouldLose(),
      elsewhere: items.find((item) => item.target.galleryId !== this.galleryId)?.target ?? null,
      summary: this.queue.summary(),
      retryable: items.filter((item) => item.state === "failed" && item.canRetry).length,
      speed,
      estimate: hold ? { ...whole, seconds: Number.NaN } : whole,
    };
  }

  /** Why nothing is sent for more than a moment, and until when; "" when it is. */
  #hold() {
    const { holdsFor, holdSentence } = this.queue;
    return holdsFor > LONG_HOLD ? holdWords(holdSentence, new Date(Date.now() + holdsFor)) : "";
  }

  #update() {
    const { left, isPaused } = this.queue.summary();
    const isBusy = left > 0;
    if (this.#wasBusy && !isBusy) {
      writeSpeed(this.#speed());
      this.refresher.flush(true);
      this.keeper.isShort = false;
    }
    this.#wasBusy = isBusy;
    this.screen.update(isBusy && !isPaused);
    this.panel.invalidate();
  }

  #noteStored(item) {
    this.#hasRenewed = false;
    const isHere = item.target.galleryId === this.galleryId;
    if (isHere && item.state === "done") this.refresher.add();
  }

  /** A page that was open while its person signed in anew has an old token: that is put right without asking. */
  async #renewOnce() {
    if (this.#hasRenewed) return;
    this.#hasRenewed = true;
    if (await renewToken()) this.queue.lift();
  }

  #goOnline() {
    this.queue.goOnline();
    this.refresher.flush(true);
  }

  async #resume() {
    if (this.queue.halted && !(await renewToken())) return;
    this.queue.resume();
  }

  #wouldLose() {
    return this.queue.items.some((item) => !isSettled(item) && !item.isKept);
  }

  /** What a person paused is theirs to go on with, on the next page as well. */
  #noteMove() {
    const { left, isPaused } = this.queue.summary();
    if (left > 0 && !isPaused) noteMove();
  }

  /** "Back" to this very page, which Safari had put aside: those in between may have sent what stands here as open, and its
   * photos are gone from the store. */
  #comeBack() {
    if (this.queue.summary().left > 0 && !this.#wouldLose()) location.reload();
  }
}

function keysOf(records) {
  return records.map(({ key }) => key);
}

/** Whether the page was opened to go on with what was left for its gallery: true once, not when it is loaded again. */
function isToContinue() {
  if (location.hash !== "#continue") return false;
  history.replaceState(history.state, "", location.pathname + location.search);
  return true;
}

/** @param act what was pressed on the item's line: "retry", "hold" (pause or go on) or "drop" */
function actOn(queue, item, act) {
  if (act === "retry") queue.retry(item);
  else if (act === "hold") item.isHeld ? queue.resumeOne(item) : queue.pauseOne(item);
  else if (item.state === "failed") queue.dismiss(item);
  else queue.cancel(item);
}

function toParcel({ target, key, blob, name, fields, renditions: made }, isCarrying) {
  const renditions = isCarrying ? made : {};
  return { url: target.uploadUrl, token: readToken(), key, blob, filename: name, fields, renditions };
}

/** Where the browser can, it wakes the service worker when the line is back, though this tab may be gone by then. */
function askForSync() {
  navigator.serviceWorker?.ready.then(({ sync }) => sync?.register("uploads")).catch(() => {}); // not allowed
}

function measureSpeed(hooks, speedometer) {
  const note = speedometer.follow(performance.now());
  const onProgress = (bytes) => {
    note(bytes, performance.now());
    hooks.onProgress(bytes);
  };
  return { ...hooks, onProgress };
}

/** iOS and iPadOS (which calls itself a Mac, but has a touch screen) draw on 16 megapixels at most. */
function maxPixels() {
  const { userAgent, maxTouchPoints } = navigator;
  const isIos = /iPad|iPhone|iPod/.test(userAgent) || (userAgent.includes("Macintosh") && maxTouchPoints > 1);
  return isIos ? IOS_CANVAS_PIXELS : CANVAS_PIXELS;
}
