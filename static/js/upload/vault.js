// What is not yet safe, on this device: IndexedDB, so that a closed or killed tab loses nothing. Every record names its
// person and is read by that person's pages only; what nobody came back for goes after a week.
//
// A record: {key, person, tab, at, order, batch: {id, total}, target, name, size, sourceSha256} of a chosen file, with
// {file} once there was room for it, and once it is compressed with {blob, thumb, fields, quality, reason} instead. With
// neither, the photo itself was not kept: it can be named, and no more. `tab` is the tab that sends it (tabs.js); when that
// was closed and another one goes on, a claim, {key, person, tab}, says so instead. The record itself stays as it is: a
// photo that Safari has read from a record is gone as soon as the record is written again.

import { STORE_NAME } from "./store_name.js";

const ITEMS = "items";
const CLAIMS = "claims";
const SHARED = "shared";
const WEEK = 7 * 24 * 3600 * 1000;
/** Photos from another app that nobody opened for so long, in milliseconds, were not meant any more. */
const SHARED_LIFE = 3600 * 1000;

export class Vault {
  #database = null; // promise of the connection

  /** @param person whose records these are; `now` in milliseconds since 1970 */
  constructor({ person, now = Date.now, factory = globalThis.indexedDB }) {
    Object.assign(this, { person, now, factory });
  }

  /** Keep or replace. Rejects when there is no room. */
  put(record) {
    return this.putAll([record]);
  }

  /** All of them, or none. */
  putAll(records) {
    return this.#do([ITEMS], (items) => this.#putEach(items, records));
  }

  #putEach(items, records) {
    const mark = { person: this.person, at: this.now() };
    for (const record of records) items.put({ ...record, ...mark });
  }

  /** It is safe, or not wanted any more. */
  remove(keys) {
    return this.#do([ITEMS, CLAIMS], (...stores) => {
      for (const key of keys) this.#delete(stores, key);
    });
  }

  #delete(stores, key) {
    for (const store of stores) store.delete([this.person, key]);
  }

  /** All of this person, in the order in which they were chosen. */
  async list() {
    const readAll = (...stores) => stores.map((store) => store.getAll(this.#mine()));
    const [items, claims] = await this.#do([ITEMS, CLAIMS], readAll, "readonly");
    const tabs = new Map(claims.result.map(({ key, tab }) => [key, tab]));
    const records = items.result.map((record) => ({ ...record, tab: tabs.get(record.key) ?? record.tab }));
    return records.sort((one, other) => one.order - other.order);
  }

  /**
   * The record of `key`, this tab's from now on; null when it is gone or a living tab sends it. Two tabs never get the
   * same one: the store lets one change it after the other. Only on a device without room for the change both may, and
   * the server knows the photo by its key.
   */
  async claim(key, tab, isLiving) {
    let record = null;
    const changing = this.#change([key], tab, isLiving, ([, claims], found, owner) => {
      record = { ...found, tab };
      if (owner !== tab) claims.put({ key, person: this.person, tab });
    });
    await changing.catch((error) => {
      if (!record) throw error;
    });
    return record;
  }

  /** Those of `keys` that no other living tab sends are not wanted any more. */
  removeFree(keys, tab, isLiving) {
    return this.#change(keys, tab, isLiving, (stores, { key }) => this.#delete(stores, key));
  }

  /** Calls `act([items, claims], record, owner)` for each of `keys` that no other living tab sends; `owner` sends it. */
  #change(keys, tab, isLiving, act) {
    return this.#do([ITEMS, CLAIMS], (...stores) => {
      for (const key of keys) {
        const [item, claim] = stores.map((store) => store.get([this.person, key]));
        claim.onsuccess = () => {
          const owner = claim.result?.tab ?? item.result?.tab;
          if (item.result && (owner === tab || !isLiving(owner))) act(stores, item.result, owner);
        };
      }
    });
  }

  /**
   * Photos that another app handed over, {key, name, file} each. From now on they are this person's: who opens the page
   * first after sharing is who shared.
   */
  listShared() {
    return this.#do([SHARED], (shared) => {
      const mine = [];
      this.#dropOld(shared, (cursor) => {
        const record = cursor.value;
        if (!record.person) cursor.update({ ...record, person: this.person });
        if (!record.person || record.person === this.person) mine.push({ ...record, key: cursor.primaryKey });
      });
      return mine;
    });
  }

  #dropOld(shared, onFresh = () => {}) {
    visit(shared, (cursor) => {
      const { at, person } = cursor.value;
      if (at < this.now() - (person ? WEEK : SHARED_LIFE)) cursor.delete();
      else onFresh(cursor);
    });
  }

  /** Records take the place of the photos that they were made of, all of them or none. `keys` as of listShared. */
  moveShared(keys, records) {
    return this.#do([ITEMS, SHARED], (items, shared) => {
      this.#putEach(items, records);
      for (const key of keys) shared.delete(key);
    });
  }

  clearShared(keys) {
    return this.moveShared(keys, []);
  }

  #clearMine(shared) {
    visit(shared, (cursor) => {
      if (!cursor.value.person || cursor.value.person === this.person) cursor.delete();
    });
  }

  /** For the service worker, which knows nobody: whoever opens the page next takes them. */
  putShared(files) {
    return this.#do([SHARED], (shared) => {
      for (const file of files) shared.add({ at: this.now(), name: file.name, file });
    });
  }

  /** Forget what nobody came back for, whoever's it is. */
  purge() {
    return this.#do([ITEMS, CLAIMS, SHARED], (items, claims, shared) => {
      this.#dropOld(shared);
      const old = IDBKeyRange.upperBound(this.now() - WEEK);
      items.index("at").openKeyCursor(old).onsuccess = ({ target: { result: cursor } }) => {
        if (!cursor) return;
        for (const store of [items, claims]) store.delete(cursor.primaryKey);
        cursor.continue();
      };
    });
  }

  /** Forget everything of this person. */
  forget() {
    return this.#do([ITEMS, CLAIMS, SHARED], (items, claims, shared) => {
      for (const store of [items, claims]) store.delete(this.#mine());
      this.#clearMine(shared);
    });
  }

  #mine() {
    return IDBKeyRange.bound([this.person], [this.person, []]);
  }

  /** Run `act` in one transaction; resolves, once that is complete, with what `act` answered (of a request: its result). */
  async #do(names, act, mode = "readwrite") {
    const transaction = await this.#begin(names, mode);
    return new Promise((resolve, reject) => {
      transaction.onabort = () => reject(transaction.error ?? new Error("The store gave up."));
      try {
        const answer = act(...names.map((name) => transaction.objectStore(name)));
        transaction.oncomplete = () => resolve(answer instanceof IDBRequest ? answer.result : answer);
      } catch (error) {
        transaction.abort();
        reject(error);
      }
    });
  }

  /** The browser may close a connection at any time (its data was cleared, another version of the site): then anew. */
  async #begin(names, mode) {
    const begin = async () => (await this.#connect()).transaction(names, mode, { durability: "relaxed" });
    try {
      return await begin();
    } catch (error) {
      if (error.name !== "InvalidStateError") throw error;
      this.#database = null;
      return begin();
    }
  }

  #connect() {
    if (!this.#database) {
      const opening = open(this.factory);
      this.#database = opening;
      opening.catch(() => {
        if (this.#database === opening) this.#database = null; // the next one asks again
      });
    }
    return this.#database;
  }
}

function visit(store, act) {
  store.openCursor().onsuccess = ({ target: { result: cursor } }) => {
    if (!cursor) return;
    act(cursor);
    cursor.continue();
  };
}

function open(factory) {
  return new Promise((resolve, reject) => {
    if (!factory) return reject(new Error("No store."));
    const request = factory.open(STORE_NAME, 2);
    request.onupgradeneeded = ({ oldVersion }) => {
      const create = (name, options) => request.result.createObjectStore(name, options);
      if (oldVersion < 1) {
        create(ITEMS, { keyPath: ["person", "key"] }).createIndex("at", "at");
        create(SHARED, { autoIncrement: true });
      }
      create(CLAIMS, { keyPath: ["person", "key"] });
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
}
