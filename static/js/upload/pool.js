// Workers that prepare files, one picture each, so that never more than `size` pictures are decoded. Where module
// workers or OffscreenCanvas are missing, or the script does not load, the page does the work one at a time.

import { hashFile } from "./hash.js";
import { startPatience } from "./lines.js";
import { prepare as prepareHere } from "./prepare.js";
import { onscreen } from "./surface.js";

/** A worker that says nothing for so long, in milliseconds, is ended; its file goes as it is. */
const WATCHDOG = 60_000;
/** Workers without work are ended after this long: they hold memory. */
const IDLE = 20_000;
/** After a failed start the page does the work for so long, in milliseconds; then workers have another chance. */
const REST = 30_000;
/** What is known of a file that a worker did not come back from. */
const UNSEEN = { width: 0, height: 0, reason: "slow", takenAt: "", camera: "", thumb: null, renditions: {} };

export function poolSize(cores = navigator.hardwareConcurrency) {
  return Math.max(1, Math.min(4, cores || 2));
}

export class WorkerPool {
  #workers = new Map(); // worker -> whether it has said "ready"
  #idle = [];
  #jobs = [];
  #here = Promise.resolve();
  #isAble = typeof Worker === "function";
  #restsUntil = 0; // after a worker that did not start: no line, or no memory
  #idleTimer = 0;

  constructor(outside) {
    const { url, size = poolSize(), watchdog = WATCHDOG, spawn = startModuleWorker } = outside;
    Object.assign(this, { url, size, watchdog, spawn });
    this.now = outside.now ?? (() => performance.now());
  }

  /** Whether workers may be asked now. */
  get #isUsable() {
    return this.#isAble && this.now() >= this.#restsUntil;
  }

  /** As `prepare` of prepare.js; rejects with AbortError once `signal` says so. */
  prepare(file, options, signal) {
    return this.#ask({ task: "prepare", file, options, signal });
  }

  /** The SHA-256 of a file in hex, or "" when it took too long; rejects as `prepare` does. */
  hash(file, signal) {
    return this.#ask({ task: "hash", file, signal });
  }

  #ask(request) {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      const cancel = () => reject(signal.reason);
      // A listener that stayed would keep what it became alive for as long as somebody holds the signal.
      const settle = (act) => (value) => {
        signal?.removeEventListener("abort", cancel);
        act(value);
      };
      signal?.addEventListener("abort", cancel, { once: true });
      this.#jobs.push({ ...request, resolve: settle(resolve), reject: settle(reject) });
      this.#assign();
    });
  }

  #assign() {
    clearTimeout(this.#idleTimer);
    while (this.#jobs.length > 0) {
      if (this.#jobs[0].signal?.aborted) {
        this.#jobs.shift();
      } else if (!this.#isUsable) {
        this.#doHere(this.#jobs.shift());
      } else if (this.#idle.length > 0) {
        this.#give(this.#idle.pop(), this.#jobs.shift());
      } else {
        if (this.#workers.size < this.size) this.#start();
        return;
      }
    }
    this.#idleTimer = setTimeout(() => this.#endIdle(), IDLE);
  }

  #start() {
    let worker;
    try {
      worker = this.spawn(this.url);
    } catch {
      return this.#fail(null);
    }
    this.#workers.set(worker, false);
    worker.onerror = () => this.#fail(worker);
    worker.onmessage = ({ data }) => {
      if (!data.ready) return this.#fail(worker, true);
      this.#workers.set(worker, true);
      this.#idle.push(worker);
      this.#assign();
    };
  }

  /** A worker that did not start. When no other did, the page does the work: for good when they cannot draw here. */
  #fail(worker, isForGood = false) {
    if (worker) this.#end(worker);
    if (![...this.#workers.values()].includes(true)) {
      this.#isAble &&= !isForGood;
      this.#restsUntil = this.now() + REST;
      for (const other of this.#workers.keys()) this.#end(other);
    }
    this.#assign();
  }

  #give(worker, job) {
    const finish = (act) => {
      stop();
      worker.onmessage = null; // both would hold on to what it made
      worker.onerror = () => this.#end(worker);
      act();
      this.#idle.push(worker);
      this.#assign();
    };
    const drop = () => {
      stop();
      this.#end(worker);
      job.resolve(job.task === "hash" ? "" : { ...UNSEEN, blob: job.file });
      this.#assign();
    };
    const stop = startPatience(drop, this.watchdog, this.now);
    worker.onerror = drop; // out of memory, most often
    worker.onmessage = ({ data }) =>
      finish(() => (data.error ? job.reject(new Error(data.error)) : job.resolve(data.result)));
    worker.postMessage({ task: job.task, file: job.file, options: job.options });
  }

  #doHere(job) {
    const work = async () => {
      if (job.signal?.aborted) return;
      const isHash = job.task === "hash";
      job.resolve(await (isHash ? hashFile(job.file) : prepareHere(job.file, job.options, onscreen)));
    };
    this.#here = this.#here.then(work).catch(job.reject);
  }

  #endIdle() {
    for (const worker of this.#idle.splice(0)) this.#end(worker);
  }

  #end(worker) {
    worker.terminate();
    this.#workers.delete(worker);
    this.#idle = this.#idle.filter((other) => other !== worker);
  }
}

function startModuleWorker(url) {
  return new Worker(url, { type: "module" });
}
