// Keeps the queue's files in the vault until they are safe. A vault that is full, forbidden or slow costs the survival of
// a closed tab, never the upload: `isShort` then says so, and the page must stay open.

/** A vault that takes longer than this for one photo, in milliseconds, is not waited for. */
const PATIENCE = 5_000;
/** Room asked for before originals are kept: their bytes, and as much again for what they become and for others. */
const MARGIN = 1.5;

export class Keeper {
  #line = Promise.resolve();
  #order = 0;

  /** Whether something that is not yet safe would be lost with this tab, for want of room. */
  isShort = false;

  /** @param outside {vault, tab: promise of this tab's name, estimate(): {quota, usage} or null, onShort()} */
  constructor({ vault, tab, estimate = askRoom, onShort = () => {} }) {
    Object.assign(this, { vault, tab, estimate, onShort });
  }

  /** Keep chosen files as they are, one after another, while the first of them are already being compressed. */
  take(items) {
    for (const item of items) item.order = this.#order++;
    this.#line = this.#line.then(() => this.#takeAll(items)).catch(() => this.#fallShort());
  }

  async #takeAll(items) {
    const waiting = items.filter((item) => !item.isKept && item.file);
    if (waiting.length === 0) return;
    if (!(await this.#hasRoom(waiting))) return this.#fallShort();
    for (const item of waiting) {
      if (item.isKept || !item.file || item.blob) continue; // meanwhile compressed and kept, or at its end
      await this.#put(item, { file: item.file });
      if (item.file || item.blob) item.isKept = true;
      else await this.vault.remove([item.key]); // it came to its end while it was being written
    }
  }

  async #hasRoom(items) {
    const room = await this.estimate();
    return !room || items.reduce((sum, item) => sum + item.size, 0) * MARGIN <= room.quota - room.usage;
  }

  /** What it became takes the place of the file. Resolves when it is kept, or will not be. */
  async keep(item) {
    const { blob, fields, quality, reason } = item;
    const kept = this.#put(item, { blob, fields, quality, reason }).then(
      () => {
        item.isKept = true;
      },
      () => this.#fallShort(),
    );
    await Promise.race([kept, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
  }

  drop(item) {
    item.isKept = false;
    this.tab.then(() => this.vault.remove([item.key])).catch(() => {}); // after what was put before
  }

  async #put({ key, batch, target, name, size, sourceSha256, order }, content) {
    const record = { key, batch, target, name, size, sourceSha256, order, ...content };
    return this.vault.put({ ...record, tab: await this.tab });
  }

  #fallShort() {
    this.isShort = true;
    this.onShort();
  }
}

async function askRoom() {
  try {
    return (await navigator.storage?.estimate()) ?? null;
  } catch {
    return null; // unknown: the first write that fails tells
  }
}
