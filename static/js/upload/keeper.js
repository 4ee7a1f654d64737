// Keeps the queue's files in the vault until they are safe. A vault that is full, forbidden or slow costs the survival of
// a closed tab, never the upload: `isShort` then says so, and the page must stay open.

import { isSettled } from "./item.js";
import { isReadable } from "./readable.js";

/** A vault that takes longer than this for one photo, in milliseconds, is not waited for. */
const PATIENCE = 5_000;
/** Room asked for before originals are kept: their bytes, and as much again for what they become and for others. */
const MARGIN = 1.5;

export class Keeper {
  #line = Promise.resolve();
  #order = 0;
  #restored = new WeakSet(); // items whose file lies in the vault itself

  /** Whether something that is not yet safe would be lost with this tab, for want of room. */
  isShort = false;

  /** @param outside {vault, tab: promise of this tab's name, estimate(): {quota, usage} or null, onShort()} */
  constructor({ vault, tab, estimate = askRoom, onShort = () => {} }) {
    Object.assign(this, { vault, tab, estimate, onShort });
  }

  /**
   * Note all chosen files at once, so that a later visit can name what is missing; then keep them as they are, one after
   * another, while the first of them are already being compressed.
   */
  take(items) {
    const fresh = items.filter((item) => !item.isKept);
    for (const item of items) if (item.isKept) this.#restored.add(item);
    for (const item of items) item.order = this.#order++;
    const noted = this.#noteAll(fresh); // at once: not after the photos of an earlier drop
    noted.catch(() => {});
    this.#line = this.#line
      .then(() => noted)
      .then(() => this.#takeAll(fresh))
      .catch(() => this.#fallShort());
  }

  async #noteAll(items) {
    const tab = await this.tab;
    const unsafe = items.filter((item) => !isOver(item));
    await this.vault.putAll(unsafe.map((item) => recordOf(item, tab)));
    const ended = unsafe.filter(isOver); // while it was being written
    if (ended.length > 0) await this.vault.remove(ended.map(({ key }) => key));
  }

  async #takeAll(items) {
    const waiting = items.filter(isUnkept);
    if (waiting.length === 0) return;
    if (!(await this.#hasRoom(waiting))) return this.#fallShort();
    for (const item of waiting) {
      if (!isUnkept(item)) continue; // meanwhile compressed and kept, or at its end
      try {
        await this.#put(item, { file: item.file });
        if (isOver(item))
          await this.vault.remove([item.key]); // it ended meanwhile
        else item.isKept = true;
      } catch (error) {
        if (error?.name === "QuotaExceededError") throw error;
        if (await isReadable(item.file)) this.#fallShort(); // else no room would help it
      }
    }
  }

  async #hasRoom(items) {
    const room = await this.estimate();
    return !room || items.reduce((sum, item) => sum + item.size, 0) * MARGIN <= room.quota - room.usage;
  }

  /**
   * What it became takes the place of the file. Resolves when it is kept, or will not be. A file of the vault that goes as
   * it is stays where it is: in Safari it is gone as soon as its record is replaced, and nothing would be sent.
   */
  async keep(item) {
    const { blob, thumb, fields, quality, reason } = item;
    if (blob instanceof File && this.#restored.has(item)) return;
    const kept = this.#put(item, { blob, thumb, fields, quality, reason }).then(
      () => {
        item.isKept = true;
      },
      async () => {
        if (await isReadable(blob)) this.#fallShort();
      },
    );
    await Promise.race([kept, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
  }

  drop(items) {
    if (items.length === 0) return;
    for (const item of items) item.isKept = false;
    this.tab.then(() => this.vault.remove(items.map(({ key }) => key))).catch(() => {}); // after what was put before
  }

  async #put(item, content) {
    return this.vault.put({ ...recordOf(item, await this.tab), ...content });
  }

  #fallShort() {
    this.isShort = true;
    this.onShort();
  }
}

/** What is kept of an item beside its photo. */
function recordOf({ key, batch, target, name, size, sourceSha256, order }, tab) {
  return { key, batch, target, name, size, sourceSha256, order, tab };
}

/** At its end, and not to be tried again. */
function isOver(item) {
  return isSettled(item) && !item.canRetry;
}

function isUnkept(item) {
  return !item.isKept && item.file && !item.blob;
}

async function askRoom() {
  try {
    return (await navigator.storage?.estimate()) ?? null;
  } catch {
    return null; // unknown: the first write that fails tells
  }
}
